"""Long work of one visitor and of two at once: progress, a Stop that reaches it, the place in the queue, privacy."""

import re
import threading
import time

import pytest

from app import surprisal
from tests.app.test_browser import TEXT, paste, shown_text, wait_loaded

pytestmark = pytest.mark.browser

STATUS = "document.querySelector('#explore-bits-status textarea').value"
LINE = "document.querySelector('#explore-bits textarea').value"


@pytest.fixture
def second(browser, server):
    """Another visitor: a context of its own, with nothing shared but the server."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(server)
    page.wait_for_selector("#explore-run")
    yield page
    context.close()


def test_surprisal_is_stopped_and_started_again(page, monkeypatch):
    real = surprisal.surprisals

    def endless(loaded, texts, progress):
        while True:
            time.sleep(0.05)
            progress(1, 100)

    monkeypatch.setattr(surprisal, "AUTOMATIC", 10)
    paste(page, TEXT)
    page.wait_for_function(f"{LINE}.includes('press the button')")
    monkeypatch.setattr(surprisal, "surprisals", endless)
    page.click("#explore-bits-run:not([disabled])")
    page.get_by_text(re.compile(r"^\s*surprisal")).first.wait_for()
    page.click("#explore-bits-stop:not([disabled])")
    page.wait_for_function(f"{STATUS}.endsWith('the next request starts afresh.')")
    page.wait_for_selector("#explore-bits-stop[disabled]")
    assert "press the button" in page.evaluate(LINE)
    monkeypatch.setattr(surprisal, "surprisals", real)
    page.click("#explore-bits-run:not([disabled])")
    page.wait_for_function(f"{LINE}.includes('bits per byte')")
    page.wait_for_function("hnet.viewers['explore-viewer'].segments.bits")
    page.wait_for_selector("#explore-bits-stop[disabled]")


def test_a_second_visitor_sees_the_place_in_the_queue_and_nothing_of_the_first(
    page, second, session, monkeypatch
):
    real, go_on = session.analyse, threading.Event()

    def held(sequences, name, progress=None):
        while not go_on.wait(0.05):
            progress(1, 100)
        return real(sequences, name, progress)

    monkeypatch.setattr(session, "analyse", held)
    for visitor, words in ((page, "first secret words"), (second, "the words of the second")):
        visitor.locator("#explore-source").get_by_text("Paste", exact=True).click()
        visitor.locator("#explore-text textarea").fill(words)
        visitor.click("#explore-run")
        if visitor is page:
            page.get_by_text("finding boundaries").first.wait_for()
    second.get_by_text(re.compile(r"queue: 1/1")).first.wait_for()
    go_on.set()
    for visitor, words in ((page, "first secret words"), (second, "the words of the second")):
        wait_loaded(visitor, "explore")
        assert shown_text(visitor, "explore") == words
        visitor.wait_for_function(f"{LINE}.includes('bits per byte')")
    assert "secret" not in second.content() and "second" not in page.locator("#explore-table").inner_text()
    assert "the words" not in page.content()
