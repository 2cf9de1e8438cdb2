"""What every test can use: where things lie, and which machine a test needs."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = "no Chromium on this machine: browser tests skipped (install Debian's chromium to run them)"


@pytest.fixture(scope="session")
def root() -> Path:
    """The clone."""
    return ROOT


@pytest.fixture(scope="session")
def golden() -> Path:
    """Inputs, weights and outputs of the published implementation: one folder a tiny model."""
    return ROOT / "tests" / "data" / "golden"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The bundled sample inputs."""
    return ROOT / "assets" / "samples"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's Chromium; tests that ask for it carry the mark `browser`."""
    path = find_browser()
    assert path is not None, NO_BROWSER
    return path


def find_browser() -> str | None:
    """The first of the usual names on the PATH."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def browser_required() -> bool:
    """Whether a missing browser is a failure here (it is in CI) and not a skip."""
    return os.environ.get("HNET_REQUIRE_BROWSER", "") not in ("", "0")


def has_cuda() -> bool:
    """Asked only when a GPU test is about to run: torch takes seconds to import."""
    import torch

    return torch.cuda.is_available()


def pytest_configure(config: pytest.Config) -> None:
    """What is read when a library is loaded: before any is.

    Triton runs in its interpreter, unless a run is for the GPU alone. Of several test processes each takes one
    thread: there are as many as cores.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if config.option.markexpr != "gpu":
        os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run; a browser that CI demands fails loudly instead."""
    if item.get_closest_marker("browser") and find_browser() is None:
        if browser_required():
            pytest.fail("HNET_REQUIRE_BROWSER is set and there is no Chromium on the PATH", pytrace=False)
        pytest.skip(NO_BROWSER)
    if item.get_closest_marker("gpu") and not has_cuda():
        pytest.skip("no CUDA device")
