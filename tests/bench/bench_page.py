"""The page in a real browser, with bundled models: how long results take, how it scrolls, how a threshold moves.

python tests/bench/bench_page.py        writes the last part of docs/page.md; needs Chromium on the PATH
"""

import shutil
import sys
import tempfile
from pathlib import Path

import genome_page
from playwright.sync_api import Page, sync_playwright
from speed_page import machine, table

from app.server.session import Session
from app.ui import build, launch_options

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "page.md"
TITLE = "## Speed\n\nWritten by `python tests/bench/bench_page.py`, with the bundled models."
SAMPLES = ROOT / "assets" / "samples"
TEXT = SAMPLES / "english_warden_100kb.txt"
FIRST = {
    "English": TEXT,
    "Chinese": SAMPLES / "chinese_rulin.txt",
    "Python": SAMPLES / "python_textwrap.py",
}
SCROLL = """async () => {
    const scroller = document.querySelector('#explore-viewer .seg-scroll'), gaps = [];
    let last = performance.now(), blank = 0;
    for (let i = 1; i <= 60; i++) {
        scroller.scrollTop = (scroller.scrollHeight - scroller.clientHeight) * i / 60;
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        const now = performance.now(), middle = scroller.getBoundingClientRect();
        const hit = document.elementFromPoint(middle.left + 80, middle.top + middle.height / 2);
        if (!hit || !hit.closest('.seg-row')) blank++;
        gaps.push((now - last) / 2);
        last = now;
    }
    gaps.sort((a, b) => a - b);
    return [gaps[30], gaps[57], gaps[59], blank];
}"""
WATCH = """tab => {
    const seg = document.querySelector(`#${tab}-viewer .seg`), loads = seg.dataset.loads;
    let clicked;
    document.getElementById(`${tab}-run`).addEventListener('click', event => { clicked = event.timeStamp; },
                                                           {capture: true, once: true});
    window.pictured = new Promise(done => new MutationObserver((_, observer) => {
        if (seg.dataset.loads === loads) return;
        observer.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(now => done((now - clicked) / 1000)));
    }).observe(seg, {attributeFilter: ['data-loads']}));
}"""
DRAG = """async () => {
    const slider = document.querySelector('#explore-viewer .seg-what-if input'), node = slider.closest('.seg-what-if');
    const frames = [];
    for (let i = 0; i < 40; i++) {
        slider.value = 0.3 + 0.01 * i;
        slider.dispatchEvent(new Event('input'));
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        frames.push(Number(node.dataset.frameMs));
    }
    frames.sort((a, b) => a - b);
    return [frames[20], frames[38], frames[39]];
}"""


def english(n: int) -> bytes:
    """n bytes of English: the longest sample again and again."""
    data = TEXT.read_bytes()
    return (data * (n // len(data) + 1))[:n].decode("utf-8", "ignore").encode()


def upload(page: Page, tab: str, data: bytes, folder: Path) -> None:
    path = folder / f"{len(data)}.txt"
    path.write_bytes(data)
    page.locator(f"#{tab}-source").get_by_text("Upload", exact=True).click()
    remove = page.locator(f"#{tab}-upload button[aria-label='Clear']")
    if remove.count():
        remove.first.click()
    page.locator(f"#{tab}-upload input[type=file]").set_input_files(path)
    page.locator(f"#{tab}-upload .file-preview", has_text=path.stem).wait_for()


def run(page: Page, tab: str) -> float:
    """Seconds from the click until a frame shows the next result, by the clock of the page itself."""
    page.evaluate(WATCH, tab)
    page.click(f"#{tab}-run")
    return page.evaluate("window.pictured")


def warm_up(page: Page) -> None:
    """The kernels compile and the models load at their first use; neither is what is measured."""
    for tab in ("Compare", "Explore"):
        page.get_by_role("tab", name=tab).click()
        run(page, tab.lower())


def measure(page: Page, folder: Path) -> list[list[str]]:
    rows = []
    for words, sample in FIRST.items():
        upload(page, "explore", sample.read_bytes()[:2_000].decode("utf-8", "ignore").encode(), folder)
        first = run(page, "explore")
        rows.append([f"2 kB of {words}, one model, its first run: click to picture", f"{first:.2f} s", "1 s"])
    warm_up(page)
    page.get_by_role("tab", name="Compare").click()
    times = []
    for n in (10_000, 10_001, 10_002):  # a result equal to the one on the page would not be drawn again
        upload(page, "compare", english(n), folder)
        times.append(run(page, "compare"))
    both = min(times)
    rows.append(["10 kB, two models: click to picture", f"{both:.2f} s", "1.5 s"])
    page.get_by_role("tab", name="Explore").click()
    upload(page, "explore", english(100_000), folder)
    run(page, "explore")
    middle, late, worst = page.evaluate(DRAG)
    rows.append(
        [
            "100 kB, threshold drag: a frame, median / 95 % / worst",
            f"{middle:.0f} / {late:.0f} / {worst:.0f} ms",
            "50 ms",
        ]
    )
    upload(page, "explore", english(1_000_000), folder)
    whole = run(page, "explore")
    opened = float(page.locator("#explore-viewer .seg").get_attribute("data-open-ms"))
    rows.append(["1 MB, one model: click to picture", f"{whole:.1f} s", ""])
    rows.append(["1 MB: viewer ready after the data arrived", f"{opened:.0f} ms", "1,000 ms"])
    middle, late, worst, blank = page.evaluate(SCROLL)
    rows.append(
        [
            "1 MB, scrolling end to end: a frame, median / 95 % / worst",
            f"{middle:.0f} / {late:.0f} / {worst:.0f} ms",
            "100 ms",
        ]
    )
    rows.append(["1 MB: frames with no row in the middle, of 60", str(blank), "0"])
    heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    rows.append(["1 MB: memory of the page's scripts", f"{heap:.0f} MB", "150 MB"])
    return rows


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("error: no Chromium on the PATH; install Debian's chromium", file=sys.stderr)
        return 2
    machine_line = machine()
    session = Session()
    blocks = build(session)
    session.warm_up()  # as the app does at its start
    _, url, _ = blocks.launch(server_name="127.0.0.1", prevent_thread_lock=True, **launch_options())
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        args = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
        browser = playwright.chromium.launch(executable_path=chromium, args=args)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_selector("#explore-run")
        rows = measure(page, Path(folder))
        rows += genome_page.measure(page, session, Path(folder))
        version = browser.version
        browser.close()
    blocks.close(verbose=False)
    body = "\n\n".join([f"{machine_line}; Chromium {version}.", table(["what", "measured", "goal"], rows)])
    part = PAGE.with_suffix(".tmp")
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(TITLE)
    part.write_text(f"{before}{TITLE}\n\n{body}\n", encoding="utf-8")
    part.replace(PAGE)
    print(body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
