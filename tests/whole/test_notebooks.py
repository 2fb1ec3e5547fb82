"""The notebooks are executed, tidy, run with other parameters, and nbval guards what they say."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbconvert.filters import strip_ansi
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from thrown import EXAMPLES

from batchlab.runner.execution import execute
from batchlab.runner.parameters import check_declared, declared, parameters_from

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EVERY = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
SETTINGS = sorted((ROOT / "notebooks" / "params").glob("*.yaml"))
RERUN = [path for path in NOTEBOOKS if re.match("0[2-5]-", path.name)]
EVERY_SOURCE = pytest.mark.parametrize("settings", SETTINGS, ids=lambda path: path.stem)
# Notebooks whose other parameters are a source's settings; the tutorial's are the defaults, with
# which nbval runs them.
SOURCE_OF = {"03-stochastic": "adam-post", "04-minibatch": "video"}
# These two take two minutes each; with BATCHLAB_EXAMPLES they are run, too.
LONG = set() if EXAMPLES else {"10-reproducibility", "11-claims"}
ELSEWHERE = {*SOURCE_OF, *LONG}
OVERRIDES = {
    "epochs": 12,
    "replicates": 1,
    "centers": 5,
    "n_samples": 600,
    "n_train": 300,
    "random_states": [2, 7],
    "problem_replicates": 1,
    "batch_sizes": [8, 32],
    "last_batches": [32, 300],
    "powers": [8],
    "classes": [12],
    "class_batch_sizes": [8, 64],
    "class_epochs": 2,
    "sgd_rates": [0.004, 0.016],
    "adam_rates": [0.002, 0.008],
    "judged": [32],
    "judging_replicates": 1,
    "updates": 20,
    "digits_batch_sizes": [16, 100],
    "digits_samples": 400,
    "digits_train": 300,
    "digits_target": 1.5,
    "rates": [0.1, 0.4],
    "tuning_replicates": 1,
    "digits_replicates": 1,
    "noise_replicates": 1,
    "most_updates": 100,
    "changes": [4],
    "split_epochs": 2,
    "starts": 2,
    "members": [1],
    "claims": [9, 45],
    "store": "",
    "seconds": 8.0,
    "split_seed": 3,
}
OF_ONE = {"12-your-data": {"replicates": 2}}  # which compares with intervals


def tags(cell):
    return cell.metadata.get("tags", [])


def faults(notebook):
    """Return what is wrong with a notebook's form, a sentence for each."""
    cells = notebook.cells
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    found = []
    if cells[0].cell_type != "markdown" or not cells[0].source.startswith("# "):
        found.append("its first cell is not a heading")
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("its cells were not all executed, in order, in one go")
    if sum("parameters" in tags(cell) for cell in code) != 1:
        found.append("it has not one cell of parameters")
    elif any(not is_import(cell) for cell in code[: index_of_parameters(code)]):
        found.append("more than imports stands before its parameters")
    if cells[-1].cell_type != "code" or "nbval-ignore-output" not in tags(cells[-1]):
        found.append("its last cell is not one that nbval leaves alone")
    for cell in code:
        found += [f"{fault}: {cell.source[:40]!r}" for fault in cell_faults(cell)]
    return found


def index_of_parameters(code):
    return next(index for index, cell in enumerate(code) if "parameters" in tags(cell))


def is_import(cell):
    """Whether a cell holds nothing but imports, magics and comments."""
    lines = cell.source.strip().splitlines()
    return all(re.match(r"%|#|import |from |\s|\)|$", line) for line in lines)


def cell_faults(cell):
    outputs = json.dumps(cell.outputs)
    if len(cell.source.strip().splitlines()) > 15 and "parameters" not in tags(cell):
        yield "a cell of more than 15 lines"
    if re.search(r"^\s*(?:def|class) ", cell.source, re.M):
        yield "a function or class, which is library"
    if any(output.output_type == "error" for output in cell.outputs):
        yield "an output is an error"
    if any(f"{place}/" in outputs for place in (ROOT, Path.home(), "/tmp")):
        yield "an output shows a path of one machine"


def tiny():
    """Return a sound notebook with a stored number."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parameters = new_code_cell("n = 4", execution_count=2, metadata={"tags": ["parameters"]})
    number = new_code_cell("print(n * 30.5)", execution_count=3)
    number.outputs = [new_output("stream", name="stdout", text="122.0\n")]
    last = new_code_cell("n", execution_count=4, metadata={"tags": ["nbval-ignore-output"]})
    first = new_code_cell("import math  # noqa: F401", execution_count=1)
    cells = [new_markdown_cell("# A number"), first, parameters, number, last]
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def nbval(notebook, folder, *options):
    """Validate a notebook as `make test` does; return the exit status and what was printed."""
    path = folder / "copy.ipynb"
    nbformat.write(notebook, path)
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-cell-timeout=300", "-q"]
    # A folder of its own: the settings of this project's tests apply, its conftest does not.
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), str(path), *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, strip_ansi(done.stdout + done.stderr)


def change_a_digit(notebook):
    """Change one digit of the first number with a decimal point that a cell printed."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            checked = "nbval-ignore-output" not in tags(cell) and output.output_type == "stream"
            number = re.search(r"\d\.\d*(\d)", output.text) if checked else None
            if number:
                digit = str((int(number[1]) + 1) % 10)
                start, end = number.span(1)
                output.text = output.text[:start] + digit + output.text[end:]
                return notebook
    raise LookupError("expected a cell that prints a number")


def printed(notebook):
    """Return all lines that cells printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = [output.text for output in outputs if output.output_type == "stream"]
    return [line for text in texts for line in text.splitlines()]


def test_the_story_is_complete():
    stems = {path.stem for path in NOTEBOOKS}
    assert {"01-problem", "02-batch", "03-stochastic", "04-minibatch"} <= stems


@EVERY
def test_notebook_is_in_form(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert faults(notebook) == []


@pytest.mark.parametrize(
    ("cell", "changes", "fault"),
    [
        (3, {"execution_count": None, "outputs": []}, "not all executed"),
        (3, {"execution_count": 7}, "not all executed"),
        (3, {"source": "def f():\n    pass"}, "a function or class"),
        (3, {"source": "n\n" * 16}, "more than 15 lines"),
        (3, {"outputs": [new_output("error", ename="E", evalue="", traceback=[])]}, "an error"),
        (3, {"outputs": [new_output("stream", text=f"{ROOT}/x")]}, "a path of one machine"),
        (1, {"source": "k = 2 * n"}, "more than imports"),
        (2, {"metadata": {}}, "not one cell of parameters"),
        (4, {"metadata": {}}, "its last cell"),
        (0, {"source": "A number"}, "not a heading"),
    ],
)
def test_faults_are_found(cell, changes, fault):
    notebook = tiny()
    assert faults(notebook) == []
    notebook.cells[cell].update(nbformat.from_dict(changes))
    (found,) = faults(notebook)
    assert fault in found


@pytest.mark.skipif(not NOTEBOOKS, reason="there are no notebooks")
def test_nbval_refuses_one_changed_digit_and_accepts_what_comes_out(tmp_path):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    before = printed(notebook)
    after = printed(change_a_digit(notebook))
    ((line, changed),) = [pair for pair in zip(before, after, strict=True) if len({*pair}) == 2]
    status, shown = nbval(notebook, tmp_path, "-vvv")
    assert status == 1, shown
    # That the notebook passes as it is shows in the same run: its other cells do, and in the
    # changed one that line alone differs from what comes out, which is what was stored.
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert f"1 failed, {len(code) - 1} passed" in shown
    came_out, stored = ({*re.findall(rf"^  [{sign}] (.*)", shown, re.M)} for sign in "-+")
    assert (came_out, stored) == ({line}, {changed}), shown


def check_injected(executed, parameters):
    """Check that a notebook took its parameters, and that no cell overwrites them."""
    (injected,) = [cell for cell in executed.cells if "injected-parameters" in tags(cell)]
    for name, value in parameters.items():
        assert f"{name} = {json.dumps(value)}\n" in f"{injected.source}\n"
    after = executed.cells[executed.cells.index(injected) + 1 :]
    assigned = [rf"^({name})\s*=[^=]" for name in parameters]
    sources = "\n".join(cell.source for cell in after if cell.cell_type == "code")
    assert not re.findall("|".join(assigned), sources, re.M), "a parameter is overwritten"


@pytest.fixture
def quickly_compiled(monkeypatch):
    """Let kernels compile without optimizing, in half the time: no number of theirs is stored."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0"
    monkeypatch.setenv("XLA_FLAGS", flags)


@pytest.mark.usefixtures("quickly_compiled")
@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path.stem not in ELSEWHERE], ids=lambda path: path.stem
)
def test_notebook_runs_with_other_parameters(path, tmp_path):
    overrides = OVERRIDES | OF_ONE.get(path.stem, {})
    parameters = {name: overrides[name] for name in overrides.keys() & declared(path).keys()}
    assert parameters, f"{path.stem} declares none of {', '.join(OVERRIDES)}"
    check_injected(nbformat.read(execute(path, tmp_path, parameters), as_version=4), parameters)


# The settings of the sources


def test_there_are_settings_for_each_source_that_gives_a_model():
    assert [path.stem for path in SETTINGS] == ["adam-post", "tutorial", "video"]


@EVERY_SOURCE
@pytest.mark.parametrize("path", RERUN, ids=lambda path: path.stem)
def test_settings_fit_every_notebook_that_re_runs_a_source(settings, path):
    values = parameters_from(settings, path)
    assert {"n_train", "optimizer", "learning_rate", "momentum", "epochs"} <= values.keys()
    check_declared(path, values)
    if settings.stem == "tutorial":
        defaults = declared(path)
        assert values == {name: defaults[name] for name in values}


@EVERY_SOURCE
def test_every_setting_has_a_comment(settings):
    before = ""
    for line in settings.read_text(encoding="utf-8").splitlines():
        assert not line or "  # " in line or line.startswith("# ") or before.startswith("# "), line
        before = line


@pytest.mark.usefixtures("quickly_compiled")
@pytest.mark.parametrize(("stem", "source"), SOURCE_OF.items())
def test_a_notebook_runs_with_the_settings_of_a_source(stem, source, tmp_path):
    path = ROOT / "notebooks" / f"{stem}.ipynb"
    values = parameters_from(ROOT / "notebooks" / "params" / f"{source}.yaml", path)
    short = {"epochs": 8, "replicates": 2, "random_states": [2, 7], "problem_replicates": 2}
    short |= {"centers": 5, "store": ""}
    parameters = values | {name: short[name] for name in short.keys() & declared(path).keys()}
    executed = nbformat.read(execute(path, tmp_path, parameters), as_version=4)
    check_injected(executed, parameters)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    shown = "".join(output.get("text", "") for output in outputs)
    assert re.search(rf"on {values['n_train']} (?:training )?samples", shown)
    assert not [output for output in outputs if output.get("name") == "stderr"]


@pytest.mark.usefixtures("quickly_compiled")
def test_papermill_alone_takes_them_too(tmp_path):
    settings, out = ROOT / "notebooks" / "params" / "video.yaml", tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", "--cwd", "notebooks", "--no-progress-bar"]
    command += [
        "-f",
        str(settings),
        "-p",
        "epochs",
        "3",
        "-p",
        "replicates",
        "1",
        "-r",
        "store",
        "",
    ]
    command += ["notebooks/02-batch.ipynb", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "batch size 800 on 800 training samples" in out.read_text()


def make(*arguments):
    """Return what make would run, with an environment that is up to date."""
    command = ["make", "-n", "--no-print-directory", "-o", ".venv/installed-requirements.lock"]
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PARAMS", "GPU", "OUTPUTS", "NOTEBOOKS")
    outer += ("JOBS", "DEVICE")
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def would_run(*arguments):
    """Return the words of the one command that `make run` comes to."""
    (line,) = make("run", *arguments).stdout.replace("\\\n", " ").splitlines()
    return line.split()


@EVERY_SOURCE
def test_make_runs_the_settings_of_a_source_in_a_folder_of_their_own(settings, tmp_path):
    words = would_run(f"PARAMS={settings.stem}", f"OUTPUTS={tmp_path}")
    command = [".venv/bin/python", "-m", "batchlab", "run", "--output"]
    source = [f"'{tmp_path}/{settings.stem}'", "--jobs", "1", "--params", settings.stem]
    assert words == command + source


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--output 'outputs' --jobs 1"),
        (["JOBS=2"], "--output 'outputs' --jobs 2"),
        (["-j2"], "--output 'outputs' --jobs 2"),
        (["-j2", "JOBS=3"], "--output 'outputs' --jobs 3"),
        (["-j"], "--output 'outputs' --jobs 1"),
        (["DEVICE=cpu"], "--output 'outputs' --jobs 1 --device cpu"),
        (["NOTEBOOKS=minibatch 05"], "--output 'outputs' --jobs 1 minibatch 05"),
    ],
)
def test_make_hands_its_options_on(arguments, words):
    assert would_run(*arguments)[4:] == words.split()


@pytest.mark.parametrize(
    "name", ["nonsense", "%", "video tutorial", "../params/video", "video.yaml"]
)
def test_make_names_the_settings_there_are(name):
    done = make("run", f"PARAMS={name}")
    assert done.returncode == 2
    assert f"PARAMS: expected one of adam-post, tutorial, video, received {name}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
