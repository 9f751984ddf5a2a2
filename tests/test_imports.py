"""Who may import whom: down only, no circles; and what stays out of the way to the first page."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (  # from the ground up: a unit imports units of lower layers, and itself
    {
        "zoo", "zoo.config", "zoo.eight_bits", "zoo.entry", "zoo.losses", "zoo.nn", "zoo.noise", "zoo.runtime",
        "zoo.secrecy",
    },
    {"zoo.models"},
    {"zoo.data", "zoo.metrics"},
    {"zoo.registry"},
    {"zoo.checkpoint"},
    {"zoo.hub_faults"},
    {"zoo.hub_limits"},
    {"zoo.compress", "zoo.engine", "zoo.export", "zoo.hub", "zoo.snippets"},
    {"zoo.card", "zoo.doctor", "zoo.generate"},
    {"zoo.release", "zoo.sample", "zoo.space", "zoo.table", "zoo.ui", "zoo.verify"},
    {"zoo.evidence", "zoo.figures"},
    {"zoo.__main__"},
    {"train"},
)
LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units}
FORBIDDEN = {  # besides what the layers say
    "zoo.data": {"zoo.models"},
    "zoo.metrics": {"zoo.models"},
    "zoo.__main__": {"zoo.ui"},
    "train": {"zoo.ui", "zoo.__main__"},
}
SOLE_IMPORTER = {"gradio": "zoo.ui", "accelerate": "train"}
LAZY = {"transformers", "diffusers", "onnx", "onnxruntime"}
LAZY_WORDS = "torch, transformers, diffusers, gradio, onnxruntime"
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}


def sources() -> dict[str, Path]:
    """Module names of zoo and train, and their files."""
    found = {}
    for path in sorted([*ROOT.glob("zoo/**/*.py"), *ROOT.glob("train/**/*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SOURCES = sources()


def unit(module: str) -> str:
    """The part of the house that a module belongs to."""
    return "train" if module.split(".")[0] == "train" else ".".join(module.split(".")[:2])


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    """Full names that a file imports; those under TYPE_CHECKING are only words. `lazy`: inside functions too."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if not lazy and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(name if name in SOURCES else str(node.module) for name in names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in ("zoo", "train")}


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_downwards_only(module: str) -> None:
    here = unit(module)
    assert here in LEVEL, f"{here} has no place in the layers"
    if module == "zoo":  # the package's door, `zoo.load`, reaches up inside its function
        assert not ours(imports(SOURCES[module], lazy=False))
        return
    for name in ours(imports(SOURCES[module])):
        there = unit(name)
        ground = LEVEL[here] == 0
        down = LEVEL[there] < LEVEL[here] or there == here or (ground and LEVEL[there] == 0)
        assert down and there not in FORBIDDEN.get(here, ()), f"{module} must not import {name}"


def test_no_imports_run_in_a_circle() -> None:
    graph = {module: {n for n in ours(imports(path)) if n != module} for module, path in SOURCES.items()}
    graph["zoo"] = set()
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("library", SOLE_IMPORTER)
def test_a_frameworks_import_has_one_home(library: str) -> None:
    importers = {unit(m) for m, path in SOURCES.items() if library in {n.split(".")[0] for n in imports(path)}}
    assert importers == {SOLE_IMPORTER[library]}


@pytest.mark.parametrize("module", SOURCES)
def test_heavy_libraries_are_imported_inside_functions(module: str) -> None:
    found = {name.split(".")[0] for name in imports(SOURCES[module], lazy=False)}
    assert not LAZY & found


@pytest.mark.parametrize("module", SOURCES)
def test_nothing_is_unpickled_or_evaluated(module: str) -> None:
    path = SOURCES[module]
    assert not {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"} & {n.split(".")[0] for n in imports(path)}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "torch.load", "np.load"), f"{module}:{node.lineno} calls {called}"
        assert not (isinstance(node, ast.keyword) and node.arg in ("trust_remote_code", "allow_pickle"))


@pytest.mark.parametrize("module", [m for m in SOURCES if m.startswith("zoo.models.")])
def test_a_model_inherits_from_nothing_but_a_module(module: str) -> None:
    for node in ast.walk(ast.parse(SOURCES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            assert {ast.unparse(base) for base in node.bases} <= {"nn.Module"}, f"{module}.{node.name}"


def test_no_file_has_a_name_that_says_nothing() -> None:
    for path in SOURCES.values():
        assert not VAGUE & {*path.relative_to(ROOT).with_suffix("").parts}, path


def test_a_model_and_its_recipe_have_the_same_place() -> None:
    models = {path.relative_to(ROOT / "zoo" / "models") for path in ROOT.glob("zoo/models/*/[a-z]*.py")}
    recipes = {path.relative_to(ROOT / "train") for path in ROOT.glob("train/*/[a-z]*.py")}
    assert models == {path for path in recipes if path.parts[0] != "algorithms"}


def test_spaces_is_a_folder_of_data_that_hides_no_package() -> None:
    """With an __init__.py it would stand before Hugging Face's own package, which gradio imports."""
    assert not list(ROOT.glob("spaces/**/__init__.py"))


@pytest.mark.parametrize(
    "code",
    [
        "import zoo",
        "import zoo.registry; assert zoo.registry.names()",
        "import zoo.hub",
        "import zoo.checkpoint",
        "import zoo.generate.library as l; l.table(); l.choices('text-to-audio')",
        "import zoo.__main__ as m; m.parser(); m.main(['list'])",
    ],
)
def test_the_way_to_the_first_page_loads_no_heavy_library(code: str) -> None:
    probe = f"{code}\nimport sys\nprint([n for n in '{LAZY_WORDS}'.split(', ') if n in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
