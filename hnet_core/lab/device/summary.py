"""What a run found, as one short table: the last thing it prints."""

from pathlib import Path

from hnet_core.lab.device.steps import read_json

WAYS = ("forward", "backward")


def summary(out: Path) -> str:
    """Lines of what every step left in OUT; a step that left nothing is said to have left nothing."""
    steps = read_json(out / "steps.json") or []
    lines = [
        f"{each['name']:10} {each['state']:12} {each['seconds']:7.1f} s  {each['log']}" for each in steps
    ]
    probe = read_json(out / "probe.json")
    if probe:
        copied, products = probe.get("copied_bytes_a_second", 0), probe.get("matmul_flops_a_second", 0)
        lines.append(
            f"device     {probe['device']}: copies {copied / 1e9:.0f} GB/s, products {products / 1e12:.2f} TFLOP/s"
        )
    lines += [*_proof(read_json(out / "proof.json")), *_figures(out)]
    for each in read_json(out / "trainings.json").get("trainings", ()):
        bits, speed = each.get("bpb", float("nan")), each.get("kb_per_s", 0)
        seen = f"{each['bytes'] / 1e6:.2f} MB, {bits:.3f} bits a byte, {speed:.0f} kB/s"
        lines.append(f"training   {each['name']}: {seen}")
    return "\n".join(lines)


def _proof(found: dict) -> list[str]:
    lines = [
        f"proof      {op}: {r['passed']} passed, {r['failed']} failed{': ' + r['failures'][0] if r['failures'] else ''}"
        for op, r in found.get("operators", {}).items()
    ]
    if found.get("golden"):
        lines.append(f"proof      golden vectors: exit code {found['golden']['exit_code']}")
    if found.get("step"):
        worst = max(found["step"]["worst"].values())
        lines.append(f"proof      one step: largest error {worst:.1e}, limit {found['step']['limit']:.0e}")
    moved = [each["operator"] for each in found.get("repeated", ()) if each["moved"] or each["obstacle"]]
    if "repeated" in found:
        lines.append(f"proof      equal inputs, equal answers: all but {', '.join(moved) or 'none'}")
    if "failed" in found:
        lines.append(f"choice     fallen back: {', '.join(found['failed']) or 'nothing'}")
    return lines


def _figures(out: Path) -> list[str]:
    """Of the others also those that were measured when the time was over."""
    found = read_json(out / "figures.json")
    others = found.get("others") or read_json(out / "figures_others.json")
    lines = [
        f"figure     {r['op']} {r['direction']} ({r['sizes']}): {r['fraction_of_floor']:.2f} of its floor"
        for r in found.get("kernels", {}).get("results", ())
        if r.get("fraction_of_floor")
    ]
    lines += [
        f"figure     {each['op']} ({each['sizes']}) by {each['other']}: "
        + (each["obstacle"] or ", ".join(f"{each[way] * 1e3:.3f} ms {way}" for way in WAYS if each[way]))
        for each in others.get("others", ())
    ]
    ratio = found.get("training_step", {}).get("time_at_equal_flops")
    if ratio:
        lines.append(f"figure     a step of an H-Net at equal FLOPs: {ratio:.2f} x an isotropic Mamba-2")
    for batch, rate in found.get("generation", {}).items():
        lines.append(f"figure     generation, {batch} side by side: {rate:.0f} bytes a second")
    return lines
