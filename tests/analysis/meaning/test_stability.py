"""Stability: rules whose reach is known, edits that are what they say."""

import zlib

import numpy as np
import pytest

from analysis import schema
from analysis.meaning.stability import KINDS, _edits, stability_table
from analysis.references.names import segmenter
from analysis.references.units import Segmenter
from hnet_core.errors import InputError
from tests.analysis.fake_model import FakeModel

TEXT = ("The cat sat on the mat, häufig and 去了 again. " * 40).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_edits_are_what_they_say(kind):
    for edit in _edits([TEXT], kind, 50, 30, 20, np.random.default_rng(0)):
        assert edit.before in TEXT
        behind = edit.before[edit.behind :]
        assert len(behind) <= 20 and edit.after.endswith(behind)
        before, after = edit.before.decode("utf-8", "ignore"), edit.after.decode("utf-8", "ignore")
        assert len(after) - len(before) == {"substitute": 0, "insert": 1, "delete": -1}[kind]
        symbol = edit.before[: edit.behind].decode("utf-8", "ignore")[-1:]
        gone = (
            edit.before[: edit.behind - len(symbol.encode())]
            if kind != "insert"
            else edit.before[: edit.behind]
        )
        assert edit.before != edit.after and edit.after.startswith(gone)
        assert len(edit.after) - len(edit.before) == edit.moved


def test_a_rule_that_looks_one_byte_back_changes_one_byte():
    table, curve = stability_table([TEXT], FakeModel("m", cuts=(b" ",)), edits=100)
    schema.check(table, schema.STABILITY)
    schema.check(curve, schema.STABILITY_CURVE)
    assert table["distance_max"].max() == 1 and table["jaccard"].min() > 0.98
    assert (table["unchanged"] > 0.4).all()
    assert (curve.loc[curve["distance"] > 0, "changed"] == 0).all()
    assert curve.loc[curve["distance"] == 0, "changed"].max() > 0


def test_a_grid_is_lost_for_good_by_an_insertion_and_not_by_a_substitution():
    data = bytes(np.random.default_rng(0).integers(97, 123, 5000).astype(np.uint8))
    table, _ = stability_table([data], segmenter("ref:fixed:4"), edits=60, context=100, reach=200)
    table = table.set_index("kind")
    assert table.loc["substitute", ["jaccard", "unchanged", "distance_max"]].tolist() == [1, 1, 0]
    assert table.loc["insert", "jaccard"] == 0 and table.loc["insert", "distance_median"] > 190
    assert table.loc["insert", "rate"] == pytest.approx(0.25, abs=0.01)
    assert table.loc["insert", "jaccard_chance"] == pytest.approx(0.25 / 1.75, abs=0.01)


def test_the_forced_start_of_a_piece_is_nobodys_choice():
    """Of a text so short that its first byte goes, changes or gets one before it: what stands first is no boundary."""
    table, _ = stability_table([b"abcde"], FakeModel("never", cuts=(b" ",)), edits=60)
    assert (table["unchanged"] == 1).all() and (table["rate"] == 0).all() and table["jaccard"].isna().all()


def test_chance_is_that_behind_each_edit():
    """A rule that cuts anywhere, often in one record and rarely in the other: no agreement in that."""

    def anywhere(data):
        rng = np.random.default_rng(zlib.crc32(data))
        return np.flatnonzero(rng.random(len(data)) < (0.7 if data[0] < ord("n") else 0.05))

    rng = np.random.default_rng(0)
    records = [bytes(rng.integers(low, low + 13, 5000).astype(np.uint8)) for low in (ord("a"), ord("n"))]
    table, _ = stability_table(records, Segmenter("x", "anywhere", anywhere), edits=150)
    assert (table["jaccard"] > 0.45).all()
    assert table["jaccard"].tolist() == pytest.approx(table["jaccard_chance"].tolist(), abs=0.02)


def test_seeds_repeat():
    model = FakeModel("m")
    one, two, other = (stability_table([TEXT], model, edits=20, seed=seed)[0] for seed in (1, 1, 2))
    assert one.equals(two) and not one.equals(other)


def test_inputs_too_short_are_refused():
    with pytest.raises(InputError, match="two bytes or more"):
        stability_table([b"a"], FakeModel())
