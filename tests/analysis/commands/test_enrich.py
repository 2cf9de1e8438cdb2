"""python -m analysis enrich: whole calls, with a model whose boundaries can be read off the bases."""

import pandas as pd
import pytest

from analysis import schema
from analysis.commands import cli
from analysis.references import models as models_by_name
from tests.analysis.commands.test_cli import refused
from tests.analysis.fake_model import FakeModel
from tests.analysis.inputs.test_genbank import RECORD

GFF3 = "s1\tx\tgene\t4\t15\t.\t+\t.\tID=g\ns1\tx\tCDS\t4\t15\t.\t+\t0\tID=c;Parent=g\n"
DNA = "TTTATGAAATGATAATTTGGTATAATCC"


@pytest.fixture(autouse=True)
def model(monkeypatch):
    fake = FakeModel("bases", cuts=(b"A", b"T"), info={"domain": "dna"})
    monkeypatch.setattr(models_by_name, "load_model", lambda name, *_: fake)


@pytest.fixture
def call(tmp_path):
    (tmp_path / "g.fa").write_text(f">s1\n{DNA}\n>s2\nACGT\n")
    (tmp_path / "g.gff3").write_text(GFF3)
    places = {"--annotation": "g.gff3", "--model": "bases", "--out": "out.csv", "--shifts": "50"}

    def arguments(**changes):
        options = places | {"--" + name.replace("_", "-"): value for name, value in changes.items()}
        files = ("--annotation", "--out", "--profiles")
        parts = [str(tmp_path / "g.fa")]
        for name, value in options.items():
            parts += [name] if value is True else [name, str(tmp_path / value) if name in files else value]
        return ["enrich", *parts]

    return arguments


def test_every_analysis_is_in_the_table(call, tmp_path, capsys):
    assert cli.main(call(profiles="p.parquet", reverse_complement=True, window="5")) == 0
    table = pd.read_csv(tmp_path / "out.csv")
    assert list(table.columns) == ["file", *schema.ENRICHMENT]
    assert set(table["analysis"]) == {"feature", "codon_phase", "codon_at", "motif", "reverse_complement"}
    assert set(table["stage"]) == {0, 1}
    rows = table[table["stage"] == 0].set_index(["analysis", "feature", "strand", "frame", "measure"])
    # Coding ATG AAA TGA TAA; the model cuts behind each A: at T, AAT, A, AAT... counted by hand below.
    cuts = [i for i in range(1, len(DNA)) if DNA[i - 1] == "A"]
    inside = [(i - 3) % 3 for i in cuts if 3 <= i < 15]
    got = [rows.loc[("codon_phase", "CDS", "+", 0, f"rate_{k + 1}"), "value"] for k in range(3)]
    assert got == [inside.count(k) / 4 for k in range(3)]
    assert rows.loc[("motif", "box -10", "+", 0, "tokens_per_occurrence"), "value"] == 4
    schema.check(pd.read_parquet(tmp_path / "p.parquet"), {"file": "str", **schema.PROFILES})
    captured = capsys.readouterr()
    assert "says nothing of 's2'" in captured.err and "wrote" in captured.out


def test_profiles_rest_on_twenty_times_the_shifts(call, tmp_path):
    """p must be small to stand out among a thousand offsets: of 50 shifts it could not be below 2 / 51."""
    assert cli.main(call(profiles="p.csv", window="5")) == 0
    p = pd.read_csv(tmp_path / "p.csv")["p_value"]
    counted = p[p < 1] * (1 + 20 * 50)
    assert len(counted) and counted.tolist() == pytest.approx(counted.round().tolist(), abs=1e-6)
    assert (counted.round() % 2 == 0).all()  # two-sided: twice a number of draws
    assert pd.read_csv(tmp_path / "out.csv")["shifts"].max() == 50


def test_the_screen_says_where_no_smaller_p_can_be(call, tmp_path, capsys):
    """The model cuts in the gene and nowhere else, which no shift comes near."""
    (tmp_path / "g.fa").write_text(f">s1\n{'C' * 200}{'A' * 60}{'C' * 740}\n")
    (tmp_path / "g.gff3").write_text("s1\tx\tCDS\t201\t260\t.\t+\t0\tID=c\n")
    assert cli.main(call(shifts="199", motif="x=GG")) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if " q " in line]
    table = pd.read_csv(tmp_path / "out.csv")
    (rate,) = (line for line in lines if line.startswith("bases stage 0 feature CDS . rate"))
    row = table[(table["stage"] == 0) & (table["feature"] == "CDS") & (table["strand"] == ".")].iloc[0]
    assert row["p_value"] == 2 / 200 and rate.endswith(f"q ≤ {row['q_value']:.3g}")


def test_a_genbank_file_brings_its_own_annotation(tmp_path):
    (tmp_path / "g.gb").write_text(RECORD)
    out = str(tmp_path / "out.csv")
    assert (
        cli.main(["enrich", str(tmp_path / "g.gb"), "--model", "bases", "--out", out, "--shifts", "9"]) == 0
    )
    assert "CDS" in set(pd.read_csv(out)["feature"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annotation": "missing.gff3"}, "cannot be read"),
        ({"out": "out.bed"}, "has no positions"),
        ({"profiles": "out.csv"}, "give each table its own file"),
        ({"shifts": "0"}, "--shifts 1 or more"),
        ({"motif": "x=TAXA"}, "'X' is no nucleotide code"),
        ({"annotation": "g.fa"}, "g.fa: has no features"),
    ],
)
def test_wrong_calls_write_nothing(call, tmp_path, capsys, changes, message):
    before = sorted(path.name for path in tmp_path.iterdir())
    assert message in refused(capsys, *call(**changes))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("gff3", "message"),
    [
        (GFF3.replace("s1", "other"), "is of another genome"),
        (GFF3.replace("\t15\t", "\t150\t"), "no feature lies on the input"),
        ("##gff-version 3\n", "has no features"),
        (GFF3.replace("\t4\t15", "\t15\t4"), "line 1: start 15 and end 4"),
    ],
)
def test_wrong_annotations_write_nothing(call, tmp_path, capsys, gff3, message):
    (tmp_path / "g.gff3").write_text(gff3)
    assert message in refused(capsys, *call())
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("dna", ["A", "AC", "ACG"])
def test_tiny_sequences(call, tmp_path, dna):
    (tmp_path / "g.fa").write_text(f">s1\n{dna}\n")
    (tmp_path / "g.gff3").write_text(f"s1\tx\tCDS\t1\t{len(dna)}\t.\t+\t0\tID=c\n")
    assert cli.main(call(profiles="p.csv", reverse_complement=True)) == 0


def test_a_gtf_and_a_gff3_of_one_gene_give_the_same_tables(call, tmp_path, capsys):
    """From file to file: the stop codon outside CDS, on both strands."""
    tables = []
    for stop, coding, reverse in (
        ('stop_codon\t13\t15\t.\t+\t0\ttranscript_id "t";', (4, 12), (19, 24)),
        ("", (4, 15), (16, 24)),
    ):
        about = 'transcript_id "{0}";' if stop else "ID={0}"
        lines = [f"CDS\t{coding[0]}\t{coding[1]}\t.\t+\t0\t{about.format('t')}", stop]
        lines.append(f"CDS\t{reverse[0]}\t{reverse[1]}\t.\t-\t0\t{about.format('u')}")
        lines.append(stop and 'stop_codon\t16\t18\t.\t-\t0\ttranscript_id "u";')
        (tmp_path / "g.gff3").write_text("".join(f"s1\tx\t{line}\n" for line in lines if line))
        assert cli.main(call(profiles="p.csv", window="3")) == 0
        tables.append([(tmp_path / name).read_text() for name in ("out.csv", "p.csv")])
    assert tables[0] == tables[1]
    profiles = pd.read_csv(tmp_path / "p.csv")
    stops = profiles[(profiles["site"] == "stop") & (profiles["stage"] == 0)]
    # Behind every A a chunk starts: TGATAA at 9, the stop codon at 12; on the reverse strand it ends at 15.
    cuts = {i for i in range(1, len(DNA)) if DNA[i - 1] == "A"}
    for strand, site, step in (("+", 12, 1), ("-", 17, -1)):
        mine = stops[stops["strand"] == strand]
        assert mine["n_boundaries"].tolist() == [int(site + step * k in cuts) for k in range(-3, 4)]


def test_what_is_odd_in_an_annotation_is_said(call, tmp_path, capsys):
    (tmp_path / "g.gff3").write_text("s1\t3\t9\ta\ns1\t5\t5\tb\n")
    assert cli.main(call()) == 0
    assert "warning: g.gff3: 1 features have no length and are left out" in capsys.readouterr().err
