"""Results of all visitors: kept while they are used, within a total, and never gone without a word."""

import gc
import math
import time

import gradio as gr
import numpy as np
import pytest

from app import ui
from app.server import kept
from app.server.kept import Kept, Slot
from app.server.session import Session
from app.work.job import Jobs, Wish
from hnet_core.errors import InputError


def test_what_was_used_longest_ago_goes_first_and_the_sentence_says_what_to_press():
    store = Kept(most_bytes=3_000)
    slots = [store.put("Analyse", bytes(1_000)) for _ in range(3)]
    assert store.get(slots[0]) == bytes(1_000)
    newest = store.put("Compare", np.zeros(200))
    assert store.bytes == 2_000 + 1_600 - 1_000 and [each.ended for each in (*slots, newest)] == [0, 1, 1, 0]
    with pytest.raises(InputError, match=r"has ended: .*; press Analyse to have it again"):
        store.get(slots[1])
    assert store.get(slots[1], missing_is_none=True) is None


def test_a_result_larger_than_the_total_stays_alone():
    store = Kept(most_bytes=100)
    small, large = store.put("Analyse", b"x"), store.put("Analyse", bytes(500))
    assert small.ended and store.get(large) == bytes(500)


def test_use_keeps_a_result_alive_and_nothing_else_does():
    store = Kept(seconds=0.6)
    used, unused = store.put("Analyse", [b"used"]), store.put("Analyse", [b"unused"])
    for _ in range(4):
        time.sleep(0.3)
        assert store.get(used) == [b"used"]
    with pytest.raises(InputError, match=r"0\.6 seconds"):
        store.get(unused)


def test_a_result_goes_with_the_visit():
    store = Kept()
    slot = store.put("Analyse", bytes(1_000))
    assert store.bytes == 1_000
    del slot
    gc.collect()
    assert store.bytes == 0


def test_what_a_result_holds_twice_counts_once():
    data = bytes(1_000)
    assert Slot("Analyse", (data, [data, data])).bytes == 1_000


def test_events_take_and_give_results_and_states_hold_slots():
    store = Kept(most_bytes=20)
    with gr.Blocks() as page:
        state, button, number = kept.state("Analyse"), gr.Button(), gr.Number()
        button.click(lambda n: (bytes(int(n)), n), number, [state, number])
        button.click(lambda value: len(value or b""), state, number)
        button.click(lambda jobs, value: value, [gr.State(Jobs()), state], state)
        button.click(lambda value: gr.skip(), state, state)
        kept.connect(page, store)
    put, read, pass_on, skip = (event.fn for event in page.fns.values())
    first, n = put(8)
    assert isinstance(first, Slot) and n == 8 and read(first) == 8 and read(Slot("Analyse")) == 0
    again = pass_on(jobs := Jobs(), first)
    assert isinstance(again, Slot) and again is not first and jobs.current.failure == ""
    assert skip(first) == gr.skip()
    latest, _ = put(13)
    assert latest.bytes == 13
    with pytest.raises(gr.Error, match="press Analyse"):
        read(first)
    with pytest.raises(gr.Error, match="press Analyse"):
        pass_on(jobs, first)
    assert "has ended" in jobs.current.failure


def test_no_state_of_the_page_ends_without_a_word(models_dir, tmp_path):
    page = ui.build(Session(models_dir, "cpu", tmp_path / "runs"))
    states = [each for each in page.blocks.values() if isinstance(each, gr.State)]
    assert len(states) > 10
    for state in states:
        assert isinstance(state.value, Slot | Jobs | Wish) and state.time_to_live == math.inf
