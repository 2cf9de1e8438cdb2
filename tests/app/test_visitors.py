"""Long work of one visitor and of two at once: progress, a Stop that reaches it, nobody held up, privacy, an end."""

import re
import time

import pytest

from tests.app.conftest import running
from tests.app.test_browser import choose, paste, problem, shown_text, toast, upload, wait_loaded

pytestmark = pytest.mark.browser

TEXT = "It was the best of times, it was the worst of times.\nIt was the age of wisdom.\n"
STATUS = "document.querySelector('#explore-bits-status textarea').value"
LINE = "document.querySelector('#explore-bits textarea').value"


@pytest.fixture
def second(visit, server):
    """Another visitor."""
    return visit(server)


@pytest.fixture(scope="module")
def long_text(tmp_path_factory):
    """A text file that takes a model several seconds."""
    path = tmp_path_factory.mktemp("long") / "long.txt"
    path.write_text("Call me Ishmael. Some years ago, never mind how long precisely. " * 60_000)
    return path


def begin_long(page, path) -> None:
    """A long run, until its model is at work."""
    upload(page, "explore", path)
    page.click("#explore-run")
    page.get_by_text(re.compile("finding boundaries")).first.wait_for()


def start_paste(page, text: str) -> None:
    choose(page, "explore", "Paste")
    page.locator("#explore-text textarea").fill(text)
    page.click("#explore-run")


def test_surprisal_is_stopped_and_started_again(page, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text(TEXT * 3000)
    upload(page, "explore", path)
    page.click("#explore-run")
    page.wait_for_function(f"{LINE}.includes('press the button')")
    page.click("#explore-bits-run:not([disabled])")
    page.get_by_text(re.compile(r"^\s*surprisal")).first.wait_for()
    page.click("#explore-bits-stop:not([disabled])")
    page.wait_for_function(f"{STATUS}.endsWith('the next request starts afresh.')")
    page.wait_for_selector("#explore-bits-stop[disabled]")
    assert "press the button" in page.evaluate(LINE)
    page.click("#explore-bits-run:not([disabled])")
    page.wait_for_function(f"{LINE}.includes('bits per byte')")
    page.wait_for_function("hnet.viewers['explore-viewer'].segments.bits")
    page.wait_for_selector("#explore-bits-stop[disabled]")


def test_a_generation_holds_nobody_up_and_neither_sees_the_other(page, second):
    page.get_by_role("tab", name="Generate").click()
    page.locator("#generate-prompt textarea").fill("first secret words")
    page.locator("#generate-length input").fill("4000")
    page.locator("#generate-temperature input[type=number]").fill("0")  # the likeliest bytes never end a text
    page.click("#generate-run")
    page.wait_for_function("document.querySelector('#generate-viewer .seg').dataset.loads > 1")
    start_paste(second, "the words of the second")
    asked = time.monotonic()
    wait_loaded(second, "explore")
    took = time.monotonic() - asked
    # Looked at and pressed in one moment: a small model is soon at its end.
    under_way = page.locator("#generate-stop").evaluate("stop => !stop.disabled && (stop.click(), true)")
    assert under_way, "the generation was over before it could hold anybody up"
    assert shown_text(second, "explore") == "the words of the second"
    assert took < 10
    assert "secret" not in second.content() and "the words" not in page.content()
    page.get_by_text(", stopped").wait_for()


def test_a_short_run_is_let_in_beside_a_long_one(page, second, long_text):
    begin_long(page, long_text)
    start_paste(second, "the words of the second")
    wait_loaded(second, "explore")
    assert (
        page.locator("#explore-stop").is_enabled() and page.locator("#explore-viewer .seg-row").count() == 0
    )
    page.click("#explore-stop")
    assert problem(page, "explore").endswith("the next request starts afresh.")


def test_a_run_is_stopped_what_was_shown_stays_and_the_next_one_works(page, long_text):
    paste(page, TEXT)
    begin_long(page, long_text)
    page.click("#explore-stop:not([disabled])")
    assert problem(page, "explore").endswith("the next request starts afresh.")
    assert shown_text(page, "explore") == TEXT.replace("\n", "↵")
    former = page.locator(".picture.former")  # it says that it is of the run before
    assert former.locator("#explore-viewer").count() == 1
    page.wait_for_selector("#explore-stop[disabled]")
    start_paste(page, "something else")
    wait_loaded(page, "explore", 2)
    assert shown_text(page, "explore") == "something else" and former.count() == 0


def test_after_stop_the_new_request_runs_and_the_old_one_never_shows(page, second, long_text):
    begin_long(page, long_text)
    upload(second, "explore", long_text)  # OLD: it waits for its turn, or has begun
    second.click("#explore-run")
    second.click("#explore-stop:not([disabled])")
    assert "topped" in problem(second, "explore")
    start_paste(second, "NEW TEXT")
    wait_loaded(second, "explore")
    assert shown_text(second, "explore") == "NEW TEXT"
    second.wait_for_selector("#explore-stop[disabled]")
    page.locator("#explore-stop").dispatch_event("click")  # whether it has ended by now or not
    page.wait_for_selector("#explore-stop[disabled]")
    second.wait_for_timeout(2000)
    assert shown_text(second, "explore") == "NEW TEXT"
    assert second.locator("#explore-viewer .seg").get_attribute("data-loads") == "1"
    assert second.locator("#explore-status textarea").input_value() == ""


def test_of_two_requests_the_last_one_counts(page, long_text):
    """Without Stop in between: another request takes the place of the one under way."""
    begin_long(page, long_text)
    start_paste(page, "NEW TEXT")
    wait_loaded(page, "explore")
    assert shown_text(page, "explore") == "NEW TEXT"
    page.wait_for_timeout(2000)
    assert page.locator("#explore-viewer .seg").get_attribute("data-loads") == "1"
    assert page.locator("#explore-status textarea").input_value() == ""


def test_a_result_that_nobody_uses_ends_with_a_word_and_use_keeps_it(visit, models_dir):
    with running(models_dir, "--keep-minutes", "0.3") as url:
        page = visit(url)
        paste(page, "".join(f"Word {i} is here. " for i in range(900)))
        line = "document.querySelector('#explore-line textarea, #explore-line input').value"
        for number in (2, 3):  # 20 s later in all, used every 10 s
            page.wait_for_timeout(10_000)
            page.locator("#explore-page input").fill(str(number))
            page.keyboard.press("Enter")
            page.wait_for_function(f"{line}.includes('page {number} of')")
        page.wait_for_timeout(19_000)
        page.locator("#explore-page input").fill("4")
        page.keyboard.press("Enter")
        told = toast(page)
        assert (
            "this analysis has ended: nothing was done with it for 18 seconds" in told
            and "press Analyse" in told
        )
        page.click("#explore-run")
        wait_loaded(page, "explore", 2)


def test_of_too_much_for_all_what_was_used_longest_ago_ends_with_a_word(visit, models_dir):
    with running(models_dir, "--keep-gb", "0.00003") as url:
        first, second = visit(url), visit(url)
        for visitor in (first, second):
            paste(visitor, "It was the best of times. " * 100)
            visitor.wait_for_selector("#explore-csv-all:not([disabled])")
        first.locator("#explore-page input").fill("2")
        first.keyboard.press("Enter")
        assert "or others needed the memory; press Analyse" in toast(first)
        second.locator("#explore-page input").fill("2")
        second.keyboard.press("Enter")
        second.wait_for_function("document.querySelector('#explore-page input').value === '2'")
        assert second.locator("[data-testid=toast-body]").count() == 0
