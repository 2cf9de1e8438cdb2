"""python -m app: start the page, or with --check see that it could start."""

import argparse
import math
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from app.server.kept import BYTES, SECONDS, Kept
from app.server.session import Session
from app.ui import build, launch_options
from hnet_core.allocator import keep_free_memory
from hnet_core.errors import HNetError, InputError
from hnet_core.shape_caches import bound_shape_caches

AUTH = "HNET_AUTH"
"""Environment variable that may hold USER:PASSWORD."""


def main(argv: list[str] | None = None) -> int:
    """0 after a normal end, 2 for a call that cannot work."""
    args = _arguments(argv)
    bound_shape_caches()
    keep_free_memory()
    try:
        options = launch_options(users(args.auth), _mcp(args.mcp))
        session = Session(args.models, args.device, args.runs, _kept(args.keep_minutes, args.keep_gb))
        with _private_files():
            page = build(session)
            if args.check:
                return _check(session)
            threading.Thread(target=session.warm_up, daemon=True).start()
            _, url, _ = page.launch(
                server_name=args.host, server_port=args.port, prevent_thread_lock=True, **options
            )
            print(f"H-Net chunks at {url}  (Ctrl-C stops it)", flush=True)
            if args.mcp:
                print(f"MCP server at {url}gradio_api/mcp/", flush=True)
            page.block_thread()
    except (HNetError, OSError) as err:
        print(f"error: {err}", file=sys.stderr)
        return 2
    return 0


def _kept(minutes: float, gigabytes: float) -> Kept:
    """InputError for what is no time and no room."""
    for option, value in (("--keep-minutes", minutes), ("--keep-gb", gigabytes)):
        if not 0 < value < math.inf:
            raise InputError(f"{option} {value:g}: a number above 0, such as 0.5 or 60")
    return Kept(int(gigabytes * 1e9), minutes * 60)


def _check(session: Session) -> int:
    session.model(session.model_for("english"))
    print(
        f"ready: {len(session.choices())} models, {len(session.samples())} samples, device {session.device}"
    )
    return 0


def users(path: str | None) -> list[tuple[str, str]] | None:
    """Who may open the page: lines USER:PASSWORD of a file, or of the environment variable; None is everybody.

    Never a password on the command line, which everybody on the machine can read. Raises InputError.
    """
    if path is None:
        text, where = os.environ.get(AUTH, ""), f"the environment variable {AUTH}"
        if not text:
            return None
    else:
        where = f"--auth {path}" if Path(path).is_file() else "--auth"
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as err:
            raise InputError(
                f"--auth takes a text file with lines USER:PASSWORD, and what was given is none; a password is never "
                f"given on the command line, where everybody on this machine can read it (or set {AUTH}=USER:PASSWORD)"
            ) from err
    pairs = [tuple(line.split(":", 1)) for line in text.splitlines() if line.strip()]
    if not pairs or any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise InputError(
            f"{where}: every line is USER:PASSWORD, neither of them empty, and there is at least one"
        )
    return pairs


def _mcp(asked: bool) -> bool:
    """Whether to serve MCP; InputError where its package is missing."""
    if asked and find_spec("mcp") is None:
        raise InputError(
            '--mcp needs the package mcp, an optional extra: .venv/bin/python -m pip install "gradio[mcp]==6.31.0"'
        )
    return asked


def _private_files() -> tempfile.TemporaryDirectory:
    """A folder for what people bring and take away, which only this user can read, and which goes when the app ends.

    Gradio's own is shared by the machine. Each component notes the folder when it is built, and a file from any other
    is refused, so this comes before the page.
    """
    folder = tempfile.TemporaryDirectory(prefix="hnet-files-")
    os.environ["GRADIO_TEMP_DIR"] = folder.name
    return folder


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app", description="Look at the chunk boundaries of H-Net models in a browser."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--models", metavar="DIR", help="folder of model folders (default: assets/models)")
    parser.add_argument(
        "--runs", metavar="DIR", help="folder where the page saves runs (default: saves none)"
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument(
        "--auth",
        metavar="FILE",
        help=f"only who is listed in FILE, lines USER:PASSWORD, may open the page (or set {AUTH}=USER:PASSWORD)",
    )
    parser.add_argument(
        "--mcp", action="store_true", help="serve the functions of the API as MCP tools as well"
    )
    parser.add_argument(
        "--keep-minutes",
        type=float,
        default=SECONDS / 60,
        metavar="N",
        help="how long a result stays that nobody uses (default: %(default)g)",
    )
    parser.add_argument(
        "--keep-gb",
        type=float,
        default=BYTES / 1e9,
        metavar="N",
        help="gigabytes of all visitors' results together; beyond, the ones used longest ago go (default: %(default)g)",
    )
    parser.add_argument("--check", action="store_true", help="build the page, load a model, say so and end")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
