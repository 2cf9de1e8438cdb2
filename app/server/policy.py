"""What the server says with every answer, so that a browser loads nothing from elsewhere and nobody frames the page."""

from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Gradio puts its configuration into inline scripts, and gr.HTML makes functions of its templates: both are
        # Gradio's and ours, constant, and never hold what a person typed. blob: is the search's worker and igv.js.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "worker-src 'self' blob:",
        # Components and Plotly style their elements in place.
        "style-src 'self' 'unsafe-inline'",
        # Figures are saved as pictures through data: and blob:; icons are data:.
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        # igv.js takes small tracks as data: and files of the browser as blob:; both stay on the machine.
        "connect-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
FILE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""Of files that people uploaded or made: whatever is in them runs nowhere."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_FILE = "/file="
_FETCHES = ("/file=http:", "/file=https:", "/proxy=")
"""Gradio fetches other addresses for whoever asks; nothing here needs it."""


class Policy:
    """ASGI middleware: the headers above on every answer; files as attachments; no fetching for others."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]

        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["content-security-policy"] = FILE_POLICY if _FILE in path else PAGE_POLICY
                if _FILE in path and not headers.get("content-disposition", "").startswith("attachment"):
                    headers["content-disposition"] = "attachment"
            await send(message)

        if any(each in path.lower() for each in _FETCHES):
            await PlainTextResponse("this server fetches nothing from elsewhere", 403)(scope, receive, answer)
            return
        await self.app(scope, receive, answer)
