"""Inside a notebook the same checks run on whatever was injected."""

import sys
from types import SimpleNamespace

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from papermill.exceptions import PapermillExecutionError
from papermill.translators import papermill_translators
from small_notebooks import printed, write

from batchlab.runner.in_notebook import check_parameters

DEFAULTS = "batch_size = 32  # samples\nrate = 0.1\nname = 'SGD'\nsizes = [4, 8]"
CHECK = "from batchlab.runner.in_notebook import check_parameters\n\ncheck_parameters()"
PYTHON = papermill_translators.find_translator("python3", "python")


@pytest.fixture
def run_cells(monkeypatch):
    """Return a function that checks as in a session in which cells have run."""

    def check(*cells):
        shell = SimpleNamespace(user_ns={"In": ["", *cells, CHECK]})
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        check_parameters()

    return check


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batchsize": 64}, "this notebook .*received batchsize; did you mean batch_size"),
        ({"batch_size": 6.5}, "expected a whole number for batch_size, .* received 6.5"),
        ({'batch_size=1;print("x");rate': 0.2}, r"each a name with a plain .*received 'print\(\"x"),
    ],
)
def test_papermill_runs_a_checked_notebook_only_with_its_parameters(tmp_path, parameters, message):
    path = write(tmp_path / "in.ipynb", CHECK, "print('after')", parameters=DEFAULTS)
    with pytest.raises(PapermillExecutionError, match=message):
        papermill.execute_notebook(path, tmp_path / "out.ipynb", parameters, progress_bar=False)
    assert "after" not in printed(tmp_path / "out.ipynb")


def test_names_of_the_other_notebooks_in_the_folder_are_passed_over(
    run_cells, tmp_path, monkeypatch
):
    write(tmp_path / "other.ipynb", "print(n)", parameters="epochs = 5  # passes")
    injected = "# Parameters\nbatch_size = 64\nepochs = 7\n"
    with pytest.raises(ValueError, match="received epochs"):
        run_cells(DEFAULTS, injected)
    monkeypatch.chdir(tmp_path)
    run_cells(DEFAULTS, injected)
    with pytest.raises(TypeError, match=r"for epochs, received print\(1\)"):
        run_cells(DEFAULTS, "# Parameters\nepochs = print(1)\n")


def test_papermill_runs_a_checked_notebook_with_good_parameters(tmp_path):
    shows = "print(batch_size, rate, sizes)\nimport sys\nprint('tensorflow' in sys.modules)"
    path = write(tmp_path / "in.ipynb", CHECK, shows, parameters=DEFAULTS)
    parameters = {"batch_size": 64, "rate": 1, "sizes": []}
    papermill.execute_notebook(path, tmp_path / "out.ipynb", parameters, progress_bar=False)
    assert printed(tmp_path / "out.ipynb") == "64 1 []\nFalse\n"


def test_nothing_is_checked_where_nothing_was_injected(tmp_path):
    node = nbformat.read(write(tmp_path / "in.ipynb", CHECK, "print(n)"), as_version=4)
    NotebookClient(node).execute()
    assert node.cells[-1].outputs[0].text == "3\n"
    check_parameters()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"batch_size": True}, TypeError, "a whole number for batch_size, .* received True"),
        ({"batch_size": "64"}, TypeError, "a whole number for batch_size, .* received '64'"),
        ({"batch_size": None}, TypeError, "str, int, .* for batch_size, received None"),
        ({"batch_size": (1, 2)}, TypeError, r"a whole number .* received '\(1, 2\)'"),
        ({"rate": {"a": 1}}, TypeError, "str, int, float, .* for rate, received {'a': 1}"),
        ({"sizes": [[1]]}, TypeError, r"str, int, float, .* for sizes, received \[\[1\]\]"),
        ({"sizes": ["a"]}, TypeError, r"a list for sizes, .* received \['a'\]"),
        ({"a = 1\nbatch_size": 1}, ValueError, "received a$"),
        ({"batch_size = 1\nbatch_size": 1}, ValueError, "received 'batch_size = 1'"),
        ({"batch_size: print(7)": 1}, ValueError, "received 'batch_size: print"),
        ({"import os; rate": 1}, ValueError, "received 'import os'"),
        ({"rate = name": 1}, ValueError, "received 'rate = name = 1'"),
        ({"rate = print(1) #": 1}, TypeError, r"for rate, received print\(1\)"),
    ],
)
def test_what_papermill_writes_for_bad_parameters_is_refused(run_cells, parameters, error, message):
    with pytest.raises(error, match=message) as caught:
        run_cells("import math", DEFAULTS, PYTHON.codify(parameters))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {"batch_size": 64, "rate": float("nan"), "name": 'it\'s "so"\n# a=1;', "sizes": []},
        {"rate": float("-inf"), "sizes": [-1, 10**30]},
        {"rate": 1},
    ],
)
def test_what_papermill_writes_for_good_parameters_passes(run_cells, parameters):
    run_cells("import math", DEFAULTS, PYTHON.codify(parameters))


def test_cells_may_be_run_again_in_a_session(run_cells):
    bad, good = PYTHON.codify({"rat": 1}), PYTHON.codify({"rate": 1})
    run_cells(DEFAULTS, bad, CHECK, good)
    run_cells(DEFAULTS, good, CHECK, CHECK)
    with pytest.raises(ValueError, match=r"\(batch_size, rate, name, sizes\), received rat;"):
        run_cells(DEFAULTS, good, CHECK, bad)
    run_cells(DEFAULTS, bad, "print(1)")
    run_cells()
