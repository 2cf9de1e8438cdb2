"""The functions for programs, called as a program calls them; who gets in; what two people see of each other."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.inputs.reading import Sequence
from app import __main__ as program
from app import api
from app.__main__ import main, users
from app.server.policy import FILE_POLICY, HEADERS, PAGE_POLICY
from app.server.session import MAX_UPLOAD_BYTES
from app.wording.readable import exact
from hnet_core.checkpoint import load_model
from hnet_core.errors import InputError
from hnet_core.generate import generate
from tests.app.conftest import running
from tests.app.test_browser import paste, shown_text

TEXT = "It was the best of times, it was the worst of times. " * 4


@pytest.fixture(scope="module")
def client(server):
    return Client(server, verbose=False)


def test_only_the_documented_functions_can_be_called(client):
    info = client.view_api(return_format="dict", print_info=False)
    assert set(info["named_endpoints"]) == {"/models", "/boundaries", "/agreement", "/generate"}
    assert info["unnamed_endpoints"] == {}
    for name, endpoint in info["named_endpoints"].items():
        assert endpoint["description"], name


def test_boundaries_are_those_of_the_page(client, session):
    got = client.predict(TEXT, "english_b", 1, api_name="/boundaries")
    want = session.analyse([Sequence("text", TEXT.encode())], "english_b").chunks_of("text", 1)
    assert [(each["start"], each["end"]) for each in got["chunks"]] == list(
        zip(want["start"], want["end"], strict=True)
    )
    assert got["model"] == "english_b"
    assert [each["name"] for each in client.predict(api_name="/models")] == [
        name for _, name in session.choices()
    ]


def test_agreement_and_writing(client, models_dir):
    rows = client.predict(TEXT, ["english_a", "ref:words"], api_name="/agreement")
    assert [(row["model_a"], row["model_b"]) for row in rows] == [("english_a", "ref:words")]
    assert rows[0]["f1_chance"] > 0
    wrote = client.predict("It was", "english_a", 20, 0.0, api_name="/generate")
    model = load_model("english_a", models_dir=models_dir).model
    steps = generate(model, b"It was", max_bytes=20, temperature=0.0, top_p=0.95, seed=0)
    assert wrote == exact(bytes(each.byte for each in steps))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("", "auto", 0, "/boundaries"), "text: an empty text was given"),
        ((None, "auto", 0, "/boundaries"), "text: null was given"),
        ((["a"], "auto", 0, "/boundaries"), 'text: ["a"] was given'),
        (("x" * 1_000_001, "auto", 0, "/boundaries"), "text: a text of 1,000,001 characters was given"),
        ((">a\nACGT\n>a\nACGT", "auto", 0, "/boundaries"), "text: two records are named 'a'"),
        (
            (TEXT, "no 'such' <model>", 0, "/boundaries"),
            "model: there is no model named \"no 'such' <model>\"",
        ),
        ((TEXT, ["english_a"], 0, "/boundaries"), 'model: ["english_a"] was given'),
        ((TEXT, "english_a", 5, "/boundaries"), "stage: 5 was given; give 0, the only one there is"),
        ((TEXT, "english_b", "0", "/boundaries"), 'stage: "0" was given; give a whole number from 0 to 1'),
        ((TEXT, "english_b", True, "/boundaries"), "stage: true was given"),
        ((TEXT, "english_b", -1, "/boundaries"), "stage: -1 was given"),
        ((TEXT, "english_b", 0.5, "/boundaries"), "stage: 0.5 was given"),
        ((TEXT, ["english_a"], "/agreement"), "models: a list of 1 was given; give a list of 2 to 12"),
        ((TEXT, "english_a", "/agreement"), 'models: "english_a" was given'),
        ((TEXT, ["english_a", ["english_b"]], "/agreement"), 'models[1]: ["english_b"] was given'),
        ((TEXT, ["english_a", "english_a"], "/agreement"), "2 to 12 different"),
        ((TEXT, ["english_a", "ref:gold:/etc/passwd"], "/agreement"), "no model or reference named"),
        (("x", "/etc/passwd", "/generate"), "model: there is no model with whole weights named"),
        ((None, "english_a", 5, "/generate"), "prompt: null was given"),
        (("x" * 20_001, "english_a", 5, "/generate"), "prompt: a text of 20,001 characters"),
        (("x", "english_a", "5", "/generate"), 'n_bytes: "5" was given; give a whole number from 1 to 4,000'),
        (("x", "english_a", 10**9, "/generate"), "n_bytes: 1000000000 was given"),
        (("x", "english_a", 5, "hot", "/generate"), 'temperature: "hot" was given'),
        (("x", "english_a", 5, -0.1, "/generate"), "temperature: -0.1 was given"),
        (("x", "english_a", 5, 1, 0, "/generate"), "top_p: 0 was given; give a number above 0 and at most 1"),
        (("x", "english_a", 5, 1, 1, -1, "/generate"), "seed: -1 was given"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[-1],
)
def test_a_wrong_call_is_one_sentence(client, call, words):
    """It names the argument, and says what was given as it was: a program reads text, not markup."""
    *values, name = call
    with pytest.raises(AppError) as failed:
        client.predict(*values, api_name=name)
    told = str(failed.value)
    assert words in told and "\n" not in told


def test_a_call_without_its_arguments_is_one_sentence(server):
    for body in ({"data": []}, {"data": ["x"]}):
        begun = httpx.post(f"{server}gradio_api/call/generate", json=body)
        told = httpx.get(f"{server}gradio_api/call/generate/{begun.json()['event_id']}").text
        assert "event: error" in told and "Traceback" not in told and "software failed" not in told


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
ARGUMENTS = {
    "boundaries": {
        "text": st.sampled_from(["It was the best.", ">a\nACGTACGT\n"]),
        "model": st.sampled_from(["auto", "english_b"]),
        "stage": st.sampled_from([0, 1, 1.0]),
    },
    "agreement": {
        "text": st.just("It was the best of times."),
        "models": st.lists(st.sampled_from(["english_a", "ref:words", "ref:spaces"]), max_size=3),
    },
    "generate": {
        "prompt": st.sampled_from(["", "It"]),
        "model": st.just("english_a"),
        "n_bytes": st.integers(0, 3),
        "temperature": st.sampled_from([0, 0.5, 1]),
        "top_p": st.sampled_from([0, 0.5, 1]),
        "seed": st.integers(-1, 2),
    },
}
"""Function -> argument -> values, most of them right."""


@pytest.mark.parametrize("name", ARGUMENTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_program_gives_is_answered_or_told_in_one_sentence(session, name, data):
    arguments = {each: data.draw(right | ANYTHING) for each, right in ARGUMENTS[name].items()}
    try:
        json.dumps(getattr(api.Functions(session), name)(**arguments), allow_nan=False).encode()
    except gr.Error as err:
        told = err.message
        told.encode()
        assert "software failed" not in told and "\n" not in told and len(told) < 600
        assert "&" not in told or "&" in json.dumps(arguments, ensure_ascii=False)
        assert any(told.startswith((each, f"the {each}")) for each in arguments), told


def test_every_answer_carries_the_policy(server):
    for path in ("", "gradio_api/info", "nothing", "theme.css"):
        answer = httpx.get(server + path)
        assert answer.headers["content-security-policy"] == PAGE_POLICY, path
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in PAGE_POLICY and "connect-src 'self' data: blob:;" in PAGE_POLICY


@pytest.mark.parametrize(
    "path", ["file=https://example.com/", "file=HTTP://127.0.0.1/", "proxy=https://a.hf.space/"]
)
def test_the_server_fetches_nothing_for_others(server, path):
    answer = httpx.get(f"{server}gradio_api/{path}")
    assert answer.status_code == 403 and "fetches nothing" in answer.text


def test_an_upload_never_comes_back_as_a_page(server):
    """It has a name nobody can guess, and is sent as a file that runs nothing."""
    content = b"<script>alert(1)</script>"
    sent = httpx.post(f"{server}gradio_api/upload", files={"files": ("x.html", content)}).json()
    assert sha256(content).hexdigest() not in sent[0] and Path(sent[0]).parent.name.isalnum()
    answer = httpx.get(f"{server}gradio_api/file={sent[0]}")
    assert answer.headers["content-security-policy"] == FILE_POLICY
    assert answer.headers["content-disposition"].startswith("attachment")
    assert httpx.get(f"{server}gradio_api/file=/etc/passwd").status_code == 403
    assert httpx.get(f"{server}static/x.html").status_code == 404


def test_an_upload_over_the_limit_is_refused(server):
    big = {"files": ("x.txt", b"0" * (MAX_UPLOAD_BYTES + 1))}
    assert httpx.post(f"{server}gradio_api/upload", files=big, timeout=60).status_code == 413


@pytest.fixture(scope="module")
def guarded(models_dir, tmp_path_factory):
    """A page that only Ada may open."""
    path = tmp_path_factory.mktemp("who") / "users"
    path.write_text("ada:lovely:pass\n")
    with running(models_dir, "--auth", str(path)) as url:
        yield url


def test_only_who_is_listed_gets_in(guarded):
    assert httpx.get(f"{guarded}config").status_code == 401
    assert httpx.post(f"{guarded}gradio_api/upload", files={"files": ("x.txt", b"x")}).status_code == 401
    wrong = httpx.post(f"{guarded}login", data={"username": "ada", "password": "x"})
    assert wrong.status_code == 400
    with httpx.Client() as ada:
        assert ada.post(f"{guarded}login", data={"username": "ada", "password": "lovely:pass"}).is_success
        assert ada.get(f"{guarded}config").status_code == 200


@pytest.mark.browser
def test_who_is_listed_signs_in_by_clicks(guarded, browser):
    page = browser.new_page()
    page.goto(guarded)
    for password, let_in in (("wrong", False), ("lovely:pass", True)):
        page.get_by_label("username").fill("ada")
        page.get_by_label("password").fill(password)
        page.get_by_role("button", name="Login").click()
        if not let_in:
            page.get_by_text("Incorrect Credentials").wait_for()
            assert page.locator("#explore-run").count() == 0
    page.wait_for_selector("#explore-run")
    paste(page, TEXT)
    assert shown_text(page, "explore") == TEXT
    page.close()


def test_who_may_open_the_page_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "users"
    path.write_text("ada:lovely:pass\n\ngrace:hopper\n")
    monkeypatch.delenv("HNET_AUTH", raising=False)
    assert users(str(path)) == [("ada", "lovely:pass"), ("grace", "hopper")] and users(None) is None
    monkeypatch.setenv("HNET_AUTH", "ada:x")
    assert users(None) == [("ada", "x")]
    for text in ("", "ada\n", "ada:\n", ":x\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="USER:PASSWORD"):
            users(str(path))


def test_a_password_on_the_command_line_is_refused_and_not_repeated(models_dir, capsys):
    assert main(["--check", "--models", str(models_dir), "--auth", "ada:secret"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and "secret" not in said


def test_two_people_never_see_each_others_data(server):
    """The same event in two sessions: the second has nothing to show of what the first one brought."""
    config = httpx.get(f"{server}config").json()
    button = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "compare-all")
    event = next(d["id"] for d in config["dependencies"] if [button, "click"] in d["targets"])
    run = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "compare-run")
    begin = next(
        d["id"] for d in config["dependencies"] if [run, "click"] in d["targets"] and d["backend_fn"]
    )
    start = next(d["id"] for d in config["dependencies"] if d["trigger_after"] == begin)
    number = _call(server, begin, [None], "first")["data"][-1]
    values = [None, number, "paste", TEXT, None, "english", ["english_a", "english_b"], 0]
    _call(server, start, values, "first")
    shown = _call(server, event, [None, None, 0], "first")
    other = _call(server, event, [None, None, 0], "second")
    assert "groups" in json.dumps(shown) and "groups" not in json.dumps(other)


def _call(server: str, event: int, values: list, who: str) -> dict:
    """What the queue answers to one event of one session."""
    body = {"data": values, "fn_index": event, "session_hash": who, "event_data": None, "trigger_id": None}
    joined = httpx.post(f"{server}gradio_api/queue/join", json=body)
    joined.raise_for_status()
    with httpx.stream("GET", f"{server}gradio_api/queue/data?session_hash={who}", timeout=120) as lines:
        for line in lines.iter_lines():
            if line.startswith("data: "):
                told = json.loads(line[6:])
                if told["msg"] == "process_completed":
                    return told["output"]
    raise AssertionError("the queue ended without an answer")


def test_the_same_functions_are_tools_of_an_mcp_server(models_dir):
    pytest.importorskip("mcp", reason="the optional extra mcp is not installed")
    import asyncio

    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def call(url: str):
        address = f"{url}gradio_api/mcp/"
        async with streamablehttp_client(address) as (read, write, _), ClientSession(read, write) as tools:
            await tools.initialize()
            names = [tool.name for tool in (await tools.list_tools()).tools]
            return names, await tools.call_tool("boundaries", {"text": TEXT, "model": "english_a"})

    # On a thread of its own: the browser of other tests has its event loop on this one.
    with running(models_dir, "--mcp") as url, ThreadPoolExecutor(1) as pool:
        names, found = pool.submit(asyncio.run, call(url)).result()
    assert names == ["models", "boundaries", "agreement", "generate"]
    assert not found.isError and "english_a" in found.content[0].text


def test_mcp_without_its_package_is_one_sentence(models_dir, capsys, monkeypatch):
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    assert main(["--check", "--models", str(models_dir), "--mcp"]) == 2
    assert "optional extra" in capsys.readouterr().err
