"""Fetch the published kernels that ours are measured against, as folders of plain Python that travel with the bundle.

    python -m hnet_core.lab.device.peers [--mamba-ssm DIR] [--out FOLDER]

FOLDER (default: peers/ of the clone, which git ignores) is one more place to import from: `kernels.bench` looks there.
mamba_ssm comes without what its own package imports first, so that its compiled parts are not needed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from hnet_core.commands import FAILED, Parser, run
from hnet_core.errors import InputError
from kernels.bench.peers import FOLDER

WHEELS = {"fla-core": "0.6.0", "liger-kernel": "0.8.5", "einops": "0.8.2"}
"""Of plain Python. einops is what fla-core and mamba_ssm import beside torch and triton."""
MAMBA = ("mamba-ssm", "2.3.2.post1")
NEEDED = Path("ops", "triton", "ssd_combined.py")
BARE = '"""Bare: the modules below it are imported by name, and nothing compiled with them."""\n\n__version__ = "{}"\n'


def main(argv: Sequence[str] | None = None) -> int:
    """0: all are there; 1: one could not be fetched, the others are there; 2: a call that cannot be met."""
    return run(_main, argv)


def _main(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out {args.out}: is a file; give a folder")
    if args.mamba_ssm is not None:
        _check_mamba(args.mamba_ssm)
    args.out.mkdir(parents=True, exist_ok=True)
    missing = False
    for name, version in (*WHEELS.items(), MAMBA):
        # Beside their place, so that a whole package is moved there or none.
        with tempfile.TemporaryDirectory(dir=args.out, prefix=".partial-") as partial:
            try:
                found = _fetched(name, version, args.mamba_ssm, Path(partial))
            except InputError as err:
                missing = True
                print(f"{name}: {err}", file=sys.stderr)
                continue
            print(f"{args.out}: {', '.join(_moved(found, args.out))}")
    return FAILED if missing else 0


def _fetched(name: str, version: str, mamba: Path | None, folder: Path) -> Path:
    """A folder below `folder` that holds the package and what is known of it."""
    if (name, version) != MAMBA:
        return _unpacked(_downloaded(name, version, folder), folder)
    if mamba is None:
        mamba = next(_unpacked(_downloaded(name, version, folder), folder).glob("*/"))
    return bare_mamba(mamba, folder / "bare")


def _downloaded(name: str, version: str, folder: Path) -> Path:
    """The archive that pip gives for a pinned version: a wheel of plain Python, or for mamba_ssm the source."""
    kind = (
        ["--no-binary", name, "--no-build-isolation"]
        if (name, version) == MAMBA
        else ["--only-binary", ":all:"]
    )
    call = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind, "--dest", str(folder)]
    # The source says what it is without compiling anything.
    environment = {**os.environ, "MAMBA_SKIP_CUDA_BUILD": "TRUE"}
    done = subprocess.run([*call, f"{name}=={version}"], env=environment, capture_output=True, text=True)
    archives = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    if done.returncode or not archives:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no archive came"]
        raise InputError(f"pip cannot download {name}=={version} ({said[-1]}); fetch it where pip works")
    return archives[0]


def _unpacked(archive: Path, folder: Path) -> Path:
    into = folder / "unpacked"
    if archive.suffix == ".whl":
        if not archive.stem.endswith("-none-any"):
            raise InputError(f"{archive.name}: is compiled for one machine; a peer must be plain Python")
        with zipfile.ZipFile(archive) as file:
            file.extractall(into)
    else:
        with tarfile.open(archive) as file:
            file.extractall(into, filter="data")
    return into


def _check_mamba(folder: Path) -> None:
    if not (folder / "mamba_ssm" / NEEDED).is_file():
        raise InputError(
            f"--mamba-ssm {folder}: holds no mamba_ssm/{NEEDED.as_posix()}; give the folder that holds mamba_ssm, "
            "a clone of its source"
        )


def bare_mamba(source: Path, into: Path) -> Path:
    """The Python of mamba_ssm below `into`, with a package module that imports nothing, and its name and version."""
    _check_mamba(source)
    package = source / "mamba_ssm"
    head = (package / "__init__.py").read_text(encoding="utf-8") if (package / "__init__.py").exists() else ""
    found = re.search(r'__version__ = "([\w.+]+)"', head)
    version = found[1] if found else "0"
    for path in sorted(package.rglob("*.py")):
        target = into / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (into / "mamba_ssm" / "__init__.py").write_text(BARE.format(version), encoding="utf-8")
    about = into / f"mamba_ssm-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: mamba-ssm\nVersion: {version}\n", encoding="utf-8"
    )
    if (source / "LICENSE").is_file():
        shutil.copyfile(source / "LICENSE", about / "LICENSE")
    return into


def _moved(found: Path, out: Path) -> list[str]:
    """Put what was found in its place, instead of another version of it; the names of the packages."""
    packages = sorted(path for path in found.iterdir() if path.is_dir())
    for path in packages:
        name, about, _ = path.name.partition("-")
        for former in out.glob(f"{name}-*.dist-info" if about else name):
            shutil.rmtree(former)
        path.replace(out / path.name)
    return [path.name for path in packages if "-" not in path.name]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hnet_core.lab.device.peers", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=FOLDER, metavar="FOLDER", help="default: peers/ of the clone"
    )
    parser.add_argument(
        "--mamba-ssm", type=Path, metavar="DIR", help="a clone of its source (default: its release, by pip)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
