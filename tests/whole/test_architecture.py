"""The page *Architecture* is true; each name of a function or class has one meaning."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "batchlab"
PAGE = ROOT / "docs" / "architecture.md"


@pytest.fixture(scope="module")
def architecture():
    sys.path.insert(0, str(PAGE.parent))
    try:
        import architecture
    finally:
        sys.path.remove(str(PAGE.parent))
    return architecture


def rooms():
    return {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_the_layers_are_the_folders(architecture):
    floors = [name for floor in architecture.floors() for name in floor]
    assert sorted(floors) == sorted(rooms())


def test_the_page_lists_them_with_what_they_import(architecture):
    page = PAGE.read_text(encoding="utf-8")
    assert architecture.with_list(page) == page
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert listed == rooms()
    assert page.startswith("# Architecture\n\nSeventeen packages") == (len(listed) == 17)


def test_the_picture_is_of_these(architecture, tmp_path):
    # In a process of its own: the drawing changes settings of Matplotlib.
    code = "import sys, pathlib, architecture; architecture.draw(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "drawn.svg")]
    subprocess.run(command, cwd=PAGE.parent, check=True, timeout=120)
    stored = PAGE.with_suffix(".svg").read_text(encoding="utf-8")
    assert (tmp_path / "drawn.svg").read_text(encoding="utf-8") == stored


def test_files_that_the_page_names_are_there():
    named = PAGE.read_text(encoding="utf-8").split("`")[1::2]
    files = [name for name in named if name.endswith((".py", ".pyi", ".toml"))]
    assert len(files) > 15
    missing = [
        name for name in files if not ((ROOT / name).is_file() or (PACKAGE / name).is_file())
    ]
    assert missing == []


def test_few_modules_stand_at_the_top_and_no_package_is_of_one():
    assert len(list(PACKAGE.glob("*.py"))) <= 10
    assert {
        name: n for name in rooms() if (n := len(list((PACKAGE / name).glob("*.py")))) < 3
    } == {}


def test_each_name_has_one_meaning():
    defined = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined[node.name].append(str(path.relative_to(PACKAGE)))
    twice = {name: places for name, places in defined.items() if len(places) > 1}
    assert twice.keys() <= {"main"}  # what a program begins with
