"""What is read of a data folder, and how much."""

import gzip
import json
import lzma

import numpy as np
import pytest

from analysis.findings import data
from analysis.findings.data import Limits, first_words, heads, read_genomes, whole_files
from analysis.inputs.conllu import read_conllu
from analysis.inputs.sources import Sequence
from hnet_core.lab.families import read_data_sets


def documents(*sizes):
    return [Sequence(str(i), b"x" * size) for i, size in enumerate(sizes)]


def test_heads_share_what_short_documents_leave():
    taken = heads(documents(100, 10, 100), 90)
    assert [len(each.data) for each in taken] == [40, 10, 40]


def test_heads_of_less_than_the_limit_are_whole():
    assert [len(each.data) for each in heads(documents(5, 7), 100)] == [5, 7]


def test_heads_end_with_whole_characters():
    taken = heads([Sequence("a", "abñ".encode())], 3)
    assert taken[0].data == b"ab"


def test_whole_files_are_taken_while_they_fit():
    assert [each.name for each in whole_files(documents(50, 80, 40, 20), 100)] == ["0", "2"]
    assert [each.name for each in whole_files(documents(50, 40), 10)] == ["1"]


TREEBANK = b"""# newdoc
1\tcan\t_\t_\t_\t_\t_\t_\t_\t_
2\tnot\t_\t_\t_\t_\t_\t_\t_\t_
3\tgo\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
4\t.\t_\t_\t_\t_\t_\t_\t_\t_

"""


def test_first_words_cuts_where_a_word_starts():
    (text,) = read_conllu(TREEBANK)
    assert text.sequence.data == b"can not go." and text.words.tolist() == [0, 4, 8, 10]
    (short,) = first_words([text], 9)
    assert short.sequence.data == b"can not " and short.words.tolist() == [0, 4]
    (whole,) = first_words([text], 11)
    assert whole.sequence.data == text.sequence.data
    assert first_words([text, text], 15)[1].sequence.data == b"can "


def test_share_scales_sizes_and_not_shifts():
    limits = Limits().scaled(0.5, 19)
    assert limits.text_bytes == Limits().text_bytes // 2 and limits.genome_bases == Limits().genome_bases // 2
    assert limits.shifts == 19 and limits.word_shifts == 19


def write_genome(folder, monkeypatch, bases, lines):
    monkeypatch.setattr(data, "GENOMES", (("Ring", "ring", "r1"),))
    (folder / "dna").mkdir()
    (folder / "dna" / "ring.fa.gz").write_bytes(gzip.compress(b">r1\n" + bases + b"\n"))
    rows = "\n".join("\t".join(map(str, line)) for line in lines)
    (folder / "dna" / "ring.gff3.gz").write_bytes(gzip.compress(f"##gff-version 3\n{rows}\n".encode()))


def test_features_of_a_ring_do_not_wrap_around_a_part_of_it(tmp_path, monkeypatch):
    region = ("r1", ".", "region", 1, 300, ".", "+", ".", "ID=r1;Is_circular=true")
    inside = ("r1", ".", "gene", 11, 40, ".", "+", ".", "ID=g1")
    beyond = ("r1", ".", "gene", 121, 150, ".", "+", ".", "ID=g2")
    write_genome(tmp_path, monkeypatch, b"ACGT" * 75, [region, inside, beyond])
    (genome,) = read_genomes(tmp_path, Limits(genome_bases=100))
    assert genome.corpus.n_bytes == 100
    genes = genome.features[genome.features["kind"] == "gene"]
    assert genes[["start", "end"]].to_numpy().tolist() == [[10, 40]]


def test_nothing_is_read_of_a_folder_without_the_files(tmp_path):
    assert data.read_texts(tmp_path, Limits()) == []
    assert data.read_genomes(tmp_path, Limits()) == []
    assert data.read_treebanks(tmp_path, Limits()) == []


@pytest.mark.parametrize("name", vars(Limits()))
def test_every_limit_is_positive_at_the_smallest_share(name):
    assert getattr(Limits().scaled(1e-6, 19), name) > 0
    assert np.isfinite(getattr(Limits(), name))


def test_texts_are_the_halves_that_report_and_not_those_that_choose():
    tests = [each for known in read_data_sets().values() for each in known.tests]
    for _, _, file, first in data.TEXTS:
        halves = {each.documents for each in tests if each.data == file}
        assert halves == {{0: "even", 1: "odd"}[first]}, file


def test_of_a_file_every_second_document_is_read(tmp_path):
    (tmp_path / "text").mkdir()
    lines = "\n".join(json.dumps({"text": f"document {i}"}) for i in range(4))
    for name in ("english", "chinese"):
        (tmp_path / "text" / f"{name}_valid.jsonl.xz").write_bytes(lzma.compress(lines.encode()))
    read = {c.title: [each.data for each in c.sequences] for c in data.read_texts(tmp_path, Limits())}
    assert read == {"English": [b"document 1", b"document 3"], "Chinese": [b"document 0", b"document 2"]}


def test_of_treebanks_the_test_parts_are_read(tmp_path):
    (tmp_path / "segmentation").mkdir()
    for name in ("en_x-ud-dev", "en_x-ud-test", "vi_y-ud-test"):
        (tmp_path / "segmentation" / f"{name}.conllu.xz").write_bytes(lzma.compress(TREEBANK))
    banks = data.read_treebanks(tmp_path, Limits())
    assert [(bank.name, bank.language) for bank in banks] == [
        ("en_x-ud-test", "English"),
        ("vi_y-ud-test", "Vietnamese"),
    ]
