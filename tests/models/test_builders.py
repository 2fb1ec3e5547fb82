"""Models of the reader's own, by name: from a module, from a file, and what goes wrong."""

import os
import sys

import numpy as np
import pytest

import batchlab as bl
from batchlab.costs.memory import memory_needed
from batchlab.costs.memory_peak import measured_peak
from batchlab.models.named import build_from, name_of

SOURCE = """
from dataclasses import dataclass

from batchlab import keras

@dataclass
class Width:
    units: "int" = 7

class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x

def own(problem, *, units=None):
    units = units or Width().units
    return keras.Sequential([
        keras.Input(problem.feature_shape, dtype="float64"),
        keras.layers.Dense(units, activation="relu", dtype="float64"),
        Doubled(dtype="float64"),
        keras.layers.Dense(problem.n_outputs, activation="softmax", dtype="float64"),
    ])

def other(problem, width):
    return own(problem)

NUMBER = 3
MODEL = keras.Sequential([keras.layers.Dense(3)])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with the reader's file."""
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("import no_such_package\n")
    (tmp_path / "wrong.py").write_text("x = 1 / 0\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit('enough')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_librarys_own_builders_have_short_names():
    assert build_from("mlp") is bl.mlp
    assert build_from("convnet") is bl.convnet


def test_a_function_of_a_module():
    assert build_from("batchlab.models.networks:mlp") is bl.mlp
    assert build_from(" batchlab:mlp ") is bl.mlp


@pytest.mark.parametrize("relative", [True, False])
def test_a_function_of_a_file(folder, small, relative):
    build = build_from("mine.py:own" if relative else f"{folder}/mine.py:own")
    model = build(small)
    assert model.layers[0].units == 7
    assert bl.fit(build, small, batch_size=20, epochs=1)["loss"].shape == (1, 1)


def test_a_file_is_read_anew_and_leaves_no_module_behind(folder, small):
    before = set(sys.modules)
    first = build_from("mine.py:own")
    (folder / "mine.py").write_text(SOURCE.replace("= 7", "= 5"))
    os.utime(folder / "mine.py", (0, 0))  # not to be taken from the cache of compiled files
    second = build_from("mine.py:own")
    assert [build(small).layers[0].units for build in (first, second)] == [7, 5]
    assert not [name for name in set(sys.modules) - before if "batchlab_file" in name]


def test_a_sweep_in_other_processes_trains_what_came_from_a_file(folder, small):
    build = build_from("mine.py:own")
    settings = {"batch_size": [20, 60], "epochs": 2, "units": [3, 4]}
    here = bl.sweep(build, small, **settings)
    elsewhere = bl.sweep(build, small, **settings, n_jobs=2)
    assert here["loss"].shape == (2, 2, 1, 2)
    np.testing.assert_array_equal(here["loss"], elsewhere["loss"])


def test_another_process_finds_it_again_by_its_name(folder, small):
    build = build_from("mine.py:own")
    assert name_of(build) == f"{folder.resolve()}/mine.py:own"
    given = build, name_of(build), "mine.py:own"
    measured = [measured_peak(one, small, batch_size=1, updates=1) for one in given]
    assert all((one["process"] > 100e6).all() for one in measured)
    assert memory_needed(build, small, batch_size=1).loc[1, "weights"] == 8 * (3 * 7 + 8 * 3)


def test_what_has_changed_since_is_not_taken_for_the_same(folder, small):
    build = build_from("mine.py:own")
    (folder / "mine.py").write_text(SOURCE.replace("units or Width()", "units or 2 * Width()"))
    os.utime(folder / "mine.py", (0, 0))
    with pytest.raises(ValueError, match="another process can import"):
        measured_peak(build, small, batch_size=1)


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        (3, TypeError, r"expected a name such as 'mlp' or .*, received 3"),
        (bl.mlp, TypeError, r"expected a name such as"),
        ("", ValueError, r"expected 'convnet' or 'mlp', .*, received ''"),
        ("mpl", ValueError, r"received 'mpl'; did you mean mlp\?"),
        ("mine.py", ValueError, r"'path/to/file.py:function' .* received 'mine.py'"),
        ("mine.py:", ValueError, r"received 'mine.py:'"),
        (":own", ValueError, r"received ':own'"),
        ("mine.py:own()", ValueError, r"received 'mine.py:own\(\)'"),
        ("there.py:own", ValueError, r"expected a file that is there, received 'there.py'"),
        ("mine.py:onw", ValueError, r"a function of mine.py, received 'onw', .*mean own\?"),
        (
            "batchlab.models.networks:mlpp",
            ValueError,
            r"batchlab.models.networks, received 'mlpp', .*mean mlp\?",
        ),
        ("mine.py:zzz", ValueError, r"received 'zzz', which is not there"),
        ("no_such.thing:own", ValueError, r"can be imported, received 'no_such.thing'"),
        ("batchlab.no_such:own", ValueError, r"can be imported, received 'batchlab.no_such'"),
        ("a/b:own", ValueError, r"can be imported, received 'a/b'"),
        ("..models:own", ValueError, r"^build: expected .*\.\.models"),
        ("mine:own", ValueError, r"received 'mine'; for the file write 'mine.py:own'"),
        ("broken.py:own", ValueError, r"that broken.py .* raises .*No module named 'no_such_pack"),
        ("wrong.py:own", ValueError, r"wrong.py .* raises ZeroDivisionError: division by zero"),
        ("leaves.py:own", ValueError, r"leaves.py .* raises SystemExit: enough"),
        ("mine.py:NUMBER", TypeError, r"received 3 for 'mine.py:NUMBER'"),
        ("mine.py:Width", TypeError, r"received a class for 'mine.py:Width'"),
        ("mine.py:MODEL", TypeError, r"received a model for 'mine.py:MODEL'"),
        ("mine.py:other", TypeError, r"a problem alone, .*'mine.py:other': missing .*'width'"),
    ],
)
def test_what_is_no_name_of_a_function_is_refused_in_one_sentence(folder, path, kind, message):
    with pytest.raises(kind, match=message) as caught:
        build_from(path)
    said = str(caught.value)
    assert said.startswith("build: expected ")
    assert "\n" not in said


def test_a_type_is_handed_to_a_function_that_takes_one(tmp_path):
    assert bl.build_from("mlp", dtype="float32")(bl.blobs()).weights[0].dtype == "float32"
    own = tmp_path / "own.py"
    own.write_text("import batchlab as bl\n\n\ndef build(problem):\n    return bl.mlp(problem)\n")
    model = bl.build_from(f"{own}:build", dtype="float32")(bl.blobs())
    assert model.weights[0].dtype == "float64"


def test_a_file_is_found_where_the_command_was_called(tmp_path, monkeypatch):
    (tmp_path / "own_model.py").write_text("import batchlab as bl\n\nbuild = bl.mlp\n")
    with pytest.raises(ValueError, match="build: expected a file that is there"):
        bl.build_from("own_model.py:build")
    monkeypatch.setenv("BATCHLAB_CALLED_FROM", str(tmp_path))
    assert bl.build_from("own_model.py:build")(bl.blobs()).count_params() == 303
