"""The command line: what it refuses, what it runs again, and what it says."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import psutil
import pytest
from small_notebooks import files, printed, write

from batchlab.__main__ import main
from batchlab.runner import jobs, manifest, plan, provenance
from batchlab.runner.catalogue import find
from batchlab.runner.execution import CELL_TIMEOUT

ROOT = Path(__file__).parents[2]
HEADING = "# Batches\n\n**Which `size`?** It depends. Runtime: about 10 seconds."
PARAMETERS = """\
batch_size = 32  # samples per update
rate = 0.1  # step size
optimizer = "SGD"  # a name
sizes = [4, 8]  # samples
flag = False  # whether"""
RATE = "rate = 0.1  # step size"
SHOW = "print(batch_size, rate, repr(optimizer), sizes, flag)"
SHOW_DEVICE = "import os\nprint(os.environ['BATCHLAB_DEVICE'], os.environ['CUDA_VISIBLE_DEVICES'])"
BATCH = ["run", "--jobs", "2", "--device", "cpu"]
PAGES = [
    f"{name}.{end}" for name in ("04-minibatch", "05-batch-sizes") for end in ("html", "ipynb")
]


def with_notebooks(path):
    """Return a folder with notebooks of which only the first has a batch size."""
    about = {"heading": HEADING, "parameters": PARAMETERS}
    write(path / "notebooks" / "04-minibatch.ipynb", SHOW, SHOW_DEVICE, **about)
    about["parameters"] = RATE
    write(path / "notebooks" / "05-batch-sizes.ipynb", "print(rate)", **about)
    (path / "notebooks" / "params").mkdir()
    (path / "notebooks" / "params" / "video.yaml").write_text("rate: 0.5\nbatch_size: 8\n")
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with notebooks, to work in."""
    monkeypatch.chdir(tmp_path)
    return with_notebooks(tmp_path)


@pytest.fixture
def planned(folder, monkeypatch):
    """Return what would be run: a list of (name, parameters), and the other options."""
    found = []

    def note(runs, output_dir, **options):
        found.append(([(run.notebook.name, dict(run.parameters)) for run in runs], output_dir))
        found.append({name: options[name] for name in ("at_a_time", "timeout", "device")})
        return True

    monkeypatch.setattr(jobs, "execute_all", note)
    return found


def rows(out):
    """Return the rows of the last table that was printed, by the notebook's name."""
    lines = out.splitlines()
    start = max(index for index, line in enumerate(lines) if line.startswith("notebook "))
    table = lines[start + 1 :]
    table = table[: table.index("")] if "" in table else table
    return {line.split()[0]: line.split()[1:] for line in table}


# What is asked for


def test_names_values_and_files_come_together(planned):
    given = ["run", "minibatch", "batch-sizes", "--params", "video", "-p", "batch_size=64"]
    given += ["-p", 'optimizer=it\'s "a=1;b"\n', "--jobs", "2", "--timeout", "9"]
    main([*given, "--device", "CPU", "--output", "new/out"])
    runs, options = planned
    first = {"rate": 0.5, "batch_size": 64, "optimizer": 'it\'s "a=1;b"\n'}
    assert runs == (
        [("04-minibatch", first), ("05-batch-sizes", {"rate": 0.5})],
        Path("new/out"),
    )
    assert options == {"at_a_time": 2, "timeout": 9, "device": "cpu"}


def test_without_anything_every_notebook_runs_with_its_defaults(planned):
    main(["run"])
    runs, options = planned
    assert runs == ([("04-minibatch", {}), ("05-batch-sizes", {})], Path("outputs"))
    assert options == {"at_a_time": 1, "timeout": None, "device": None}


def test_notebooks_may_be_in_another_folder(planned):
    Path("notebooks").rename("others")
    main(["run", "--notebooks", "others"])
    assert [name for name, _ in planned[0][0]] == ["04-minibatch", "05-batch-sizes"]


def test_settings_of_a_source_have_a_folder_of_their_own(planned):
    main(["run", "--params", "video"])
    assert planned[0][1] == Path("outputs/video")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["minibach"], "received minibach; did you mean minibatch"),
        (["-p", "batchsize=64"], "received batchsize; did you mean batch_size?"),
        (["05", "-p", "batch_size=64"], "expected a parameter of 05-batch-sizes (rate), received"),
        (["-p", "batch_size"], "expected a parameter as name=value, received 'batch_size'"),
        (["-p", "=64"], "expected a parameter as name=value, received '=64'"),
        (["-p", ""], "expected a parameter as name=value, received ''"),
        (["-p", "rate=1", "-p", "rate=2"], "expected rate once, received it twice"),
        (["-p", 'a=1;print("x");b=2'], "expected a parameter of one of these notebooks"),
        (["-p", "batch_size;import os=3"], "received 'batch_size;import os'"),
        (["-p", "batch_size =3"], "received 'batch_size '"),
        (["-p", "batch_size=6.5"], "a whole number for batch_size, like its default 32, received"),
        (["-p", "batch_size=True"], "a whole number for batch_size"),
        (["-p", "batch_size=nan"], "a whole number for batch_size"),
        (["-p", "batch_size=__import__('os').getpid()"], "a whole number for batch_size"),
        (["-p", "rate=fast"], "expected a number for rate, like its default 0.1, received 'fast'"),
        (["-p", "flag=yes"], "expected true or false for flag, like its default False, received"),
        (["-p", "sizes=(4, 8)"], "expected a list for sizes"),
        (["-p", "sizes=[[4]]"], "expected a list for sizes"),
        (["-p", "sizes=[2026-11-21]"], "expected a list for sizes"),
        (["-p", "sizes=8"], "expected a list for sizes"),
        (["-p", "optimizer=\udcff"], "expected text of Unicode for optimizer"),
        (["--params", "vido"], "expected one of video or a file of parameters, received vido; did"),
        (["--params", ""], "of parameters, received an empty name"),
        (["--output", "notebooks"], "expected an output folder other than the notebook's own"),
        (["--output", "/proc/none"], "expected an output folder that can be written to, received"),
        (["--notebooks", "none"], "expected a folder of notebooks, found none at none"),
        (["--jobs", "0"], "Invalid value for '-j' / '--jobs': 0 is not in the range x>=1."),
        (["--jobs", "two"], "Invalid value for '-j' / '--jobs': 'two' is not a valid integer"),
        (["--timeout", "-1"], "Invalid value for '--timeout'"),
        (["--device", "tpu"], "'tpu' is not one of 'cpu', 'gpu'."),
        (["--parms", "video"], "No such option"),
    ],
)
def test_what_is_wrong_gets_one_sentence_and_nothing_runs(planned, capsys, arguments, sentence):
    assert main(["run", *arguments]) == 2
    shown = capsys.readouterr().err
    (line,) = [line for line in shown.splitlines() if line.startswith("Error: ")]
    assert sentence in line
    assert "Traceback" not in shown
    assert not planned
    assert not Path("outputs").exists()


def test_a_manifest_of_another_kind_costs_one_sentence_and_nothing_is_kept(planned, capsys):
    Path("outputs").mkdir()
    Path("outputs", "manifest.json").write_text("__import__('os').abort()")
    main(["run"])
    assert capsys.readouterr().err.count("\n") == 1
    assert len(planned[0][0]) == 2


# What comes of it


@pytest.fixture(scope="module")
def batch_of_two(tmp_path_factory):
    """A folder in which two notebooks were run at a time, and what the command said."""
    path = tmp_path_factory.mktemp("finished")
    for name, own, other in ("04-minibatch", "a", "b"), ("05-batch-sizes", "b", "a"):
        meet = (
            "import pathlib, time\n"
            f"pathlib.Path('{own}').touch()\n"
            "latest = time.monotonic() + 60\n"
            f"while not pathlib.Path('{other}').exists() and time.monotonic() < latest:\n"
            "    time.sleep(0.05)\n"
            f"print('met' if pathlib.Path('{other}').exists() else 'alone')"
        )
        first = name == "04-minibatch"
        about = {"heading": HEADING, "parameters": PARAMETERS if first else RATE}
        shows = [SHOW, SHOW_DEVICE] if first else ["print(rate)"]
        write(path / "notebooks" / f"{name}.ipynb", *shows, meet, **about)
    out, err = io.StringIO(), io.StringIO()
    with chdir(path), redirect_stdout(out), redirect_stderr(err):
        assert main([*BATCH, "-p", "batch_size=64"]) == 0
    return path, out.getvalue(), err.getvalue()


@pytest.fixture
def finished(batch_of_two, tmp_path, monkeypatch):
    """A copy of that folder, to work in."""
    path = shutil.copytree(batch_of_two[0], tmp_path / "finished")
    monkeypatch.chdir(path)
    return path


def kept(folder, parameters=None, **options):
    """Whether a finished notebook would not be run again."""
    notebooks = find(["04"], folder / "notebooks")
    given = {"batch_size": 64, **(parameters or {})}
    options = {"device": "cpu", **options}
    (run,) = plan.plan(notebooks, [given], folder / "outputs", **options)
    assert run.result in ("kept", "not run")
    return run.result == "kept"


def test_a_result_is_kept_only_for_the_same_parameters_code_and_environment(finished, monkeypatch):
    assert kept(finished)
    assert kept(finished, {"rate": 0.1})  # its default
    assert not kept(finished, force=True)
    assert not kept(finished, {"batch_size": 32})
    assert not kept(finished, {"rate": float("nan")})
    assert not kept(finished, device="gpu")
    with monkeypatch.context() as patch:
        patch.delenv("BATCHLAB_DEVICE", raising=False)
        assert not kept(finished, device=None)
        patch.setenv("BATCHLAB_DEVICE", "gpu")
        assert not kept(finished, device=None)
        patch.setenv("BATCHLAB_DEVICE", "cpu")
        assert kept(finished, device=None)
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "library_digest", lambda notebook: "another")
        assert not kept(finished)
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "versions", lambda: {"python": "3.99"})
        assert not kept(finished)
    notebook = finished / "notebooks" / "04-minibatch.ipynb"
    text = notebook.read_text()
    notebook.write_text(text.replace("print(", "print(1, "))
    assert not kept(finished)
    notebook.write_text(text)
    assert kept(finished)
    page = finished / "outputs" / "04-minibatch.html"
    whole = page.read_bytes()
    page.write_bytes(whole[:-10])
    assert not kept(finished)
    page.write_bytes(whole)
    assert kept(finished)


def test_a_batch_runs_side_by_side_what_it_is_asked_for(batch_of_two):
    folder, out, err = batch_of_two
    assert err == ""
    found = rows(out)
    assert found["04-minibatch"][0] == "batch_size=64"
    assert found["04-minibatch"][2:] == ["done", "outputs/04-minibatch.ipynb"]
    assert found["05-batch-sizes"][1:] == ["done", "outputs/05-batch-sizes.ipynb"]
    outputs = folder / "outputs"
    assert printed(outputs / "04-minibatch.ipynb") == ("64 0.1 'SGD' [4, 8] False\ncpu \nmet\n")
    assert printed(outputs / "05-batch-sizes.ipynb") == "0.1\nmet\n"
    assert files(outputs) == [*PAGES, "index.html", "manifest.json"]


def test_a_batch_resumes_and_replaces(finished, batch_of_two, capsys):
    first = rows(batch_of_two[1])
    Path("outputs/05-batch-sizes.ipynb").write_text("{}")
    before = Path("outputs/04-minibatch.ipynb").stat().st_mtime_ns
    Path("outputs/04-minibatch.failed.ipynb").write_text("of other parameters")
    assert main([*BATCH, "-p", "batch_size=64"]) == 0
    again = rows(capsys.readouterr().out)
    assert again["04-minibatch"][1:] == [
        first["04-minibatch"][1],
        "kept",
        "outputs/04-minibatch.ipynb",
    ]
    assert again["05-batch-sizes"][1] == "done"
    assert Path("outputs/04-minibatch.ipynb").stat().st_mtime_ns == before
    assert files(finished / "outputs") == [*PAGES, "index.html", "manifest.json"]


def test_one_that_fails_dies_or_hangs_does_not_keep_the_others_from_running(folder, capsys):
    notebooks = folder / "notebooks"
    write(notebooks / "01-dies.ipynb", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    write(notebooks / "02-hangs.ipynb", "import time\ntime.sleep(300)")
    nameless = {"name": "no-such-kernel", "display_name": "None", "language": "python"}
    write(notebooks / "03-kernel.ipynb", "1", kernel=nameless)
    started = time.monotonic()
    assert main(["run", "01", "02", "03", "05", "--jobs", "4", "--timeout", "5"]) == 1
    assert time.monotonic() - started < 60
    shown = capsys.readouterr()
    assert {name: row[1] for name, row in rows(shown.out).items()} == {
        "01-dies": "failed",
        "02-hangs": "failed",
        "03-kernel": "failed",
        "05-batch-sizes": "done",
    }
    assert "FAILED  01-dies, cell 3 of 3: the kernel died" in shown.err
    assert "FAILED  02-hangs, cell 3 of 3: it took more than 5 seconds" in shown.err
    assert "FAILED  03-kernel: there is no kernel no-such-kernel to run it" in shown.err
    assert "one_run" not in shown.err


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists()


STOPS = signal.SIGINT, signal.SIGKILL


def stop_a_batch(folder, stop):
    """Stop a batch while two of its notebooks run; return what is left of it."""
    notebooks = folder / "notebooks"
    sleep = "from subprocess import Popen\nPopen(['sleep', '300'])\nopen('begun', 'w')"
    write(notebooks / "06-sleeps.ipynb", sleep, "import time\ntime.sleep(300)")
    write(notebooks / "07-sleeps.ipynb", "import time\nopen('too', 'w')\ntime.sleep(300)")
    write(notebooks / "08-waits.ipynb", "1")
    command = [sys.executable, "-m", "batchlab", "run", "05", "06", "07", "08", "--jobs", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as process:
        wait_for(notebooks / "begun")
        wait_for(notebooks / "too")
        started = psutil.Process(process.pid).children(recursive=True)
        assert "sleep" in {one.name() for one in started}
        process.send_signal(stop)
        shown, errors = process.communicate(timeout=60)
    psutil.wait_procs(started, timeout=30)
    alive = [one for one in started if one.is_running() and one.status() != "zombie"]
    return folder, alive, process.returncode, shown, errors


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """What is left of batches that are stopped, by the signal; they run at the same time."""
    folders = [with_notebooks(tmp_path_factory.mktemp(stop.name)) for stop in STOPS]
    with ThreadPoolExecutor(len(STOPS)) as pool:
        return dict(zip(STOPS, pool.map(stop_a_batch, folders, STOPS), strict=True))


@pytest.mark.parametrize("stop", STOPS)
def test_a_batch_that_is_stopped_keeps_what_was_finished_and_leaves_nothing_else(stopped, stop):
    folder, alive, status, shown, errors = stopped[stop]
    assert not alive
    left = ["05-batch-sizes.html", "05-batch-sizes.ipynb", "manifest.json"]
    assert files(folder / "outputs") == left
    if stop != signal.SIGKILL:
        assert (status, errors) == (130, "stopped\n")
        results = {
            name: [word for word in row if word.isalpha()] for name, row in rows(shown).items()
        }
        assert results == {
            "05-batch-sizes": ["done"],
            "06-sleeps": ["stopped"],
            "07-sleeps": ["stopped"],
            "08-waits": ["not", "run"],
        }
    ((name, entry),) = manifest.read(folder / "outputs").items()
    assert name == "05-batch-sizes"
    assert manifest.is_whole(folder / "outputs", name, entry)


# What it says


def test_help_and_list_wait_for_no_large_library(folder):
    code = (
        "import sys\nfrom batchlab.__main__ import main\n"
        "for arguments in ['--help'], ['run', '--help'], ['list']:\n"
        "    assert main(arguments) == 0\n"
        "large = {'tensorflow', 'keras', 'numpy', 'papermill', 'nbformat', 'nbconvert'}\n"
        "print('loaded', sorted(large & sys.modules.keys()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded []\n")


def test_help_says_how_long_a_cell_may_take(capsys):
    assert main(["run", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"--timeout SECONDS How long one cell may take. [default: {CELL_TIMEOUT}]" in shown


def test_list_shows_questions_running_times_and_parameters(folder, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out == (
        "04-minibatch  (about 10 seconds)\n"
        "    Which size?\n"
        '    batch_size: int = 32, rate: float = 0.1, optimizer: str = "SGD", '
        "sizes: list[int] = [4, 8],\n"
        "    flag: bool = False\n"
        "\n"
        "05-batch-sizes  (about 10 seconds)\n"
        "    Which size?\n"
        "    rate: float = 0.1\n"
    )
    assert main(["list", "batch-sizes"]) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "    parameter  type   default  meaning",
        "    rate       float  0.1      step size",
    ]


def test_list_speaks_json_and_of_measured_seconds(finished, capsys):
    where = ["--notebooks", str(finished / "notebooks"), "--output", str(finished / "outputs")]
    assert main(["list", "--json", *where]) == 0
    found, _ = json.loads(capsys.readouterr().out)
    assert found["name"] == "04-minibatch"
    assert found["question"] == "Which size?"
    assert found["runtime"] == "about 10 seconds"
    assert 0 < found["seconds"] < 60
    assert found["parameters"][3] == {
        "name": "sizes",
        "type": "list[int]",
        "default": [4, 8],
        "source": "[4, 8]",
        "comment": "samples",
    }
    assert main(["list", *where]) == 0
    assert f"(about 10 seconds; {found['seconds']:.0f} s here)" in capsys.readouterr().out


def test_a_table_fits_a_hundred_columns(planned, capsys):
    many = [f"sizes=[{', '.join(['1024'] * 20)}]", "batch_size=64", "rate=0.25", "flag=true"]
    main(["run", *(word for text in many for word in ("-p", text))])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("rate=0.25" in line for line in lines) == 2
