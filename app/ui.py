"""The page as a whole: tabs, look, and what the server may and may not do."""

import base64
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from app import api
from app.compare import tab as compare
from app.dna import tab as dna
from app.explore import tab as explore
from app.generate import tab as generate
from app.models import tab as models
from app.picture.viewer import STATIC, script_tag
from app.runs import tab as runs
from app.server import kept
from app.server.policy import Policy
from app.server.session import MAX_UPLOAD_BYTES, MAX_WAITING, Session
from app.work.quiet import QUIET

TITLE = "H-Net chunks"
_TABS = {
    "Explore": explore,
    "Compare": compare,
    "DNA": dna,
    "Generate": generate,
    "Runs": runs,
    "Models": models,
}
_TOGGLE, _THEME = "() => hnet.toggleTheme()", "() => hnet.keepTheme()"
_PAPER = "https://arxiv.org/abs/2507.07955"
_README = Path(__file__).resolve().parents[1] / "README.md"
_SCRIPTS = ("theme.js", "typing.js", "groups.js", "figures.js", "downloads.js", "former.js")
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M1 4h5v8H1zm6 0h3v8H7zm4 0h4v8h-4z' fill='%232f6db5'/%3E%3C/svg%3E"
)


FILES_KEPT = (600, 7200)
"""Seconds between two looks for what people brought and took away, and the age from which it goes."""


def _readme() -> str:
    """README as an address that holds it, so that no file of the disk is served for it."""
    return f"data:text/markdown;base64,{base64.b64encode(_README.read_bytes()).decode('ascii')}"


def build(session: Session) -> gr.Blocks:
    """The page over one session."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=FILES_KEPT) as page:
        with gr.Row(elem_classes="top"):
            gr.HTML(
                f"<h1>{TITLE}</h1><p>An H-Net reads bytes and learns by itself where to cut them; each tinted block "
                f'is one of its chunks. <a href="{_PAPER}" target="_blank" rel="noopener">the paper</a> '
                f'<a href="{_readme()}" download="README.md">README</a></p>',
                elem_classes="title",
            )
            toggle = gr.Button("light / dark", size="sm", elem_id="theme", min_width=90, scale=0)
        toggle.click(None, None, None, js=_TOGGLE, **QUIET)
        page.load(None, None, None, js=_THEME, **QUIET)
        with gr.Tabs():
            for name, tab in _TABS.items():
                with gr.Tab(name, id=name.lower(), render_children=True):
                    tab.build(session)
        api.build(session)
    kept.connect(page, session.kept)
    return page.queue(max_size=MAX_WAITING, default_concurrency_limit=4, api_open=False)


def _theme() -> gr.themes.Base:
    """Fonts that are on the machine, and contrast."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    mono = ["DejaVu Sans Mono", "Cascadia Mono", "Menlo", "Consolas", "monospace"]
    theme = gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        spacing_size="sm",
        radius_size="sm",
        text_size="sm",
        font=fonts,
        font_mono=mono,
    )
    # Gradio's subdued greys on white, and white on its primary blue, are below 4.5:1; its fields have no edge at all.
    return theme.set(
        input_border_width="1px",
        input_border_color="#7b8896",
        input_border_color_dark="#8b9bb0",
        input_border_color_focus="#2563eb",
        input_border_color_focus_dark="#7db4ff",
        input_placeholder_color="#566270",
        input_placeholder_color_dark="#a9b6c6",
        checkbox_border_color="#64717f",
        checkbox_border_color_dark="#c3cfdd",
        checkbox_border_color_selected="#1d4ed8",
        checkbox_border_color_selected_dark="#dbe6f5",
        body_text_color_subdued="#566270",
        body_text_color_subdued_dark="#a9b6c6",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_700",
    )


def launch_options(users: list[tuple[str, str]] | None = None, mcp: bool = False) -> dict[str, Any]:
    """Arguments of Blocks.launch that keep everything on this machine: local fonts, no sharing, no history.

    users  (name, password) of who may open the page; None is everybody
    mcp    serve the API's functions as MCP tools too
    """
    return {
        "theme": _theme(),
        "css_paths": [str(STATIC / f"{name}.css") for name in ("page", "viewer", "genome")],
        "head": f'<link rel="icon" href="{_ICON}">{script_tag(_SCRIPTS)}',
        "footer_links": [],
        "run_history": False,
        "share": False,
        "max_file_size": MAX_UPLOAD_BYTES,
        "enable_monitoring": False,
        "ssr_mode": False,
        "show_error": True,
        "quiet": True,
        "inbrowser": False,
        # Gradio asks itself for the page and gives up after 3 s: a busy machine takes longer.
        "_frontend": False,
        "auth": users,
        "mcp_server": mcp,
        "app_kwargs": {"middleware": [Middleware(Policy)]},
    }
