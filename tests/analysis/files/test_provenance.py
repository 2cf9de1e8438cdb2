"""Provenance: two states of the code are told apart, and one and the same is not."""

from analysis.files.provenance import CODE, code_hash, other_code

FILES = {
    "kernels/ssd/cpu.py": b"x = 1\n",
    "hnet_core/model.py": b"y = 2\nz = 3\n",
    "analysis/boundaries/chunks.py": b"k = 1\n",
}


def clone(folder, changes=()):
    """A clone with these sources, and its hash."""
    for name, content in (FILES | dict(changes)).items():
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return code_hash(folder)


def test_every_change_of_a_source_is_another_state(tmp_path):
    first = clone(tmp_path / "first")
    assert len(first) == 64 and clone(tmp_path / "again") == first
    states = [
        {"kernels/ssd/cpu.py": b"x = 2\n"},
        {"hnet_core/model.py": b"y = 2\n", "hnet_core/more.py": b"z = 3\n"},  # the same text in two files
        {"analysis/boundaries/chunks.py": None, "analysis/chunk.py": b"k = 1\n"},  # a file under another name
        {"analysis/empty.py": b""},
    ]
    hashes = {clone(tmp_path / str(i), changes) for i, changes in enumerate(states)}
    assert len(hashes | {first}) == 1 + len(states)


def test_line_ends_and_what_settles_no_table_do_not_count(tmp_path):
    others = {
        "app/picture/value.py": b"w = 1\n",
        "analysis/notes.md": b"# notes\n",
        "hnet_core/model.py": b"y = 2\r\nz = 3\r\n",
    }
    assert clone(tmp_path / "a") == clone(tmp_path / "b", others)


def test_this_code_is_no_other():
    assert set(CODE) == {"kernels", "hnet_core", "analysis"}
    assert other_code({"code_sha256": code_hash()}) == ""
    assert "code that it does not name" in other_code({}) and "other code (abc" in other_code(
        {"code_sha256": "abc"}
    )
