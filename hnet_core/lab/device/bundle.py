"""What travels to a machine that is lent: the tracked files without the bundled models, the trainings' data, and the
peers where `python -m hnet_core.lab.device.peers` has put them.

    python -m hnet_core.lab.device.bundle --data DIR --out FOLDER

In FOLDER the run starts as `python -m hnet_core.lab.device --data data ...`.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hnet_core.commands import Parser, run
from hnet_core.errors import InputError
from hnet_core.lab.device.trainings import ROOT, read_trainings
from kernels.bench.peers import FOLDER

LARGEST = 64 * 2**20
"""Bytes that may travel."""
LEFT_OUT = ("assets/models/", "docs/")


def main(argv: Sequence[str] | None = None) -> int:
    return run(_main, argv)


def _main(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    if args.out.exists() and any(args.out.iterdir()):
        raise InputError(f"--out {args.out}: holds something already; give an empty folder or a new name")
    trainings = read_trainings()[: args.beside]
    data = sorted({each for t in trainings for each in (*t.data, t.valid)})
    for each in data:
        if not (args.data / each).exists():
            raise InputError(f"--data {args.data}: lacks {each}; give the folder that holds it")
    copies = [(ROOT / each, args.out / each) for each in tracked()]
    copies += [(args.data / each, args.out / "data" / each) for each in data]
    copies += [(path, args.out / "peers" / path.relative_to(FOLDER)) for path in peers()]
    size = sum(source.stat().st_size for source, _ in copies)
    if size > LARGEST:
        raise InputError(f"{size / 2**20:.0f} MiB would travel, at most {LARGEST >> 20}; lower --beside")
    for source, target in copies:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    beside = "with peers" if peers() else "no peers (python -m hnet_core.lab.device.peers fetches them)"
    names = ", ".join(each.name for each in trainings)
    print(f"{args.out}: {len(copies)} files, {size / 2**20:.1f} MiB; {beside}; trainings: {names}")
    return 0


def tracked() -> list[str]:
    """Files under version control, the ones that only the page needs left out."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as err:
        raise InputError(f"{ROOT}: is no clone that git can list; run this in one") from err
    names = done.stdout.decode().split("\0")
    return [name for name in names if name and not name.startswith(LEFT_OUT) and (ROOT / name).is_file()]


def peers() -> list[Path]:
    """Files of the published kernels that ours are measured against; none where they were not fetched."""
    found = [path for path in sorted(FOLDER.rglob("*")) if path.is_file()] if FOLDER.is_dir() else []
    return [path for path in found if "__pycache__" not in path.parts]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hnet_core.lab.device.bundle", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--beside", type=int, default=4, help="trainings that the machine takes (default 4)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
