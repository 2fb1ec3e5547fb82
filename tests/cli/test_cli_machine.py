"""The commands about the machine: what they refuse at once, what they write, and how they end."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from batchlab.cli.notebooks import batchlab
from batchlab.foundation.backend import tf
from batchlab.foundation.files import check_writable, replacing
from batchlab.reproducibility import fingerprints, report


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(batchlab, arguments, prog_name="batchlab")


@pytest.fixture
def uncomputed(monkeypatch):
    """Let nothing be computed."""

    def compute(**_):
        raise AssertionError("it was computed")

    monkeypatch.setattr(fingerprints, "fingerprint", compute)


@pytest.fixture(scope="module")
def own():
    """The fingerprint of one epoch; `make test` has the command compute the whole."""
    return fingerprints.published_fingerprint().isel(epoch=slice(1))


@pytest.fixture
def computed(own, monkeypatch):
    """Let it be computed only once; return what it was asked for with."""
    asked = []

    def compute(**given):
        asked.append(given)
        return own

    monkeypatch.setattr(fingerprints, "fingerprint", compute)
    return asked


def publish(monkeypatch, published):
    monkeypatch.setattr(report, "published_fingerprint", lambda: published)


# Help


def test_help_waits_for_no_large_library():
    code = (
        "import sys\nfrom batchlab.__main__ import main\n"
        "assert [main([command, '--help']) for command in sys.argv[1:]] == [0, 0]\n"
        "print('loaded', sorted({'tensorflow', 'keras', 'numpy'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, "fingerprint", "devices"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded []\n")


def test_help_says_what_the_commands_are_for_and_how_they_end():
    shown = " ".join(call("fingerprint", "--help").output.split())
    assert "Compute the tutorial's runs and others" in shown
    assert "The exit status is 0 if all agrees as it must, 1 if not, and 2 if" in shown
    assert "--epochs N How many to compare; fewer are quicker. [default: 200; 1<=x<=200]" in shown
    shown = " ".join(call("devices", "--help").output.split())
    assert (
        "Measure from which batch size on, and from how many replicates, a GPU is faster" in shown
    )
    assert "[default: 1, 32, 500]" in shown
    assert "[default: 1, 30, 2000]" in shown


# Refused


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fingerprint", "--epochs", "0"], "0 is not in the range 1<=x<=200"),
        (["fingerprint", "--epochs", "201"], "201 is not in the range 1<=x<=200"),
        (["fingerprint", "--threads", "two"], "'two' is not a valid integer"),
        (["fingerprint", "--device", "tpu"], "'tpu' is not one of 'cpu', 'gpu'"),
        (["fingerprint", "--report", "."], "is a directory"),
        (
            ["fingerprint", "--report", "a.txt", "--store", "./a.txt"],
            "report, store: expected two files, received 'a.txt' twice.",
        ),
        (["fingerprint", "--report", ""], "report: expected a file, received '.', which is a "),
        (
            ["fingerprint", "--report", "none/a.txt"],
            "report: expected a file in a folder that exists, received 'none/a.txt'.",
        ),
        (
            ["fingerprint", "--report", "a.txt", "--store", "none/a.nc"],
            "store: expected a file in a folder that exists, received 'none/a.nc'.",
        ),
        (
            ["fingerprint", "--store", "/proc/a.nc"],
            "store: expected a file in a folder that can be written to, received '/proc/a.nc': ",
        ),
        (["devices", "--batch-size", "0"], "0 is not in the range x>=1"),
        (["devices", "--batch-size", "501"], "batch_size: expected "),
        (["devices", "--replicates", "2", "--replicates", "2"], "replicates: expected different "),
        (["devices", "--dtype", "float16"], "'float16' is not one of 'float64', 'float32'"),
    ],
)
def test_what_is_wrong_gets_one_sentence_before_anything_is_computed(
    uncomputed, folder, arguments, sentence
):
    ended = call(*arguments)
    assert ended.exit_code == 2
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert sentence in line
    assert ended.stdout == ""
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", ["fingerprint", "devices"])
def test_a_gpu_that_is_asked_for_and_absent_costs_one_sentence(command, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    ended = call(command, "--device", "gpu")
    assert ended.exit_code == 2
    assert ended.stderr == (
        "Error: device: expected a GPU for device='gpu', but TensorFlow sees none.\n"
    )
    assert ended.stdout == ""


# The fingerprint


def test_a_fingerprint_that_agrees_ends_well_and_is_kept(own, computed, folder, monkeypatch):
    publish(monkeypatch, own)
    given = ["--epochs", "1", "--threads", "3", "--device", "CPU"]
    ended = call("fingerprint", *given, "--report", "a.txt", "--store", "a.nc")
    assert ended.exit_code == 0, ended.output
    assert computed == [{"epochs": 1, "threads": 3, "device": "cpu"}]
    assert Path("a.txt").read_text(encoding="utf-8") == ended.stdout
    assert "all runs agree" in ended.stdout
    with xr.open_dataset("a.nc", engine="h5netcdf") as stored:
        xr.testing.assert_equal(
            stored[["loss"]].drop_vars("metric", errors="ignore"), own[["loss"]]
        )
    assert sorted(path.name for path in folder.iterdir()) == ["a.nc", "a.txt"]


@pytest.mark.usefixtures("computed")
def test_a_fingerprint_that_differs_ends_with_status_one(own, monkeypatch):
    other = own.copy(deep=True)
    place = {"run": "32 at 0.01", "replicate": 1, "epoch": 1}
    other["val_accuracy"].loc[place] = np.nextafter(other["val_accuracy"].loc[place].item(), 2)
    publish(monkeypatch, other)
    ended = call("fingerprint", "--epochs", "1")
    assert ended.exit_code == 1, ended.output
    assert "32 at 0.01: differs from epoch 1 on, first val_accuracy of replicate 1" in ended.stdout
    assert "These do not: 32 at 0.01." in ended.stdout
    assert ended.stderr == ""


def test_a_report_that_cannot_be_written_leaves_the_old_one(own, computed, folder, monkeypatch):
    publish(monkeypatch, own)
    Path("a.txt").write_text("as before")

    def fails(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fails)
    ended = call("fingerprint", "--report", "a.txt")
    assert ended.exit_code == 2
    assert ended.stderr == "Error: no space left\n"
    assert Path("a.txt").read_text() == "as before"
    assert [path.name for path in folder.iterdir()] == ["a.txt"]


# Whole or not at all


def test_a_file_is_in_place_only_when_it_is_whole(folder):
    path = folder / "a b{}.txt"
    path.write_text("before")
    with replacing(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    with pytest.raises(KeyboardInterrupt), replacing(str(path)) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "after"
    assert [each.name for each in folder.iterdir()] == [path.name]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_file_has_the_permissions_of_any_new_file(folder, umask, mode):
    before = os.umask(umask)
    try:
        with replacing(folder / "a.txt") as part:
            part.write_text("whole")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "a.txt").stat().st_mode) == mode


def test_looking_whether_a_file_can_be_written_leaves_nothing(folder):
    check_writable("report", Path("a.txt"))
    assert list(folder.iterdir()) == []
