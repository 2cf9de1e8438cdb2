"""What the page shows before anybody asked for anything: the first sample, cut already and kept with the app.

`python -m app.explore.opening` makes it anew, after another model or sample.
"""

import json
import sys
from pathlib import Path
from typing import Any

from analysis.files.provenance import file_hash
from analysis.inputs.reading import read_input
from app.kinds.domain import domain_line
from app.picture import value as view
from app.server.session import Session
from hnet_core.checkpoint import WEIGHTS, model_folder
from hnet_core.errors import HNetError

KEPT = Path(__file__).resolve().parents[2] / "assets" / "opening.json"
SAMPLE, DOMAIN = "english", "english"


def made(session: Session) -> dict[str, Any]:
    """The viewer's value over the first sample, by the model that the page takes for it."""
    path, name = session.sample(SAMPLE).path, session.model_for(DOMAIN)
    done = session.analyse(read_input(path, "text", path.name), name)
    link = {"tab": "explore", "model": name, "sample": SAMPLE}
    return {**view.text_value(done, domain_line(DOMAIN, "", guessed=True), link), "opening": True}


def kept(session: Session) -> dict[str, Any] | None:
    """The value of KEPT; None where the page has another model for it, whose cuts it would not show."""
    try:
        value = json.loads(KEPT.read_text(encoding="utf-8"))
        name = session.model_for(DOMAIN)
        weights = file_hash(model_folder(name, session.models_dir) / WEIGHTS)
        return value if value["about"]["models"][name]["weights_sha256"] == weights else None
    except (OSError, ValueError, KeyError, HNetError):
        return None


def main() -> int:
    """Write KEPT."""
    KEPT.write_text(json.dumps(made(Session(device="cpu")), ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
