"""One HTML file that shows a segmentation anywhere: the viewer, its style and its value, and nothing from outside."""

import json
from typing import Any

from analysis.files.provenance import Provenance
from app.picture.viewer import STATIC, script_tag, viewer_scripts

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline' blob:",
        "worker-src blob:",
        "style-src 'unsafe-inline'",
        "img-src data:",
    )
)
_START = """
const viewer = window.viewer = new window.hnet.Viewer(document.getElementById("viewer"));
viewer.load(JSON.parse(document.getElementById("value").textContent));
document.getElementById("theme").addEventListener("click", () => document.body.classList.toggle("dark"));
"""
_STYLE = """
body { margin: 16px; background: #ffffff; } body.dark { background: #10161d; }
#theme { position: absolute; top: 12px; right: 16px; font: 12px system-ui, sans-serif; padding: 4px 8px; }
#viewer { padding-top: 26px; }
"""


def standalone(value: dict[str, Any], about: Provenance) -> bytes:
    """The page as UTF-8. value: the viewer's JSON; its texts reach the page by textContent, as in the app.

    about  where the picture comes from; a second block of JSON, for whoever reads the file

    Inside <script> only `<` could end the data, so it travels escaped; bytes of the input travel as base64.
    """
    data, facts = (json.dumps(each, ensure_ascii=True).replace("<", "\\u003c") for each in (value, about))
    css = (STATIC / "viewer.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>H-Net chunks</title>\n<style>{css}{_STYLE}</style></head>\n"
        '<body><button id="theme" type="button">light / dark</button><main id="viewer"></main>\n'
        f'<script type="application/json" id="value">{data}</script>\n'
        f'<script type="application/json" id="provenance">{facts}</script>\n'
        f"{script_tag(viewer_scripts())}\n<script>{_START}</script></body></html>\n"
    ).encode()
