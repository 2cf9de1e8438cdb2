"""Checkpoints made to harm: nothing that they name is run, and none takes more time or memory than its size allows."""

import pickle
import time
import zipfile
from pathlib import Path

import pytest
import torch

from hnet_core.errors import CheckpointError
from hnet_core.published import read_state_dict

SECONDS = 10.0
HEAD, TAIL = b"\x80\x02}", b"K\x01s."
"""A dictionary; 1 under the key that stands between."""


def doubled(depth: int) -> bytes:
    """A pair of pairs of pairs: each is written once and stands twice in the next."""
    pairs = b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(depth))
    return HEAD + b")" + pairs + TAIL


def nested(depth: int) -> bytes:
    """A tuple in a tuple in a tuple."""
    return HEAD + b")" + b"\x85" * depth + TAIL


def archive(path: Path, pickled: bytes, how: int = zipfile.ZIP_STORED, twice: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", how) as made:
        made.writestr("archive/data.pkl", pickled)
        if twice:
            made.writestr("archive/data.pkl", pickled)
        made.writestr("archive/version", "3\n")
        made.writestr("archive/byteorder", "little")
    return path


def refused(path: Path) -> str:
    started = time.monotonic()
    with pytest.raises(CheckpointError) as caught:
        read_state_dict(path)
    assert time.monotonic() - started < SECONDS
    assert "weights_only" not in str(caught.value) and "torch.load" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", [doubled(200), doubled(60), nested(2_000_000), nested(5000)])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_stands_for_more_than_its_size_is_refused_unbuilt(content, zipped, tmp_path):
    """As the key of a dictionary: to look it up takes the interpreter 2 ** 60 steps, or all of its stack."""
    path = tmp_path / "c.pt"
    if zipped:
        archive(path, content)
    else:
        path.write_bytes(content)
    assert "nothing was run" in refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_packed_archive_or_a_name_twice_is_refused(tmp_path):
    long = HEAD + b"X" + (50_000_000).to_bytes(4, "little") + b"a" * 50_000_000 + TAIL
    packed = archive(tmp_path / "packed.pt", long, zipfile.ZIP_DEFLATED)
    assert packed.stat().st_size < 10**6 and "no archive" in refused(packed)
    assert "no archive" in refused(archive(tmp_path / "twice.pt", HEAD + TAIL, twice=True))


class Nested:
    """A persistent id, inside which another one stands."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return exec, (f"open({str(self.mark)!r}, 'w').close()",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_persistent_id_that_wants_to_run_code_is_refused(zipped, tmp_path):
    class Pickler(pickle.Pickler):
        def persistent_id(self, given):
            return ("storage", Nested(tmp_path / "mark"), "0", "cpu", 1) if given == "here" else None

    with (tmp_path / "plain.pkl").open("wb") as stream:
        Pickler(stream, 2).dump({"embeddings.weight": "here"})
    content = (tmp_path / "plain.pkl").read_bytes()
    with pytest.raises(pickle.UnpicklingError):  # the payload is live: it runs before the id is looked up
        pickle.loads(content)
    assert (tmp_path / "mark").exists()
    (tmp_path / "mark").unlink()
    if zipped:
        refused(archive(tmp_path / "c.pt", content))
    else:
        (tmp_path / "c.pt").write_bytes(content)
        refused(tmp_path / "c.pt")
    assert not (tmp_path / "mark").exists()


ALLOWED = (
    b"cbuiltins\nobject\n",
    b"ctyping\nAny\n",
    b"cpathlib\nPosixPath\n",
    b"cargparse\nNamespace\n",
    b"cnumpy._core.multiarray\n_reconstruct\n",
    b"ccollections\ndefaultdict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
)
"""Names that are let through, as a pickle calls them."""


@pytest.mark.parametrize("name", ALLOWED)
def test_calling_an_allowed_name_with_anything_harms_nothing(name, tmp_path):
    """With arguments that the real functions would act on; whatever comes of it is no dictionary of tensors."""
    mark = tmp_path / "mark"
    inner = pickle.dumps(Nested(mark), 2)[2:-1]  # its call, for an argument
    for arguments in (b"(X\x04\x00\x00\x00evil" + b"t", b"(" + inner + b"t", b")"):
        content = b"\x80\x02" + name + arguments + b"R."
        refused(archive(tmp_path / "c.pt", content))
        assert not mark.exists()


def test_a_large_checkpoint_is_within_the_bounds(tmp_path):
    tensors = {f"backbone.layer.{i}.weight": torch.zeros(2, 3) for i in range(3000)}
    shared = {"embeddings.weight": torch.ones(256, 4), **tensors}
    for zipped in (True, False):
        torch.save(
            {"state_dict": shared, "args": {"a": [1, (2, (3,))]}},
            tmp_path / "c.pt",
            _use_new_zipfile_serialization=zipped,
        )
        assert len(read_state_dict(tmp_path / "c.pt")) == 3001
