"""training.csv and the board: every line whole, none twice."""

import csv
import sys

import pytest

from hnet_core.errors import InputError
from hnet_core.training.log import TrainingLog, columns, tensorboard


class Board:
    def __init__(self):
        self.drawn = []

    def add_scalar(self, tag, scalar_value, global_step):
        self.drawn.append((tag, scalar_value, global_step))


def step(log: TrainingLog, number: int, loss: float, last: bool = False) -> None:
    if log.add(number, 100 * number, {"loss": loss, "bpb": 2 * loss}, {"lr": 0.5}, last=last):
        log.write()


def lines(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_columns_are_the_curves_a_training_is_judged_by():
    assert columns(2) == [
        *(
            "step",
            "bytes",
            "loss",
            "bpb",
            "ratio_loss",
            "valid_bpb",
            "bytes_per_chunk_0",
            "bytes_per_chunk_1",
        ),
        *("boundary_rate_0", "boundary_rate_1", "grad_norm", "lr", "kb_per_s", "seconds"),
    ]


def test_a_line_is_the_mean_of_its_steps_and_is_drawn(tmp_path):
    board = Board()
    log = TrainingLog(tmp_path / "training.csv", 1, 2, board)
    log.start()
    for number, loss in enumerate((4.0, 2.0, 1.0), 1):
        step(log, number, loss, last=number == 3)
    first, second = lines(tmp_path / "training.csv")
    assert (first["step"], first["bytes"], first["loss"], first["bpb"], first["lr"]) == (
        "2",
        "200",
        "3",
        "6",
        "0.5",
    )
    assert (second["step"], second["loss"]) == ("3", "1")
    assert ("loss", 3.0, 2) in board.drawn and ("bpb", 2.0, 3) in board.drawn


def test_later_lines_and_half_a_line_are_dropped(tmp_path):
    path = tmp_path / "training.csv"
    log = TrainingLog(path, 1, 1)
    log.start()
    for number in (1, 2, 3, 11):
        step(log, number, 1.0)
    # A process killed while it wrote step 12 may leave "1", which would pass for step 1.
    path.write_text(path.read_text() + "1")
    log.cut(3)
    assert [row["step"] for row in lines(path)] == ["1", "2", "3"]


def test_tensorboard_that_is_not_installed_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="--tensorboard: the package tensorboard is not installed"):
        tensorboard(tmp_path)


def test_shares_are_columns_that_an_older_file_gets_when_it_goes_on(tmp_path):
    path = tmp_path / "training.csv"
    old = TrainingLog(path, 1, 1)
    old.start()
    step(old, 1, 4.0)
    log = TrainingLog(path, 1, 1, followed=("inside_word", "token_start"))
    log.resume(old.state)
    log.cut(1)
    log.add(2, 200, {"loss": 3.0}, {"valid_bpb": 2.0, "inside_word_0": 0.25}, last=False)
    log.write()
    first, second = lines(path)
    assert list(first)[-2:] == ["inside_word_0", "token_start_0"]
    assert (first["loss"], first["inside_word_0"]) == ("4", "")
    assert (second["loss"], second["inside_word_0"], second["token_start_0"]) == ("3", "0.25", "")
