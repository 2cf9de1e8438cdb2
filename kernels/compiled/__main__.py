"""python -m kernels.compiled: what each Triton kernel takes of a GPU, as a table; needs none."""

import argparse
import os
import sys

from kernels import backend


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kernels.compiled", description=__doc__)
    parser.add_argument(
        "--target", type=int, action="append", help="compute capability: 80, 90 (default: both)"
    )
    parser.add_argument(
        "--dtype", choices=("bfloat16", "float32"), default="bfloat16", help="of the activations"
    )
    parser.add_argument(
        "--narrow",
        action="store_true",
        help="the widths of a small model's outer stages: 256, 8 heads, state width 64",
    )
    args = parser.parse_args(argv)
    if os.environ.get(backend.INTERPRETER) == "1":
        print(
            f"kernels.compiled: {backend.INTERPRETER}=1 leaves nothing to compile; unset it", file=sys.stderr
        )
        return 2
    from kernels.compiled.cuda import NARROW, Sizes, compiled, launches

    print(
        "| kernel | form | target | registers | shared memory, bytes | spilled, bytes a thread | 2-byte loads |"
    )
    print("|---|---|---|---|---|---|---|")
    spilled = False
    for target in args.target or (80, 90):
        for launch in launches(args.dtype, target, NARROW if args.narrow else Sizes()):
            made = compiled(launch, target)
            spilled |= made.spilled > 0
            figures = made.registers, made.shared, made.spilled, made.narrow
            cells = made.name, ", ".join(made.form), made.target, *figures
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return 1 if spilled else 0


if __name__ == "__main__":
    sys.exit(main())
