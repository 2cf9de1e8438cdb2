"""What the server keeps for itself: its files, its place in the queue, the folder of what people brought."""

import os
import time
import uuid
from pathlib import Path

import gradio
import httpx
import pytest

from app import __main__ as program
from app import ui
from app.dna.genome_view import igv_script
from app.server.session import MAX_WAITING


@pytest.mark.parametrize(
    "path",
    [
        Path(program.__file__).parents[1] / "README.md",
        Path(program.__file__),
        igv_script().parent.parent / "__init__.py",
        f"{igv_script()}/../../__init__.py",
        Path(gradio.__file__).parent / "package.json",
    ],
    ids=str,
)
def test_only_igv_js_is_served_of_what_lies_on_the_disk(server, path):
    assert Path(path).resolve().is_file()
    assert httpx.get(f"{server}gradio_api/file={path}").status_code in (403, 404)
    assert httpx.get(f"{server}gradio_api/file={igv_script()}").status_code == 200


def test_uploads_lie_in_a_folder_of_this_run_that_goes_with_it(monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "elsewhere")
    with program._private_files() as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == folder
        assert Path(folder).stat().st_mode & 0o077 == 0
        (Path(folder) / "x").write_text("x", encoding="utf-8")
    assert not Path(folder).exists()


def test_what_people_brought_goes_when_it_is_old(session, monkeypatch):
    """The page is built in this process: no option makes the two hours short enough to wait for."""
    assert ui.FILES_KEPT[0] <= 600 and ui.FILES_KEPT[1] <= 7200
    monkeypatch.setattr(ui, "FILES_KEPT", (1, 2))
    page = ui.build(session)
    _, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, **ui.launch_options())
    (sent,) = httpx.post(f"{url}gradio_api/upload", files={"files": ("x.txt", b"secret")}).json()
    assert Path(sent).read_bytes() == b"secret"
    for _ in range(300):
        if not Path(sent).exists():
            break
        time.sleep(0.1)
    page.close(verbose=False)
    assert not Path(sent).exists()


def test_who_comes_when_the_queue_is_full_is_told_so(server):
    functions = httpx.get(f"{server}config", timeout=60).json()["dependencies"]
    index = next(each["id"] for each in functions if each["api_name"] == "boundaries")

    def ask(text: str = "It was the best of times, it was the worst of times. " * 8_000) -> httpx.Response:
        asked = {"data": [text, "auto", 0], "fn_index": index, "session_hash": uuid.uuid4().hex}
        return httpx.post(f"{server}gradio_api/queue/join", json=asked, timeout=60)

    answers = [ask() for _ in range(2 * MAX_WAITING)]
    refused = [each for each in answers if each.status_code == 503]
    assert refused and all("full" in each.json()["detail"] for each in refused)
    assert len(answers) - len(refused) >= MAX_WAITING
    for _ in range(600):  # the queue empties, and takes the next
        if ask("It was").status_code == 200:
            return
        time.sleep(0.2)
    raise AssertionError("the queue never took another request")
