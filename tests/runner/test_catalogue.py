"""Notebooks are found by their names, and what they say of themselves is read, not run."""

import json
from pathlib import Path

import papermill
import pytest
from small_notebooks import write

from batchlab.runner.catalogue import find, read_notebook
from batchlab.runner.provenance import made_of

ROOT = Path(__file__).parents[2]
HEADING = "# Batches\n\n**Which `size`?** It depends. Runtime: about 10 seconds."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    for name in "01-problem", "04-minibatch", "05-batch-sizes", "05-other", "extra":
        write(folder / f"{name}.ipynb", "print(n)", heading=HEADING)
    return folder


@pytest.mark.parametrize(
    "name", ["minibatch", "04", "4", "04-minibatch", "04-minibatch.ipynb", "minibatch.ipynb"]
)
def test_a_notebook_has_several_names(folder, name):
    (found,) = find([name], folder)
    assert found.path == folder / "04-minibatch.ipynb"


def test_a_path_is_a_name_too_and_each_notebook_comes_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = [str(folder / "04-minibatch.ipynb"), "minibatch", "./extra.ipynb", "01"]
    assert [one.name for one in find(names, folder)] == ["04-minibatch", "extra", "01-problem"]


def test_no_name_at_all_is_every_numbered_notebook(folder):
    every = ["01-problem", "04-minibatch", "05-batch-sizes", "05-other"]
    assert [one.name for one in find([], folder)] == every
    assert [one.name for one in find([], folder, rerun=True)] == every[1:]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("minibach", "extra), received minibach; did you mean minibatch"),
        ("nonsense", "(01-problem, 04-minibatch, 05-batch-sizes, 05-other, extra), received"),
        ("05", "expected the name of one notebook, received 05, which is 05-batch-sizes, 05-"),
        ("", "received an empty name"),
        ("../none.ipynb", "expected a notebook, found no file ../none.ipynb"),
        ("*", "received *"),
    ],
)
def test_a_name_that_is_none_gets_one_sentence(folder, name, sentence):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        find([name], folder)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_notebooks_of_one_name_are_refused(folder, tmp_path):
    other = write(tmp_path / "extra.ipynb", "print(n)")
    with pytest.raises(ValueError, match="received extra from several folders"):
        find(["extra", str(other)], folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": 3}', '{"cells": [{}]}', "[" * 9999]
)
def test_a_file_that_is_no_notebook_gets_one_sentence(tmp_path, text):
    path = tmp_path / "01-torn.ipynb"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"expected a notebook, but .* is none: ") as caught:
        read_notebook(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("heading", "title", "question", "runtime"),
    [
        (HEADING, "Batches", "Which size?", "about 10 seconds"),
        ("# T\n\nOne. Two.\n\n**Later?**", "T", "One.", ""),
        ("# T\n\nWhy? Runtime: 3.5 s, or less. More.", "T", "Why?", "3.5 s, or less"),
        ("# T", "T", "T", ""),
        ("none", "01-x", "01-x", ""),
    ],
)
def test_a_heading_gives_title_question_and_running_time(
    tmp_path, heading, title, question, runtime
):
    found = read_notebook(write(tmp_path / "01-x.ipynb", heading=heading))
    assert (found.heading[0], found.question, found.runtime) == (title, question, runtime)


def test_every_notebook_of_this_project_has_a_question_and_a_running_time():
    for notebook in find([], ROOT / "notebooks"):
        assert notebook.question.endswith("?"), notebook.name
        assert notebook.runtime, notebook.name
        # Papermill reads the cells as well, line by line.
        assert list(notebook.declared) == list(papermill.inspect_notebook(notebook.path))
        assert not [name for name, one in notebook.declared.items() if one.kind == "any"]


# What a result is made of


def test_stored_outputs_do_not_change_a_notebook_but_its_cells_do(tmp_path):
    path = write(tmp_path / "01-x.ipynb", "print(n)")
    before = read_notebook(path).digest
    node = json.loads(path.read_text())
    node["cells"][2] |= {"execution_count": 7, "id": "another"}
    node["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "3\n"}]
    node["cells"][2]["source"] = ["print", "(n)"]
    path.write_text(json.dumps(node, indent=3))
    assert read_notebook(path).digest == before
    node["cells"][2]["source"] = "print(n )"
    path.write_text(json.dumps(node))
    assert read_notebook(path).digest != before


def test_what_is_given_as_the_default_is_not_another_result(tmp_path):
    notebook = read_notebook(
        write(tmp_path / "01-x.ipynb", parameters="n = 3\nrate = 1.0\nflag = True")
    )
    plain = made_of(notebook, {}, None)
    assert made_of(notebook, {"n": 3, "rate": 1.0}, None) == plain
    assert made_of(notebook, {"rate": 1}, None)["parameters"] == {"rate": 1}
    assert made_of(notebook, {"n": 4}, "cpu") == plain | {"parameters": {"n": 4}, "device": "cpu"}
    nan = made_of(notebook, {"rate": float("nan")}, None)
    assert json.loads(json.dumps(nan, allow_nan=False)) == nan
    assert {"python", "tensorflow", "keras", "numpy", "papermill"} <= plain["versions"].keys()


def test_another_content_of_a_file_that_a_parameter_names_is_another_result(tmp_path):
    notebook = read_notebook(write(tmp_path / "01-x.ipynb", parameters="data = ''\nbuild = ''"))
    table, own = tmp_path / "table.csv", tmp_path / "own.py"
    given = {"data": str(table), "build": f"{own}:build"}
    assert "files" not in made_of(notebook, given, None)
    found = []
    for text in ("a", "b", "a"):
        table.write_text(text)
        own.write_text("x")
        found.append(made_of(notebook, given, None))
    assert found[0] == found[2] != found[1]
    own.write_text("y")
    assert made_of(notebook, given, None) != found[2]


def test_every_package_that_the_library_requires_is_noted():
    import tomllib

    from packaging.requirements import Requirement

    from batchlab.runner.provenance import PACKAGES

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {Requirement(line).name for line in project["dependencies"]} <= {*PACKAGES}
