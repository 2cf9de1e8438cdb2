"""The pictures of the README: every tab of the page with a result on it, in a real browser.

python tests/bench/screenshots.py        writes docs/<tab>.png; needs Chromium on the PATH
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from app.server.session import Session
from app.ui import build, launch_options

DOCS = Path(__file__).resolve().parents[2] / "docs"
SIZE = {"width": 1280, "height": 900}


def result(page: Page, tab: str) -> None:
    """Run the tab on what is chosen, and wait for the picture."""
    page.get_by_role("tab", name=tab, exact=True).click()
    name = tab.lower()
    page.click(f"#{name}-run")
    page.wait_for_selector(f"#{name}-viewer .seg[data-loads]:not([data-loads='0'])")
    page.wait_for_selector(f"#{name}-stop[disabled]")


def choose(page: Page, element: str, option: str) -> None:
    page.locator(f"#{element} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def run_opened(page: Page) -> None:
    """Keep what Explore shows, and open it on the tab Runs."""
    page.get_by_role("tab", name="Explore", exact=True).click()
    page.click("#explore-save")
    page.wait_for_selector("#explore-saved textarea")
    page.get_by_role("tab", name="Runs", exact=True).click()
    page.locator("#runs-list .virtual-row [role=gridcell]").first.click()
    page.wait_for_function("document.querySelector('#runs-picked input').value")
    page.click("#runs-open")
    page.wait_for_selector("#runs-viewer .seg[data-loads='1']")


def take(page: Page, tab: str) -> None:
    page.wait_for_timeout(1500)  # plots and messages come and go on their own
    page.screenshot(path=DOCS / f"{tab.lower()}.png")


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("error: no Chromium on the PATH; install Debian's chromium", file=sys.stderr)
        return 2
    runs = tempfile.TemporaryDirectory()
    blocks = build(Session(runs_dir=runs.name))
    _, url, _ = blocks.launch(server_name="127.0.0.1", prevent_thread_lock=True, **launch_options())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_selector("#explore-run")
        choose(page, "explore-model", "English, 2 stages, seed 0")
        for tab in ("Explore", "Compare", "DNA", "Generate"):
            result(page, tab)
            take(page, tab)
        run_opened(page)
        take(page, "Runs")
        page.get_by_role("tab", name="Models", exact=True).click()
        take(page, "Models")
        browser.close()
    blocks.close(verbose=False)
    runs.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main())
