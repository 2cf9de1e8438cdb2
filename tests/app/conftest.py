"""Tiny random models, a session over them, and the page in a real Chromium."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from app.session import Session
from app.ui import build, launch_options
from hnet_core.checkpoint import save_model
from hnet_core.config import HNetConfig
from hnet_core.model import HNetForCausalLM

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
    return Session(models_dir, "cpu")


@pytest.fixture(scope="session")
def server(session):
    """Address of the running page."""
    page = build(session)
    _, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, **launch_options())
    yield url
    page.close(verbose=False)


@pytest.fixture(scope="session")
def browser(chromium):
    """A browser for the whole run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, server):
    """The page, open; afterwards no request may have left the machine and no script may have failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    hosts, errors = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server)
    page.wait_for_selector("#explore-run")
    yield page
    context.close()
    assert hosts - {""} == {urlsplit(server).netloc}
    assert errors == []
