"""A folder in parts of bounded size, and back."""

import os

import pytest

from hnet_core.errors import InputError
from hnet_core.lab.device.parts import pack, unpack


def test_what_is_packed_is_unpacked(tmp_path):
    folder = tmp_path / "out"
    (folder / "models").mkdir(parents=True)
    content = {"a.json": b"{}", "models/w.bin": os.urandom(50_000), "models/empty": b""}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    parts = pack(folder, tmp_path / "parts", largest=20_000)
    assert len(parts) == 3 and all(path.stat().st_size <= 20_000 for path in parts)
    unpack(parts, tmp_path / "back")
    back = tmp_path / "back"
    assert {p.relative_to(back).as_posix(): p.read_bytes() for p in back.rglob("*") if p.is_file()} == content


def test_too_much_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_bytes(os.urandom(50_000))
    with pytest.raises(InputError, match="more than 2 parts"):
        pack(tmp_path / "out", tmp_path / "parts", largest=10_000, most=2)
