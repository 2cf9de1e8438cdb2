"""Reading files and bytes: compression, limits, damage."""

import bz2
import gzip
import lzma
import os
import threading
import tracemalloc
import zlib

import pytest

from analysis.inputs.sources import read_bytes
from hnet_core.errors import InputError


def test_plain_gzip_and_xz_give_the_same_bytes(tmp_path):
    data = b"ACGT" * 1000
    for packed in (data, gzip.compress(data), lzma.compress(data)):
        (tmp_path / "x").write_bytes(packed)
        assert read_bytes(tmp_path / "x", "x") == data
        assert read_bytes(packed, "x") == data


def test_members_and_streams_are_joined_and_padding_skipped():
    assert read_bytes(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 8, "x") == b"one two"
    assert (
        read_bytes(lzma.compress(b"one ") + b"\0" * 8 + lzma.compress(b"two") + b"\0" * 4, "x") == b"one two"
    )


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress], ids=["gz", "xz"])
def test_what_is_cut_off_or_damaged_is_refused(compress):
    packed = compress(bytes(range(256)) * 40)
    for n in range(6, len(packed)):
        with pytest.raises(InputError, match=r"^x: the (gzip|xz) data is cut off"):
            read_bytes(packed[:n], "x")
    broken = packed[:20] + bytes([packed[20] ^ 255]) + packed[21:]
    with pytest.raises(InputError, match=r"the (gzip|xz) data is damaged"):
        read_bytes(broken, "x")
    with pytest.raises(InputError, match="damaged"):
        read_bytes(packed + b"junk after the end", "x")


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress], ids=["gz", "xz"])
def test_a_bomb_is_refused_before_it_is_inflated(compress):
    bomb = compress(bytes(30_000_000))
    tracemalloc.start()
    with pytest.raises(InputError, match="decompresses to more than the limit of 2 MiB"):
        read_bytes(bomb, "bomb", max_bytes=2 * 2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_an_xz_header_that_asks_for_gigabytes_is_refused():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**20}]
    packed = lzma.compress(b"x" * 100, filters=filters)
    # The block header holds the dictionary size as one byte (0x10 = 1 MiB, 0x27 = 3 GiB) and a CRC32 of itself.
    header = bytearray(packed[12:24])
    assert header[4] == 0x10
    header[4] = 0x27

    header[8:12] = zlib.crc32(bytes(header[:8])).to_bytes(4, "little")
    with pytest.raises(InputError, match="damaged"):
        read_bytes(packed[:12] + bytes(header) + packed[24:], "x")


def test_the_limit_holds_for_plain_input_and_is_inclusive():
    assert read_bytes(b"12345", "x", max_bytes=5) == b"12345"
    with pytest.raises(InputError, match="is more than the limit of 5 bytes"):
        read_bytes(b"123456", "x", max_bytes=5)


@pytest.mark.parametrize("empty", [b"", gzip.compress(b""), lzma.compress(b"")], ids=["plain", "gz", "xz"])
def test_empty_input_is_refused(empty):
    with pytest.raises(InputError, match="empty"):
        read_bytes(empty, "x")


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="this is a folder"):
        read_bytes(tmp_path, "x")
    with pytest.raises(InputError, match="No such file"):
        read_bytes(tmp_path / "missing", "x")
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes("nul\0byte", "x")


PACKED = {
    "bzip2": bz2.compress(b"ACGT"),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(12),
    "zip": b"PK\x03\x04" + bytes(26),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(26),
    "rar": b"Rar!\x1a\x07\x00" + bytes(7),
    "lz4": b"\x04\x22\x4d\x18" + bytes(7),
    "lzip": b"LZIP\x01" + bytes(20),
    "compress": b"\x1f\x9d\x90" + bytes(7),
}


@pytest.mark.parametrize("kind", PACKED)
def test_what_is_packed_otherwise_is_refused_by_its_name(kind, tmp_path):
    (tmp_path / "x.fa").write_bytes(PACKED[kind])
    with pytest.raises(InputError, match=f"^x.fa: is packed by {kind}, which is not read; unpack it"):
        read_bytes(tmp_path / "x.fa", "x.fa")
    with pytest.raises(InputError, match=kind):
        read_bytes(bz2.compress(b"") if kind == "bzip2" else PACKED[kind], "x")
    assert read_bytes(b"BZh9 and PK are letters", "x").startswith(b"BZh9")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gzip", "xz"])
@pytest.mark.parametrize("size", [1, 5, 10, 100_000])
def test_a_pipe_is_read_as_a_file_is(pack, size):
    data = bytes(range(32, 96)) * size
    reading, writing = os.pipe()
    with open(writing, "wb") as into:
        writer = threading.Thread(target=lambda: (into.write(pack(data)), into.close()))
        writer.start()
        assert read_bytes(f"/dev/fd/{reading}", "x", 10**8) == data
        writer.join()
    with pytest.raises(InputError, match=r"empty.*a pipe gives its bytes once"):
        read_bytes(f"/dev/fd/{reading}", "x")
    os.close(reading)
