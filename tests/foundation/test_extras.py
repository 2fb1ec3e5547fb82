"""What is missing of an extra is said in one sentence, with the command that installs it."""

import runpy
import sys

import pytest

import batchlab as bl
from batchlab.__main__ import main
from batchlab.foundation.extras import check_extra


@pytest.fixture
def without(monkeypatch):
    """A function that makes a package look as if it were not installed."""
    return lambda name: monkeypatch.setitem(sys.modules, name, None)


def test_nothing_is_said_where_all_is_there():
    check_extra("test", "a tester", ["pytest", "json"])


def test_the_first_that_is_missing_is_named():
    with pytest.raises(
        ModuleNotFoundError,
        match=r"^expected a tester, but nosuchpackage is missing: pip install 'batchlab\[test\]'$",
    ):
        check_extra("test", "a tester", ["pytest", "nosuchpackage", "nosuchother"])


def test_the_explorer_in_a_notebook(without):
    without("anywidget")
    with pytest.raises(
        ModuleNotFoundError, match=r"shows the explorer, but anywidget .* 'batchlab\[app\]'"
    ):
        bl.explore()


def test_the_explorer_as_a_page(without):
    without("voila")
    sys.modules.pop("batchlab.explorer.voila", None)
    with pytest.raises(SystemExit, match=r"serves the explorer, but voila .* 'batchlab\[app\]'"):
        runpy.run_module("batchlab.explorer.voila", run_name="__main__")


@pytest.mark.parametrize(("name", "command"), [("click", ["list"]), ("papermill", ["run"])])
def test_the_command_line(without, capsys, name, command):
    without(name)
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"but {name} is missing: pip install 'batchlab[notebooks]'" in line
