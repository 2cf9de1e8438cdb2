"""python -m app: start the page, or with --check see that it could start."""

import argparse
import os
import sys

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from app.session import Session
from app.ui import build, launch_options
from hnet_core.errors import HNetError


def main(argv: list[str] | None = None) -> int:
    """0 after a normal end, 2 for a call that cannot work."""
    args = _arguments(argv)
    try:
        session = Session(args.models, args.device)
        page = build(session)
        if args.check:
            session.model(session.model_for("english"))
            print(
                f"ready: {len(session.choices())} models, {len(session.samples())} samples, device {session.device}"
            )
            return 0
        _, url, _ = page.launch(
            server_name=args.host, server_port=args.port, prevent_thread_lock=True, **launch_options()
        )
    except (HNetError, OSError) as err:
        print(f"error: {err}", file=sys.stderr)
        return 2
    print(f"H-Net chunks at {url}  (Ctrl-C stops it)", flush=True)
    page.block_thread()
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app", description="Look at the chunk boundaries of H-Net models in a browser."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--models", metavar="DIR", help="folder of model folders (default: assets/models)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--check", action="store_true", help="build the page, load a model, say so and end")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
