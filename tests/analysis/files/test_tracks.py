"""BED, bedGraph and GFF3: each format's own coordinates, read back to the table."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from analysis.boundaries.extract import analyse
from analysis.files.export import open_writer, write_table
from analysis.inputs.reading import Sequence
from hnet_core.errors import InputError
from tests.analysis.fake_model import FakeModel


@pytest.fixture
def result():
    model = FakeModel("m", cuts=(b"A", b"C"), info={"domain": "dna"})
    return analyse(
        [Sequence("chr1", b"TTATCATG", kind="dna"), Sequence('od"d;=id', b"GA", kind="dna")], model
    )


def fields(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


def test_bed_is_zero_based_half_open(result, tmp_path):
    write_table(result.chunks, tmp_path / "t.bed")
    assert fields(tmp_path / "t.bed") == [
        ["chr1", "0", "3", "hnet:stage0", "900", "."],
        ["chr1", "3", "6", "hnet:stage0", "900", "."],
        ["chr1", "6", "8", "hnet:stage0", "900", "."],
        ["chr1", "0", "6", "hnet:stage1", "900", "."],
        ["chr1", "6", "8", "hnet:stage1", "900", "."],
        ['od"d;=id', "0", "2", "hnet:stage0", "900", "."],
        ['od"d;=id', "0", "2", "hnet:stage1", "900", "."],
    ]


def test_gff3_counts_from_one_and_includes_the_end(result, tmp_path):
    write_table(result.chunks.assign(model="my model"), tmp_path / "t.gff3")
    first, *lines = fields(tmp_path / "t.gff3")
    assert first == ["##gff-version 3"]
    assert lines[1] == ["chr1", "my%20model", "region", "4", "6", "0.9", ".", ".", "stage=0"]
    assert lines[-1][0] == "od%22d%3B%3Did"
    back = [(int(line[3]) - 1, int(line[4])) for line in lines]
    assert back == list(zip(result.chunks["start"], result.chunks["end"], strict=True))


def test_bedgraph_has_one_track_a_model_and_stage_however_it_came(result, tmp_path):
    table = result.boundaries.assign(model="m")
    with open_writer(tmp_path / "t.bedgraph") as writer:
        writer.write(table[:5])
        writer.write(table[5:])
    lines = (tmp_path / "t.bedgraph").read_text().splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith("track")]
    assert [lines[i] for i in heads] == [
        'track type=bedGraph name="m stage 0" viewLimits=0:1',
        'track type=bedGraph name="m stage 1" viewLimits=0:1',
    ]
    assert lines[1:3] == ["chr1\t0\t1\t0.9", "chr1\t1\t2\t0.1"]
    assert len(lines) == 2 + len(table)


def test_tracks_are_the_same_in_pieces(result, tmp_path):
    for suffix in ("bed", "gff3"):
        write_table(result.chunks, tmp_path / f"whole.{suffix}")
        with open_writer(tmp_path / f"pieces.{suffix}") as writer:
            for _, row in result.chunks.groupby(level=0):
                writer.write(pd.DataFrame(row))
        assert (tmp_path / f"pieces.{suffix}").read_text() == (tmp_path / f"whole.{suffix}").read_text()


def test_another_library_reads_every_track(result, tmp_path):
    """oxbow reads what pyarrow and pyBigWig wrote: the same intervals and values, 1-based where the format is."""
    import oxbow

    about = {"models": {"m": "1f"}}
    chunks = result.chunks[result.chunks["sequence"] == "chr1"].assign(model="m", strand="-")
    one = chunks[chunks["stage"] == 0].reset_index(drop=True)
    lengths = {"chr1": 8}
    for suffix in ("bed", "gff3", "bw"):
        with open_writer(tmp_path / f"t.{suffix}", about, lengths) as writer:
            writer.write(one)
    bed = oxbow.from_bed(tmp_path / "t.bed", bed_schema="bed6").pd()
    gff3 = oxbow.from_gff(tmp_path / "t.gff3").pd()
    bigwig = oxbow.from_bigwig(tmp_path / "t.bw").pd()
    for back in (bed, gff3, bigwig):
        assert (back["start"] - one["start"]).unique().tolist() in ([0], [1])
        assert back["end"].tolist() == one["end"].tolist()
    assert (gff3["start"] == one["start"] + 1).all() and (bigwig["start"] == one["start"]).all()
    assert gff3["score"].tolist() == bigwig["value"].tolist() == pytest.approx([0.9] * 3)
    assert bed["strand"].tolist() == gff3["strand"].tolist() == ["-"] * 3
    assert json.loads((tmp_path / "t.bw.json").read_text()) == about
    for suffix, first in (("bed", "# hnet_chunks"), ("gff3", "##gff-version 3\n# hnet_chunks")):
        assert (tmp_path / f"t.{suffix}").read_text().startswith(f'{first} {{"models": {{"m": "1f"}}}}\n')


def test_bigwig_of_positions_in_pieces(result, tmp_path):
    import oxbow

    table = result.boundaries[(result.boundaries["stage"] == 0) & (result.boundaries["sequence"] == "chr1")]
    with open_writer(tmp_path / "t.bw", None, {"chr1": 8, "chr2": 5}) as writer:
        writer.write(table[:3])
        writer.write(table[3:])
    back = oxbow.from_bigwig(tmp_path / "t.bw").pd()
    assert back["start"].tolist() == list(range(8)) and back["end"].tolist() == list(range(1, 9))
    assert back["value"].to_numpy() == pytest.approx(table["prob"].to_numpy())


@pytest.mark.parametrize("table", ["chunks", "bytes"])
def test_a_bigwig_of_thousands_of_sequences_takes_little_longer_than_one_of_one(tmp_path, table):
    """The same rows: a library that looks a name up among all of them for every row takes twenty times as long."""
    import oxbow

    def seconds(n, rows_each):
        names, width = [f"scaffold_{i}" for i in range(n)], 2 if table == "chunks" else 1
        start = np.tile(np.arange(rows_each) * width, n)
        places = {"start": start, "end": start + width} if table == "chunks" else {"byte": start}
        sequence = pd.Categorical(np.repeat(names, rows_each), categories=names)
        rows = pd.DataFrame(
            {"sequence": sequence, "stage": 0, **places, "prob": np.arange(len(start)) / 2**20}
        )
        best = []
        for _ in range(3):
            began = time.process_time()
            with open_writer(tmp_path / "t.bw", None, dict.fromkeys(names, width * rows_each)) as writer:
                writer.write(rows)
            best.append(time.process_time() - began)
        back = oxbow.from_bigwig(tmp_path / "t.bw").pd()
        assert back["value"].tolist() == rows["prob"].tolist() and (back["start"] == start).all()
        assert (back["end"] == start + width).all() and back["chrom"].astype(
            str
        ).tolist() == sequence.tolist()
        return min(best)

    assert seconds(4_000, 25) < 5 * seconds(1, 100_000)


def test_rows_of_a_bigwig_that_do_not_rise_are_not_written(result, tmp_path):
    chunks = result.chunks[(result.chunks["stage"] == 0) & (result.chunks["sequence"] == "chr1")]
    with pytest.raises(ValueError, match="rise"), open_writer(tmp_path / "t.bw", None, {"chr1": 8}) as writer:
        writer.write(chunks[::-1])
    assert list(tmp_path.iterdir()) == []


def test_a_bigwig_holds_one_track(result, tmp_path):
    with (
        pytest.raises(InputError, match="one track"),
        open_writer(tmp_path / "t.bw", None, {"chr1": 8}) as writer,
    ):
        writer.write(result.chunks[result.chunks["sequence"] == "chr1"])
    assert list(tmp_path.iterdir()) == []
