"""Folders and archives as inputs: every file in them, whatever packed it; nothing outside, nothing too large."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.commands import cli
from analysis.inputs.files import read_sequences
from hnet_core.errors import InputError

FILES = {
    "b.txt": b"the second",
    "a/z.txt": b"one two",
    "a/x.fa": b">r1\nACGT\n>r2\nGG\n",
    "c/x.fa": b">r1\nTT\n",
    "c/more.jsonl": b'{"text": "three"}\n{"text": "four"}\n',
    "a/packed.txt.gz": gzip.compress(b"inside"),
}
TEXTS = {
    ("a/packed.txt.gz", b"inside"),
    ("a/x.fa", b"ACGT"),
    ("a/x.fa", b"GG"),
    ("a/z.txt", b"one two"),
    ("b.txt", b"the second"),
    ("c/more.jsonl", b"three"),
    ("c/more.jsonl", b"four"),
    ("c/x.fa", b"TT"),
}
UNREAD = {
    ".hidden": b"x",
    ".git/config": b"x",
    "__MACOSX/b.txt": b"x",
    "empty.py": b"",
    "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a/paper.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x01stream",
    "a/reads.fq": b"@r\nACGT\n+\nIIII\n",
    "a/inner.zip": b"PK\x05\x06" + bytes(18),
    "a/inner.bz2": bz2.compress(b"x"),
}
WRITERS = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2"}


def folder(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def zipped(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path, files, mode="w", kind=tarfile.REGTYPE):
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            info.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            archive.addfile(info, io.BytesIO(data))
    return path


def nested_tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return file.getvalue()


def read(path, limit=10**6, kind="auto"):
    told = []
    found = read_sequences([str(path)], kind, limit, told.append)
    assert len({each.name for each in found}) == len(found)
    return [(each.file.removeprefix(f"{path}/"), each.data) for each in found], "".join(told)


def make(tmp_path, form, files):
    if form == "folder":
        return folder(tmp_path / "in", files)
    path = tmp_path / f"in{form}"
    return zipped(path, files) if form == ".zip" else tarred(path, files, WRITERS[form])


@pytest.mark.parametrize("form", ["folder", ".zip", *WRITERS])
def test_all_files_are_read_sorted_and_what_is_not_is_said(form, tmp_path):
    files = FILES | UNREAD | {"a/inner.tar.gz": gzip.compress(nested_tar())}
    found, told = read(make(tmp_path, form, dict(sorted(files.items(), reverse=True))))
    assert set(found) == TEXTS and len(found) == len(TEXTS)
    assert [file for file, _ in found] == sorted(file for file, _ in TEXTS)
    # Archives that lie in a folder are opened, those in an archive are not; one of them holds an empty file.
    empty, packed = (2, 1) if form == "folder" else (1, 3)
    assert f"{empty} empty" in told and f"{packed} packed" in told
    assert "2 binary" in told and "such as FASTQ" in told and "3 hidden" in told
    assert told.startswith("left out: ") and "\n" not in told


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_methods_of_zip(method, tmp_path):
    assert read(zipped(tmp_path / "x.zip", {"t": b"text " * 99}, method))[0] == [("t", b"text " * 99)]


def test_an_archive_in_a_folder_is_opened_and_one_in_an_archive_is_not(tmp_path):
    (tmp_path / "in").mkdir()
    inner = zipped(tmp_path / "inner.zip", {"t.txt": b"deep"}).read_bytes()
    zipped(tmp_path / "in" / "outer.zip", {"a/t.txt": b"read", "inner.zip": inner})
    found, told = read(tmp_path / "in")
    assert found == [("outer.zip/a/t.txt", b"read")]
    assert (
        f"1 packed (archives inside others, and other packers, are not opened) ({tmp_path}/in/outer.zip/inner"
        in told
    )


def test_names_that_lead_outside_are_labels_and_nothing_is_written(tmp_path):
    files = {
        "../../up.txt": b"one",
        "/etc/abs.txt": b"two",
        "a/../b.txt": b"three",
        "nl\n\x1b[31m.txt": b"four",
    }
    for path in (zipped(tmp_path / "x.zip", files), tarred(tmp_path / "x.tar", files)):
        before = sorted(tmp_path.parent.rglob("*"))
        found = read_sequences([str(path)], "auto", 1000)
        assert sorted(each.data for each in found) == sorted(files.values())
        assert all(each.file.startswith(f"{path}/") and each.file.isprintable() for each in found)
        assert sorted(tmp_path.parent.rglob("*")) == before


def test_links_and_devices_in_archives_are_left_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("t.txt", "text")
    assert read(tmp_path / "x.zip")[0] == [("t.txt", b"text")]
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        tarred(tmp_path / "x.tar", {"link": b""}, kind=kind)
        with tarfile.open(tmp_path / "x.tar", "a") as archive:
            info = tarfile.TarInfo("t.txt")
            info.size = 4
            archive.addfile(info, io.BytesIO(b"text"))
        found, told = read(tmp_path / "x.tar")
        assert found == [("t.txt", b"text")] and "1 no plain files" in told


def test_folders_with_pipes_links_and_loops(tmp_path):
    place = folder(tmp_path / "in", {"a/t.txt": b"text", "u.txt": b"other"})
    os.mkfifo(place / "pipe")
    (place / "loop").symlink_to(place)
    (place / "again").symlink_to(place / "u.txt")
    (place / "nowhere").symlink_to(place / "gone")
    found, told = read(place)
    assert found == [("a/t.txt", b"text"), ("again", b"other")]
    assert "2 no plain files" in told and "1 links to folders" in told and "1 given already" in told


BOMB = 3 * 2**20


@pytest.mark.parametrize("form", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2", "folder"])
def test_no_archive_unpacks_to_more_than_the_limit(form, tmp_path):
    whole = make(tmp_path, form, {"one.txt": b"a" * (BOMB // 2), "two.txt": b"b" * (BOMB // 2)})
    assert len(read(whole, BOMB)[0]) == 2
    with pytest.raises(InputError, match="more than the limit of"):
        read(whole, BOMB - 1)


@pytest.mark.parametrize("form", [".tar.gz", ".tar.xz", ".tar.bz2"])
def test_what_is_left_out_of_a_compressed_tar_counts_too(form, tmp_path):
    whole = make(tmp_path, form, {".hidden": bytes(3 * BOMB), "t.txt": b"text"})
    with pytest.raises(InputError, match="unpacks to more than the limit"):
        read(whole, BOMB)


def test_the_limit_is_of_all_inputs_together(tmp_path):
    paths = [tmp_path / f"{i}.txt" for i in range(3)]
    for path in paths:
        path.write_bytes(b"a" * 400)
    assert len(read_sequences(map(str, paths), "auto", 1200)) == 3
    with pytest.raises(
        InputError, match=r"2\.txt: with it the inputs are more than the limit of 1199 bytes in all"
    ):
        read_sequences(map(str, paths), "auto", 1199)
    packed = zipped(tmp_path / "x.zip", {"t.txt.gz": gzip.compress(b"a" * 100_000)})
    with pytest.raises(InputError, match="more than the limit of 99999 bytes"):
        read(packed, 99_999)


def damaged(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def test_encrypted_and_damaged_archives_are_refused_in_a_sentence(tmp_path):
    plain = zipped(tmp_path / "p.zip", {"t.txt": b"text " * 1000, "u.txt": b"more " * 1000}).read_bytes()
    central = plain.index(b"PK\x01\x02")
    tar = tarred(tmp_path / "p.tar", {"t.txt": b"text " * 1000, "u.txt": b"more " * 1000}).read_bytes()
    lzma_zip = zipped(tmp_path / "l.zip", {"t.txt": b"text " * 1000}, zipfile.ZIP_LZMA).read_bytes()
    cases = {
        "encrypted.zip": (plain[: central + 8] + b"\x01\x00" + plain[central + 10 :], "is encrypted"),
        "crc.zip": (damaged(plain, 60), "is damaged"),
        "cut.zip": (plain[:-30], "is damaged"),
        "lzma.zip": (lzma_zip, "zip method 14, which is not read"),
        "header.tar": (damaged(tar, tar.index(b"u.txt") + 1), "is damaged"),
        "cut.tar": (tar[:3000], "is damaged"),
        "no_end.tar": (tar[: 512 * 22], "is damaged"),
        "cut.tar.gz": (gzip.compress(tar)[:-20], "is cut off"),
        "crc.tar.gz": (gzip.compress(tar)[:-8] + bytes(8), "is damaged"),
        "cut.tar.xz": (lzma.compress(tar)[:-20], "is cut off"),
        "cut.tar.bz2": (bz2.compress(tar)[:-20], "is cut off"),
        "twice.tar": (tarred(tmp_path / "d.tar", {"t.txt": b"a", "./t.txt": b"b"}).read_bytes(), "twice"),
    }
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=message) as err:
            read(tmp_path / name)
        assert name in str(err.value) and "\n" not in str(err.value)


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from([".zip", ".tar", ".tar.gz"]),
    at=st.integers(0, 10**6),
    change=st.integers(1, 255),
    cut=st.booleans(),
)
def test_no_damage_is_a_crash(form, at, change, cut, tmp_path_factory):
    """A sentence, or files; never another error."""
    place = tmp_path_factory.mktemp("damage")
    data = make(place, form, FILES).read_bytes()
    at %= len(data)
    path = place / f"x{form}"
    path.write_bytes(data[:at] if cut else data[:at] + bytes([data[at] ^ change]) + data[at + 1 :])
    try:
        read(path)
    except InputError as err:
        assert "\n" not in str(err)


def test_a_header_that_promises_gigabytes_takes_none(tmp_path):
    info = tarfile.TarInfo("t.txt")
    info.size = 8 * 2**30
    pax = tarfile.TarInfo("pax")
    pax.size, pax.type = 8 * 2**30, tarfile.XHDTYPE
    for number, header in enumerate((info, pax)):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"text")
        with pytest.raises(InputError, match="is damaged"):
            read(path)
    data = zlib.compressobj(wbits=-15)
    body = data.compress(b"x" * 100) + data.flush()
    head = (
        struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, zlib.crc32(b"x" * 100), len(body), 100, 1, 0)
        + b"t"
    )
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, 0, len(body), 2**32 - 2, 1, 0, 0, 0, 0, 0, 0
    )
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry) + 1, len(head + body), 0)
    (tmp_path / "x.zip").write_bytes(head + body + entry + b"t" + end)
    with pytest.raises(InputError, match="is damaged"):
        read(tmp_path / "x.zip")


def test_what_holds_nothing_is_refused(tmp_path):
    for path in (folder(tmp_path / "in", {"a.bin": b"\0"}), zipped(tmp_path / "x.zip", {"a.bin": b"\0"})):
        with pytest.raises(InputError, match=r"no input that can be read; left out: 1 binary"):
            read(path)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="no input that can be read"):
        read(tmp_path / "nothing")


def test_a_file_that_cannot_be_read_is_named_with_its_place(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a/bad.fa": b">r\nAC!T\n"})
    with pytest.raises(InputError, match=r"x.zip/a/bad.fa: record 'r'"):
        read(path)
    place = folder(tmp_path / "in", {"a/bad.txt.gz": gzip.compress(b"text" * 99)[:-9]})
    with pytest.raises(InputError, match=r"in/a/bad.txt.gz: the gzip data is cut off"):
        read(place)


def test_dna_is_picked_out_where_dna_is_asked_for(tmp_path):
    found, told = read(folder(tmp_path / "in", {"g.fa": b">r\nACGT\n", "README": b"about"}), kind="dna")
    assert found == [("g.fa", b"ACGT")] and "1 neither FASTA nor GenBank" in told


def test_old_encodings_are_texts_and_utf16_is_not(tmp_path):
    files = {"latin.txt": "größer\n".encode("latin-1"), "wide.txt": "größer".encode("utf-16")}
    found, told = read(folder(tmp_path / "in", files))
    assert found == [("latin.txt", files["latin.txt"])] and "1 binary" in told
    long = ("é" * 32767 + "xé" * 10).encode()  # a character across the edge of what is looked at
    assert read(folder(tmp_path / "long", {"t.txt": long}))[0] == [("t.txt", long)]


def test_office_documents_are_no_archives(tmp_path, capsys):
    path = zipped(tmp_path / "report.docx", {"word/document.xml": b"<x/>"})
    with pytest.raises(InputError, match="is packed by zip, which is not read"):
        read(path)


def test_a_tar_from_a_pipe_is_refused(tmp_path):
    with pytest.raises(InputError, match="this is a tar archive, which is not read"):
        read_file_of_bytes(nested_tar())


def read_file_of_bytes(data):
    from analysis.inputs.files import read_file

    return read_file(data, name="in")


def test_names_in_several_files_are_told_apart(tmp_path):
    place = folder(
        tmp_path / "in", {f"{d}/{n}": FILES[f"{d}/{n}"] for d, n in (("a", "x.fa"), ("c", "x.fa"))}
    )
    folder(
        place,
        {"a/t.jsonl": b'{"text": "a"}\n', "b/t.jsonl": b'{"text": "b"}\n', "a/t.txt": b"a", "b/t.txt": b"b"},
    )
    names = [each.name.removeprefix(f"{place}/") for each in read_sequences([str(place)], "auto", 1000)]
    assert names == ["a/t.jsonl:1", "a/t.txt", "a/x.fa:r1", "r2", "b/t.jsonl:1", "b/t.txt", "c/x.fa:r1"]


def test_every_row_says_its_file(tmp_path, capsys):
    packed = zipped(tmp_path / "x.zip", {"t.txt": b"a b", "u.txt": b"c d"})
    single = tmp_path / "t.txt"
    single.write_bytes(b"e f g")
    out = tmp_path / "o.csv"
    call = ["boundaries", str(packed), str(single), "--model", "ref:spaces", "--out", str(out)]
    assert cli.main(call) == 0
    table = pd.read_csv(out)
    assert list(table.columns[:2]) == ["file", "model"]
    sizes = table.groupby("file", sort=False)["n_bytes"].apply(list).to_dict()
    assert sizes == {f"{packed}/t.txt": [1, 2], f"{packed}/u.txt": [1, 2], str(single): [1, 2, 2]}
    assert table["sequence"].unique().tolist() == [f"{packed}/t.txt", "u.txt", str(single)]


def test_nothing_is_written_into_an_input_folder(tmp_path, capsys):
    place = folder(tmp_path / "in", {"t.txt": b"a b"})
    for more in (["--out", str(place / "o.csv")], ["--save-run", str(place / "runs")]):
        assert cli.main(["boundaries", str(place), "--model", "ref:spaces", *more]) == 2
        assert "lies in the input folder" in capsys.readouterr().err
    assert [path.name for path in place.iterdir()] == ["t.txt"]
