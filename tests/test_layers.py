"""The rules of the tree, read off the syntax trees of all Python files.

Each rule is a function from (path in the clone, source) to the list of its violations, so that the same
function judges the real files and the made-up ones that must not pass.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("kernels", "hnet_core", "analysis", "app")
"""Bottom to top; a layer imports itself and what is below it."""

ROOMS = {
    "hnet_core": (
        *(
            "errors",
            "json_text",
            "exchange",
            "encoding",
            "suffixes",
            "commands",
            "allocator",
            "shape_caches",
            "products",
        ),
        *("inputs", "model_info", "data", "landmarks"),
        *("stage_config", "rows", "state", "losses", "blocks", "routers", "merging", "gathering"),
        *("config", "stages", "model", "checkpoint", "published", "convert"),
        *("boundaries", "generation", "generate", "golden", "verify", "pretrained"),
        *("evaluate", "training", "flops", "lab"),
    ),
    "analysis": (
        *(
            "schema",
            "chance",
            "inputs",
            "boundaries",
            "files",
            "genome",
            "meaning",
            "references",
            "agreement",
        ),
        *("verbs", "findings", "commands"),
    ),
    "app": (
        *("wording", "kinds", "work", "server", "source", "picture", "saved", "evidence", "links"),
        *("explore", "compare", "dna", "generate", "runs", "models"),
        *("api", "ui"),
    ),
}
"""Layer -> its folders, and the files beside them, bottom to top: what stands in one imports nothing above it.
__init__ and __main__, the doors of a layer, stand above all."""
TABS = {"explore", "compare", "dna", "generate", "runs", "models"}
"""Folders of app that are one tab each: none imports another."""

ONLY_IN = {
    "gradio": ("app/*",),
    "gradio_client": (),
    "plotly": ("app/*",),
    "triton": ("kernels/*/cuda.py",),
    "numba": ("kernels/*/cpu.py",),
    "mamba_ssm": ("kernels/*",),
    "fla": ("kernels/bench/*",),
    "liger_kernel": ("kernels/bench/*",),
    "pandas": ("analysis/*", "app/*"),
    "transformers": (),
}
"""Library -> the files of the four packages that may import it. Tests may import all but transformers."""

MAX_FILE_LINES = {"kernels": 450}
DEFAULT_FILE_LINES = 300
MAX_FUNCTION_LINES = {"kernels": 50}
DEFAULT_FUNCTION_LINES = 40
"""Of a body, without its docstring; a kernel keeps in one place what it holds in registers."""
CATCH_ALL = {"utils", "util", "common", "helpers", "helper", "misc"}
READERS = {
    "open",
    "load",
    "loads",
    "read_text",
    "read_bytes",
    "iterdir",
    "glob",
    "rglob",
    "listdir",
    "scandir",
}

# In pieces, so that this file is clean under its own rule.
REGISTRY_HOSTS = ["py" + "pi.org", "python" + "hosted.org", "download.py" + "torch.org", "npm" + "js.org"]
REGISTRY_HOSTS += ["deb." + "debian.org", "con" + "da.anaconda.org", "proxy.go" + "lang.org"]
MACHINE_PATHS = ["/" + top + "/" for top in ("home", "root", "work", "Users")]
BINARY = {".safetensors", ".png", ".parquet", ".gz", ".xz", ".svg", ".ico", ".pyc", ".nbi", ".nbc"}
TOP_LEVEL_FILES = ["Makefile", "README.md", "pyproject.toml", "requirements.txt", ".gitignore", ".ci/run"]


def package_files() -> list[str]:
    """Python files of the four packages, relative to the clone."""
    return [
        path.relative_to(ROOT).as_posix() for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))
    ]


def python_files() -> list[str]:
    """The packages and the tests; test data may be Python that is wrong on purpose."""
    tests = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("*.py"))]
    return package_files() + [path for path in tests if not path.startswith(("tests/data/", "tests/web/"))]


def text_files() -> list[str]:
    """All files of the tree that hold text, without samples and golden numbers: those are others' words."""
    folders = [*LAYERS, "tests", "docs", "assets"]
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    names = [path.relative_to(ROOT).as_posix() for path in paths if path.suffix not in BINARY]
    others = ("assets/samples/", "tests/data/", "tests/web/node_modules/")
    return TOP_LEVEL_FILES + sorted(name for name in names if not name.startswith(others))


def imports(source: str) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every absolute import, inside functions too, and of import_module("...")."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def named_modules(source: str) -> Iterator[tuple[int, str]]:
    """As `imports`, and `from a import b` as a.b too: b may be a module."""
    yield from imports(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def rooms_above(path: str, source: str) -> list[str]:
    """Imports, in functions too, of a room above the file's own in the same layer, or of another tab by a tab; a room
    the order leaves out."""
    layer, *rest = Path(path).with_suffix("").parts
    order = ROOMS.get(layer)
    if order is None or rest in (["__main__"], ["__init__"]):
        return []
    if rest[0] not in order:
        return [f"{path} stands in {rest[0]}, which the order of the rooms of {layer} leaves out"]
    above = {*order[order.index(rest[0]) + 1 :]}
    if layer == "app" and rest[0] in TABS:
        above |= TABS - {rest[0]}
    return [
        f"{path}:{line} imports {name}, a room that it may not"
        for line, name in named_modules(source)
        if name.split(".")[0] == layer and len(name.split(".")) > 1 and name.split(".")[1] in above
    ]


def circles(sources: dict[str, str]) -> list[list[str]]:
    """Circles of imports among files, path -> source. Late imports in functions count, those for types too."""
    paths = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in sources}
    wants = {
        path: sorted({paths[name] for _, name in named_modules(source) if name in paths} - {path})
        for path, source in sources.items()
    }
    # What `from package import module` asks of is the module, not the package's __init__.
    for path, found in wants.items():
        wants[path] = [each for each in found if not each.endswith("__init__.py")]
    sorter = TopologicalSorter(wants)
    try:
        sorter.prepare()
    except CycleError as err:
        return [err.args[1]]
    return []


def upward_imports(path: str, source: str) -> list[str]:
    """Imports of a layer above the file's own; the four packages never import the tests."""
    own = path.split("/")[0]
    if own not in LAYERS:
        return []
    above = {*LAYERS[LAYERS.index(own) + 1 :], "tests"}
    return [f"{path}:{line} imports {name}" for line, name in imports(source) if name.split(".")[0] in above]


def misplaced_libraries(path: str, source: str) -> list[str]:
    """Imports of a library outside the files that may have it."""
    in_tests = path.startswith("tests/")
    found = []
    for line, name in imports(source):
        library = name.split(".")[0]
        if library not in ONLY_IN or (in_tests and library != "transformers"):
            continue
        if not any(fnmatch(path, pattern) for pattern in ONLY_IN[library]):
            found.append(f"{path}:{line} imports {library}, allowed in {ONLY_IN[library] or 'no file'}")
    return found


def relative_imports(path: str, source: str) -> list[str]:
    """`from . import x` and its like."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom))
    return [f"{path}:{node.lineno} is a relative import" for node in nodes if node.level]


def catch_all_names(path: str, source: str) -> list[str]:
    """Files and folders named for no one thing."""
    return [
        f"{path}: {part} names no one thing" for part in Path(path).with_suffix("").parts if part in CATCH_ALL
    ]


def too_long(path: str, source: str) -> list[str]:
    """Files and bodies of functions beyond the limits; tests are exempt."""
    if path.startswith("tests/"):
        return []
    lines, limit = len(source.splitlines()), MAX_FILE_LINES.get(path.split("/")[0], DEFAULT_FILE_LINES)
    found = [f"{path} has {lines} lines, at most {limit}"] if lines > limit else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            length = (node.end_lineno or node.lineno) - body[0].lineno + 1
            most = MAX_FUNCTION_LINES.get(path.split("/")[0], DEFAULT_FUNCTION_LINES)
            if length > most:
                found.append(f"{path}:{node.lineno} {node.name} has {length} lines, at most {most}")
    return found


def import_time_work(path: str, source: str) -> list[str]:
    """Statements at module level that do something: loops, bare calls, files read into constants."""
    if path.startswith("tests/") or path.endswith("__main__.py"):
        return []
    found = []
    for node in ast.parse(source).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.For | ast.While | ast.With | ast.Expr) and not is_docstring:
            found.append(f"{path}:{node.lineno} works at import time")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            calls = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
            names = {
                call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls
            }
            found += [f"{path}:{node.lineno} calls {name} at import time" for name in sorted(names & READERS)]
    return found


def registry_hosts(path: str, source: str) -> list[str]:
    """Package registries: which one is used is the business of the machine, not of the project."""
    return [f"{path} names {host}" for host in REGISTRY_HOSTS if host in source]


def machine_paths(path: str, source: str) -> list[str]:
    """Paths that exist on the machine of whoever wrote the file."""
    lines = enumerate(source.splitlines(), start=1)
    return [f"{path}:{n} names {top}" for n, line in lines for top in MACHINE_PATHS if top in line]


Rule = Callable[[str, str], list[str]]
PYTHON_RULES: list[Rule] = [upward_imports, misplaced_libraries, relative_imports, catch_all_names, too_long]
PYTHON_RULES += [import_time_work, rooms_above]
TEXT_RULES: list[Rule] = [registry_hosts, machine_paths]


def rule_name(rule: Rule) -> str:
    return rule.__name__


@pytest.mark.parametrize("rule", PYTHON_RULES, ids=rule_name)
def test_python_files_keep_the_rule(rule):
    files = python_files()
    assert {path.split("/")[0] for path in files} == {*LAYERS, "tests"}, "a package has no Python files"
    found = [line for path in files for line in rule(path, (ROOT / path).read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("layer", LAYERS)
def test_no_file_imports_itself_by_way_of_others(layer):
    files = [path for path in package_files() if path.startswith(f"{layer}/")]
    found = circles({path: (ROOT / path).read_text(encoding="utf-8") for path in files})
    assert not found, " -> ".join(found[0])


def test_a_circle_is_seen():
    line = {"app/a.py": "from app import b", "app/b.py": "def f():\n    from app.c import x", "app/c.py": ""}
    assert circles(line) == []
    assert circles({**line, "app/c.py": "import app.a"})


@pytest.mark.parametrize("layer", ROOMS)
def test_the_order_of_rooms_names_what_is_there(layer):
    """A folder that is gone would say nothing about the others."""
    there = {
        path.removesuffix(".py").split("/")[1] for path in package_files() if path.startswith(f"{layer}/")
    }
    assert set(ROOMS[layer]) == there - {"__init__", "__main__"}


@pytest.mark.parametrize("rule", TEXT_RULES, ids=rule_name)
def test_text_files_keep_the_rule(rule):
    read = {path: (ROOT / path).read_text(encoding="utf-8", errors="replace") for path in text_files()}
    found = [line for path, source in read.items() for line in rule(path, source)]
    assert not found, "\n".join(found)


BAD = [
    (upward_imports, "kernels/ssd/cpu.py", "from hnet_core.errors import HNetError"),
    (upward_imports, "hnet_core/model.py", "def f():\n    import analysis.schema"),
    (upward_imports, "analysis/boundaries/extract.py", "import app"),
    (
        upward_imports,
        "hnet_core/model.py",
        "import importlib\nm = importlib.import_module('app.picture.value')",
    ),
    (upward_imports, "app/ui.py", "from tests.conftest import ROOT"),
    (misplaced_libraries, "analysis/boundaries/extract.py", "import gradio as gr"),
    (misplaced_libraries, "analysis/boundaries/extract.py", "from plotly.graph_objects import Figure"),
    (misplaced_libraries, "app/ui.py", "from gradio_client import Client"),
    (misplaced_libraries, "kernels/ssd/reference.py", "import triton.language as tl"),
    (misplaced_libraries, "kernels/cuda.py", "import triton"),
    (misplaced_libraries, "kernels/ssd/__init__.py", "def f():\n    from numba import njit"),
    (misplaced_libraries, "hnet_core/blocks/mamba2.py", "import mamba_ssm"),
    (misplaced_libraries, "hnet_core/boundaries.py", "import pandas as pd"),
    (misplaced_libraries, "kernels/backend.py", "import pandas"),
    (misplaced_libraries, "hnet_core/model.py", "from transformers import AutoModel"),
    (misplaced_libraries, "tests/test_x.py", "import transformers"),
    (relative_imports, "app/ui.py", "from . import view"),
    (relative_imports, "tests/app/test_ui.py", "from ..conftest import ROOT"),
    (catch_all_names, "analysis/utils.py", ""),
    (catch_all_names, "kernels/common.py", ""),
    (catch_all_names, "app/helpers/text.py", ""),
    (too_long, "app/ui.py", "x = 1\n" * 301),
    (too_long, "kernels/ssd/cpu.py", "x = 1\n" * 451),
    (too_long, "hnet_core/model.py", "def f():\n" + "    x = 1\n" * 41),
    (too_long, "kernels/ssd/cuda.py", "def f():\n" + "    x = 1\n" * 51),
    (import_time_work, "analysis/schema.py", "print('hello')"),
    (import_time_work, "analysis/schema.py", "for i in range(3):\n    pass"),
    (
        import_time_work,
        "app/picture/viewer.py",
        "from pathlib import Path\nSCRIPT = Path('x.js').read_text()",
    ),
    (rooms_above, "analysis/inputs/sources.py", "from analysis.files import export"),
    (rooms_above, "analysis/inputs/sources.py", "def f():\n    from analysis import verbs"),
    (rooms_above, "analysis/attic/x.py", ""),
    (rooms_above, "app/runs/tab.py", "from app.compare.handlers import windows"),
    (rooms_above, "app/links.py", "from app.compare import agreement"),
    (
        rooms_above,
        "hnet_core/evaluate/windows.py",
        "def f():\n    from hnet_core.training.recipe import read_recipe",
    ),
    (rooms_above, "hnet_core/blocks/mamba2.py", "from hnet_core import config"),
    (registry_hosts, "Makefile", "pip install -i https://" + "py" + "pi.org/simple"),
    (machine_paths, "docs/speed.md", "measured in " + "/" + "home/me/clone"),
]


@pytest.mark.parametrize(("rule", "path", "source"), BAD)
def test_rule_sees_the_violation(rule, path, source):
    assert rule(path, source), f"{rule_name(rule)} passes {path}: {source[:60]!r}"


GOOD = [
    (
        upward_imports,
        "app/ui.py",
        "import analysis.boundaries.extract\nimport hnet_core.model\nimport kernels",
    ),
    (upward_imports, "analysis/x.py", "import applications"),
    (misplaced_libraries, "app/ui.py", "import gradio\nimport plotly\nimport pandas"),
    (misplaced_libraries, "kernels/ssd/cpu.py", "import numba"),
    (misplaced_libraries, "kernels/ssd/cuda.py", "import triton"),
    (misplaced_libraries, "tests/app/test_ui.py", "import gradio_client\nimport pandas"),
    (catch_all_names, "analysis/agreement/pairs.py", ""),
    (too_long, "app/ui.py", "x = 1\n" * 300),
    (too_long, "kernels/ssd/cpu.py", "x = 1\n" * 450),
    (too_long, "tests/test_x.py", "x = 1\n" * 900),
    (too_long, "app/ui.py", "def f():\n    'Doc.'\n" + "    x = 1\n" * 40),
    (rooms_above, "analysis/files/export.py", "from analysis.inputs import sources\nimport analysis.schema"),
    (rooms_above, "analysis/__init__.py", "from analysis.verbs import compare"),
    (import_time_work, "app/ui.py", '"""Doc."""\nimport os\nX = 1\n"""Of X."""\n\ndef f():\n    print(1)'),
]


@pytest.mark.parametrize(("rule", "path", "source"), GOOD)
def test_rule_lets_good_code_be(rule, path, source):
    assert rule(path, source) == []


FOREIGN = {
    "kernels": ("hnet_core", "analysis", "app", "pandas", "gradio", "plotly", "triton", "transformers"),
    "hnet_core": ("analysis", "app", "pandas", "gradio", "plotly", "triton", "transformers"),
    "analysis": ("app", "gradio", "plotly", "triton", "transformers"),
    "app": ("transformers",),
}


def layer_modules(layer: str) -> list[str]:
    """All modules of a layer; CUDA kernels and entry points left out."""
    files = [path for path in package_files() if path.startswith(layer + "/")]
    files = [path for path in files if not path.endswith(("cuda.py", "__main__.py"))]
    return [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in files]


def test_importing_a_layer_loads_nothing_it_may_not_have():
    """The layers imported from the lowest up in a fresh interpreter, which says after each what is loaded by then.

    A layer may have all that is below it, so that what it must not have is looked for in all that is loaded.
    """
    # torch may look for triton itself, so only what comes after `import torch` counts.
    lines = ["import sys, torch, importlib", "before = set(sys.modules)"]
    for layer in LAYERS:
        lines += [f"importlib.import_module({name!r})" for name in layer_modules(layer)]
        lines += ["print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reports = done.stdout.splitlines()
    assert len(reports) == len(LAYERS), f"importing the layers prints: {done.stdout[:500]}"
    for layer, report in zip(LAYERS, reports, strict=True):
        loaded = set(report.split())
        assert layer in loaded
        assert not loaded & set(FOREIGN[layer]), layer


def test_kernels_is_our_package():
    """A public package has the same name."""
    import kernels

    assert kernels.__file__ is not None
    assert Path(kernels.__file__).resolve() == ROOT / "kernels" / "__init__.py"
