"""The families are those that are promised, and what they name is there."""

import json
from dataclasses import replace

import pytest

from hnet_core.data.regions import RegionFilter
from hnet_core.errors import ConfigError, InputError
from hnet_core.lab import families
from hnet_core.lab.families import HeldOut, choose, read_experiments, read_families, run_folder
from hnet_core.training.__main__ import _parser
from hnet_core.training.recipe import read_recipe

PROMISED = {
    "english": {
        *(f"english-1stage-seed{s}" for s in (0, 1, 2)),
        *("english-2stage-seed0", "english-2stage-seed1", "english-1stage-seed0-order0"),
    },
    "chinese": {"chinese-1stage-seed0"},
    "code": {"code-1stage-seed0", "code-2stage-seed0"},
    "dna": {
        *(f"dna-1stage-seed{s}" for s in (0, 1, 2)),
        *("dna-1stage-seed0-order1", "dna-2stage-seed0", "dna-2stage-seed1"),
    },
}
EVERY = [m for group in read_families().values() for m in group] + list(read_experiments())


def test_families_hold_what_is_promised():
    found = {family: {m.name for m in members} for family, members in read_families().items()}
    assert found.keys() == PROMISED.keys()
    assert all(PROMISED[family] <= found[family] for family in PROMISED)


def test_seeds_and_orders_are_those_of_the_names():
    for member in (m for group in read_families().values() for m in group):
        name, _, rest = member.name.partition("-seed")
        assert int(rest[0]) == member.seed
        assert f"{name.split('-')[1][0]}stage" in member.recipe
        _, _, order = rest.partition("-order")
        assert not order or int(order) == member.data_seed
    for family, orders in (("dna", (0, 1)), ("english", (1, 0))):
        first = f"{family}-1stage-seed0"
        first, other = choose(family, [first, f"{first}-order{orders[1]}"])
        same = replace(other, name=first.name, title=first.title, run=first.run, data_seed=first.data_seed)
        assert same == first and (first.data_seed, other.data_seed) == orders
    assert {m.data_seed for m in choose("english", [f"english-1stage-seed{s}" for s in (0, 1, 2)])} == {1}


@pytest.mark.parametrize("member", EVERY, ids=lambda m: m.name)
def test_every_member_is_a_call_of_the_training(member, tmp_path):
    args = _parser().parse_args(member.arguments(tmp_path, tmp_path / "runs"))
    recipe = read_recipe(args.config, args.set)
    assert recipe.name == member.name and recipe.title == member.title
    assert (args.seed, args.data_seed, args.resume) == (member.seed, member.data_seed, True)
    assert args.out == str(tmp_path / "runs" / member.run) and recipe.licence
    # Nothing is scored, while training or after it, that was trained on.
    held_out = {member.data.tests[0].data} if recipe.domain == "dna" else {t.data for t in member.data.tests}
    assert not held_out & set(member.data.train)


def overlap(a: HeldOut, b: HeldOut) -> bool:
    """Whether two choices of data may have a byte in common, by file, half of the documents, record and region."""
    if a.data != b.data or {a.documents, b.documents} == {"even", "odd"}:
        return False
    if not a.include or not b.include:
        return True
    regions = [
        [RegionFilter([entry]).regions(entry.split(":")[0], 10**9) for entry in each.include]
        for each in (a, b)
    ]
    names = [[entry.split(":")[0] for entry in each.include] for each in (a, b)]
    return any(
        name == other and low < high_other and low_other < high
        for name, ((low, high),) in zip(names[0], regions[0], strict=True)
        for other, ((low_other, high_other),) in zip(names[1], regions[1], strict=True)
    )


def test_no_test_holds_validation_data():
    sets = {m.data_name: m.data for m in EVERY}
    assert {"english", "chinese", "python", "code", "microbes", "dna"} <= set(sets)
    for name, data in sets.items():
        assert data.valid and data.tests, name
        for valid in data.valid:
            assert not any(overlap(valid, test) for test in data.tests), (name, valid.name)
            assert overlap(valid, valid), "the test sees no overlap"


def test_what_may_overlap_is_seen():
    whole, even, odd = (HeldOut(name="x", data="a", documents=d) for d in ("", "even", "odd"))
    assert overlap(whole, even) and overlap(even, even) and not overlap(even, odd)
    one, two, three = (HeldOut(name="x", data="a", include=(r,)) for r in ("c:1-10", "c:10-20", "c:11-20"))
    assert (
        overlap(one, two)
        and not overlap(one, three)
        and overlap(HeldOut(name="x", data="a", include=("c",)), three)
    )


def test_validation_sequence_is_in_no_training():
    for member in choose("dna"):
        excluded = read_recipe(member.config, member.set).training.exclude
        for valid in member.data.valid:
            trained_on = valid.data in member.data.train
            assert not trained_on or all(entry.split(":")[0] in excluded for entry in valid.include)


def test_runs_are_not_shared():
    runs = [m.run for m in EVERY if not m.table]
    assert len(set(runs)) == len(runs)
    names = [m.name for m in EVERY]
    assert len(set(names)) == len(names)


def test_relatives_of_the_test_genome_are_in_no_training():
    for member in choose("dna"):
        assert not any("sakai" in path or "k12" in path for path in member.data.train)
        assert {t.include for t in member.data.tests} == {
            ("NC_000913.3:4150001-4350000",),
            ("NC_001147.6:400001-600000",),
        }
        assert all(
            t.include[0].split(":")[0] in read_recipe(member.config).training.exclude
            for t in member.data.tests
        )


def test_experiments_of_a_table_differ_in_nothing_but_the_model():
    groups = {}
    for member in read_experiments():
        options = read_recipe(member.config, member.set).training
        shared = (
            options.batch_bytes,
            options.row_bytes,
            options.learning_rate,
            options.warmup_share,
            options.decay,
        )
        key = (member.table, member.data_name)
        groups.setdefault(key, set()).add((member.bytes, member.data_seed, shared))
    assert all(len(found) == 1 for found in groups.values()) and len(groups) == 5


@pytest.mark.parametrize(
    ("name", "folder"),
    [("english-1stage-seed1", "english_1stage_s1"), ("dna-1stage-seed0-order1", "dna_1stage_s0_order1")],
)
def test_folder_of_a_run(name, folder):
    assert run_folder(name) == folder


def test_choice():
    names = {m.name for m in choose("all")}
    assert set().union(*PROMISED.values()) <= names and not names & {m.name for m in read_experiments()}
    with pytest.raises(InputError, match="family 'latin': must be one of english"):
        choose("latin")
    with pytest.raises(InputError, match="'dna-9': no member of dna; there are dna-1stage-seed0"):
        choose("dna", ["dna-9"])


def test_data_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"chinese_train.jsonl.xz: there is no such file"):
        choose("chinese")[0].data.check(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": "half"}, "weights='half' must be one of whole, boundary, none"),
        ({"recipe": "latin"}, "there is no recipe"),
        ({"data": "latin"}, "unknown data set 'latin'"),
        ({"sed": 1}, "unknown sed"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, monkeypatch, change, words):
    raw = json.loads(families.FAMILIES.read_text())
    raw["families"]["chinese"][0].update(change)
    path = tmp_path / "families.json"
    path.write_text(json.dumps(raw))
    monkeypatch.setattr(families, "FAMILIES", path)
    with pytest.raises(ConfigError, match=words):
        read_families()
