"""Walks that are under way two at a time: what waits for what, and what happens when one fails."""

import threading
import time
from contextvars import copy_context

import pytest
import torch

from hnet_core.boundaries.overlap import overlapped

STEPS = 4


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """As on a machine of two cores, whatever this one has."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


def contexts():
    return copy_context(), copy_context()


def test_a_step_waits_for_the_same_step_of_the_walk_before():
    ended = set()

    def walk(number):
        for step in range(STEPS):
            assert number == 0 or (number - 1, step) in ended
            time.sleep(0.002 * (number % 3))  # neither thread is always the faster one
            ended.add((number, step))
            yield
        return number

    assert list(overlapped(map(walk, range(9)), contexts())) == list(range(9))


def test_two_walks_are_under_way_at_a_time_on_threads_of_their_own():
    met, threads = threading.Event(), set()

    def first():
        threads.add(threading.get_ident())
        yield
        assert met.wait(60)  # the second walk has begun
        yield
        return "first"

    def second():
        threads.add(threading.get_ident())
        met.set()
        yield
        return "second"

    assert list(overlapped(iter([first(), second()]), contexts())) == ["first", "second"]
    assert len(threads) == 2 and threading.get_ident() not in threads


def test_no_more_than_three_walks_are_begun_before_the_first_is_taken():
    begun = []

    def walk(number):
        begun.append(number)
        yield
        return number

    found = overlapped((walk(number) for number in range(50)), contexts())
    assert next(found) == 0 and len(begun) <= 3
    found.close()
    assert len(begun) <= 3


@pytest.mark.parametrize("failing", range(4))
def test_an_error_comes_in_its_turn_and_nobody_waits_for_ever(failing):
    def walk(number):
        yield
        if number == failing:
            raise ValueError(number)
        yield
        return number

    found = overlapped(map(walk, range(8)), contexts())
    assert [next(found) for _ in range(failing)] == list(range(failing))
    with pytest.raises(ValueError, match=str(failing)):
        next(found)
