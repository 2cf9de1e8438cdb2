"""Tiny random models, the page started as users start it, and a real Chromium to open it."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import pytest
import torch

from app.server.session import Session
from hnet_core.checkpoint import save_model
from hnet_core.config import HNetConfig
from hnet_core.model import HNetForCausalLM

ROOT = Path(__file__).parents[2]
CHROMIUM_ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MODELS = [
    ("english_a", "English, 1 stage", "english", 1),
    ("english_b", "English, 2 stages", "english", 2),
    ("code_a", "Python, 1 stage", "code", 1),
    ("dna_a", "DNA, 2 stages", "dna", 2),
]


def tiny_model(n_stages: int, seed: int) -> HNetForCausalLM:
    """A random model whose routers cut about every second position."""
    n = n_stages + 1
    layout = ["T1"]
    for _ in range(n_stages):
        layout = ["m1", layout, "m1"]
    config = {
        "arch_layout": layout,
        "d_model": [32] * n,
        "d_intermediate": [0] * n_stages + [64],
        "vocab_size": 256,
        "ssm_cfg": {"chunk_size": 256, "d_conv": 4, "d_state": 8, "expand": 2},
        "attn_cfg": {"num_heads": [4] * n, "rotary_emb_dim": [4] * n, "window_size": [-1] * n},
        "tie_embeddings": False,
    }
    model = HNetForCausalLM(HNetConfig.from_dict(config))
    model.init_weights(seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "routing_module" in name:
                weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return model


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for seed, (name, title, domain, n_stages) in enumerate(MODELS):
        info = {"name": name, "title": title, "domain": domain, "n_stages": n_stages, "bos": True}
        info |= {
            "learned": "early",
            "note": "Random weights: it has learned nothing.",
            "bytes_seen": 1000 - seed,
        }
        save_model(folder / name, tiny_model(n_stages, seed), info)
    return folder


@pytest.fixture(scope="session")
def session(models_dir) -> Session:
    """The same models in this process, for what the page should show, and for handlers as functions."""
    return Session(models_dir, "cpu")


@contextmanager
def running(models: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """`python -m app` as a process of its own; the address that it prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "app", "--models", str(models), "--device", "cpu", "--port", str(port)]
    # What it complains of goes to a file: a pipe that nobody reads would stop it when it is full.
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        try:
            yield _printed_address(process, complaints)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _printed_address(process: subprocess.Popen, complaints: TextIO) -> str:
    """The first address among the lines that the process prints; where it ends without one, what it said."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if printed := re.search(r"at (http://\S+)", line):
            return printed[1]
    complaints.seek(0)
    raise AssertionError("".join(lines) + complaints.read())


@pytest.fixture(scope="session")
def server(models_dir, tmp_path_factory) -> Iterator[str]:
    """Address of the running page, where runs can be saved."""
    with running(models_dir, "--runs", str(tmp_path_factory.mktemp("saved") / "runs")) as url:
        yield url


@pytest.fixture(scope="session")
def browser(chromium):
    """A browser for the whole run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """A function that opens the page at an address for one more visitor, who shares nothing with the others.

    Afterwards no request may have left the machine and no script may have failed.
    """
    with ExitStack() as stack:

        def opened(url: str):
            return stack.enter_context(_visitor(browser, url))

        yield opened


@contextmanager
def _visitor(browser, url: str):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    hosts, errors = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    page.wait_for_selector("#explore-run")
    yield page
    context.close()
    assert hosts - {""} == {urlsplit(url).netloc}
    assert errors == []


@pytest.fixture
def page(visit, server):
    """The page as one visitor has it open."""
    return visit(server)
