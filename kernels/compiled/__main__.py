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
    args = parser.parse_args(argv)
    if os.environ.get(backend.INTERPRETER) == "1":
        print(
            f"kernels.compiled: {backend.INTERPRETER}=1 leaves nothing to compile; unset it", file=sys.stderr
        )
        return 2
    from kernels.compiled.cuda import compiled, launches

    print("| kernel | form | target | registers | shared memory, bytes | spilled, bytes a thread |")
    print("|---|---|---|---|---|---|")
    spilled = False
    for target in args.target or (80, 90):
        for launch in launches(args.dtype, target):
            made = compiled(launch, target)
            spilled |= made.spilled > 0
            cells = made.name, ", ".join(made.form), made.target, made.registers, made.shared, made.spilled
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return 1 if spilled else 0


if __name__ == "__main__":
    sys.exit(main())
