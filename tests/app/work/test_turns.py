"""The one place for work: first come, first served, for a moment each; a stop reaches who waits."""

import threading
import time

import pytest

from app.work import turns
from app.work.job import Stopped
from app.work.turns import Turns


def started(work) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_place_goes_round_in_the_order_they_came():
    place, order, threads = Turns(), [], []

    def work(number: int) -> None:
        with place.take():
            order.append(number)

    with place.take():
        for number in range(6):
            threads.append(started(lambda number=number: work(number)))
            while len(place._line) < number + 2:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == list(range(6)) and not place._line


def test_a_long_run_lets_a_short_one_in_and_goes_on_behind_it(monkeypatch):
    monkeypatch.setattr(turns, "SHARE", 0.01)
    place, order, waits = Turns(), [], threading.Event()

    def short() -> None:
        with place.take(lambda *_: waits.set()):
            order.append("short")

    with place.take() as report:
        other = started(short)
        assert waits.wait(10)
        order.append("long")
        time.sleep(0.02)
        report(1, 2)
        order.append("long again")
    other.join(10)
    assert order == ["long", "short", "long again"]


def test_the_work_of_two_never_runs_at_once(monkeypatch):
    monkeypatch.setattr(turns, "SHARE", 0.0)
    place, inside, most = Turns(), 0, 0

    def work() -> None:
        nonlocal inside, most
        with place.take() as report:
            for step in range(50):
                inside += 1
                most = max(most, inside)
                time.sleep(0.0002)
                inside -= 1
                report(step, 50)

    threads = [started(work) for _ in range(4)]
    for thread in threads:
        thread.join(30)
    assert most == 1 and not place._line


def test_who_is_stopped_while_it_waits_or_works_leaves_the_line():
    place = Turns()

    def stop(*_) -> None:
        raise Stopped("stopped")

    with place.take():
        with pytest.raises(Stopped), place.take(stop):
            pass
        assert len(place._line) == 1
    with pytest.raises(Stopped), place.take() as report:
        report(1, 2)
        stop()
    assert not place._line
