"""The store of a sweep: a cell is found again only if nothing about it has changed."""

import os
import pickle
import re
import resource
import shutil
import subprocess
import threading
from importlib import resources
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import batchlab as bl
from batchlab.engine.training import Training
from batchlab.foundation import sources
from batchlab.foundation.backend import keras
from batchlab.training import store as store_module

optimizers = keras.optimizers
RATES = [0.1, 0.01]


def rates_study(problem, **changed):
    """Two cells that share a program."""
    settings = {"batch_size": 60, "learning_rate": RATES, "epochs": 2, "replicates": 2}
    return bl.sweep(changed.pop("build", bl.mlp), problem, **{**settings, **changed})


def numbers(study):
    return study.drop_vars(["compile_seconds", "training_seconds"])


def files_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.fixture
def trained(monkeypatch):
    """The cells trained since: their settings."""
    cells, train = [], Training.train

    def counted(self, *arguments, **settings):
        cells.append(self._run)
        return train(self, *arguments, **settings)

    monkeypatch.setattr(Training, "train", counted)
    return cells


@pytest.fixture(scope="module")
def kept(small, tmp_path_factory):
    """A folder with the two cells, and the study."""
    folder = tmp_path_factory.mktemp("kept")
    return folder, rates_study(small, store=folder)


@pytest.fixture
def folder(kept, tmp_path):
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(kept[0], tmp_path / "cells"))


# What is found again


def test_the_same_call_trains_nothing_and_returns_the_same(small, kept, trained):
    folder, study = kept
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = rates_study(small, store=str(folder))
    assert trained == []
    assert again.identical(study)
    for name, value in study.attrs.items():
        assert type(again.attrs[name]) is type(value), name
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_what_is_stored_is_what_comes_without_a_store(small, kept):
    assert numbers(kept[1]).identical(numbers(rates_study(small)))


def test_each_cell_is_one_netcdf_file(small, kept):
    folder, study = kept
    assert len(files_in(folder)) == 2
    rates = set()
    for path in folder.iterdir():
        assert re.fullmatch(r"[0-9a-f]{32}\.nc", path.name)
        cell = xr.load_dataset(path, engine="h5netcdf")
        rates.add(cell.attrs["learning_rate"])
        expected = study.sel(learning_rate=cell.attrs["learning_rate"])
        np.testing.assert_array_equal(cell["val_loss"], expected["val_loss"])
    assert rates == set(RATES)


def test_only_what_is_missing_is_trained(small, folder, trained):
    study = rates_study(small, store=folder, learning_rate=[0.01, 0.05, 0.1])
    assert len(trained) == 1
    assert len(files_in(folder)) == 3
    assert numbers(study).identical(numbers(rates_study(small, learning_rate=[0.01, 0.05, 0.1])))


def test_a_grid_finds_the_cells_of_another_with_other_dimensions(small, folder, trained):
    study = rates_study(
        small,
        store=folder,
        learning_rate=0.1,
        momentum=[0.9],
        hidden_units={"fifty": (50,)},
        optimizer={"mine": optimizers.SGD(0.3)},
    )
    assert trained == []
    assert study["val_loss"].dims[:3] == ("optimizer", "momentum", "hidden_units")


def test_weights_are_kept_too(small, tmp_path, trained):
    settings = {"store": tmp_path, "keep_weights": "epochs", "learning_rate": 0.1}
    study = rates_study(small, **settings)
    assert rates_study(small, **settings).identical(study)
    assert len(trained) == 1


@pytest.mark.parametrize("held", [{"updates": 7, "records": [1, 7]}, {"samples": 100}])
def test_budgets_other_than_epochs(small, tmp_path, trained, held):
    study = rates_study(small, store=tmp_path, epochs=None, **held)
    assert len(trained) == 2
    assert rates_study(small, store=tmp_path, epochs=None, **held).identical(study)
    assert len(trained) == 2


# What is another cell


def other_start(problem):
    model = bl.mlp(problem)
    model.layers[-1].bias.assign([0.0, 1e-12, 0.0])
    return model


def last_replicate_starts_elsewhere(problem):
    model = bl.mlp(problem)
    if keras.src.utils.rng_utils.get_random_seed() == 1:
        model.layers[-1].bias.assign([0.0, 1e-12, 0.0])
    return model


def tanh(problem):
    return bl.mlp(problem, activation="tanh")


def float32(problem):
    return bl.mlp(problem, dtype="float32")


def regularized(problem):
    model = bl.mlp(problem)
    model.layers[0].kernel.regularizer = keras.regularizers.L2(0.1)
    return model


def changed_problem(problem, **changes):
    arrays = {name: getattr(problem, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    return bl.from_arrays(**{**arrays, **changes}, name="blobs")


def nudged(array):
    array = array.copy()
    array.ravel()[-1] = np.nextafter(array.ravel()[-1], np.inf)
    return array


CHANGES = {
    "batch size": {"batch_size": 59},
    "learning rate": {"learning_rate": [0.1, np.nextafter(0.01, 1)]},
    "epochs": {"epochs": 3},
    "updates": {"epochs": None, "updates": 2},
    "records": {"epochs": None, "updates": 2, "records": 1},
    "replicates": {"replicates": 3},
    "seed": {"seed": 1},
    "weights kept": {"keep_weights": "final"},
    "weights of epochs kept": {"keep_weights": "epochs"},
    "momentum": {"momentum": [0.8]},
    "nesterov": {"nesterov": [True]},
    "weight decay": {"weight_decay": [1e-4]},
    "optimizer": {"optimizer": optimizers.Adam()},
    "schedule": {
        "learning_rate": None,
        "optimizer": optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 9, 0.5)),
    },
    "another schedule": {
        "learning_rate": None,
        "optimizer": optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 9, 0.6)),
    },
    "loss": {"loss": keras.losses.SparseCategoricalCrossentropy(ignore_class=0)},
    "from logits": {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
    "units": {"hidden_units": [(49,)]},
    "activation": {"build": tanh},
    "type": {"build": float32},
    "regularizer": {"build": regularized},
    "initial weights": {"build": other_start},
    "initial weights of another replicate": {"build": last_replicate_starts_elsewhere},
}


@pytest.fixture
def left_to_train(monkeypatch):
    """Ask for a sweep's cells that are not in the store, without training them."""

    class Enough(Exception):
        pass

    def ask(problem, folder, **settings):
        left = []

        def stop(cells, **_):
            left.extend(cells)
            raise Enough

        monkeypatch.setattr("batchlab.training.sweep.train_here", stop)
        with pytest.raises(Enough):
            rates_study(problem, store=folder, **settings)
        monkeypatch.undo()
        return len(left)

    return ask


@pytest.mark.parametrize("changed", CHANGES)
def test_a_change_of_a_setting_or_the_model_is_another_cell(small, kept, left_to_train, changed):
    settings = CHANGES[changed]
    left = left_to_train(small, kept[0], **settings)
    assert left == (1 if changed in ("learning rate", "schedule", "another schedule") else 2)


def zeros(problem):
    model = bl.mlp(problem)
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    return model


def test_the_seed_counts_where_weights_do_not_depend_on_it(small, tmp_path, left_to_train):
    """The orders of the samples do."""
    rates_study(small, build=zeros, store=tmp_path)
    assert left_to_train(small, tmp_path, build=zeros, seed=1) == 2


def test_no_two_of_these_are_the_same_cell(small, tmp_path, monkeypatch):
    keys = []
    monkeypatch.setattr(store_module.Store, "read", lambda self, key: keys.append(key))
    monkeypatch.setattr(
        "batchlab.training.sweep.train_here", lambda cells, **_: (cell for cell in ())
    )
    monkeypatch.setattr("batchlab.training.sweep._study", lambda *_: None)
    rates_study(small, store=tmp_path)
    for changed in CHANGES.values():
        rates_study(small, store=tmp_path, **changed)
    # The first rate is the same in the grid whose second rate was changed.
    assert len(keys) - len(set(keys)) == 1


@pytest.mark.parametrize("part", ["x_train", "x_test", "y_train", "y_test", "order", "name"])
def test_a_change_of_the_data_is_another_cell(small, kept, left_to_train, tmp_path, part):
    same = changed_problem(small)
    if part == "name":
        other = bl.from_arrays(same.x_train, same.y_train, same.x_test, same.y_test, name="b")
    elif part == "order":
        other = changed_problem(small, x_train=small.x_train[::-1], y_train=small.y_train[::-1])
    elif part.startswith("x"):
        other = changed_problem(small, **{part: nudged(getattr(small, part))})
    else:
        labels = getattr(small, part).copy()
        labels[0] = (labels[0] + 1) % 3
        other = changed_problem(small, **{part: labels})
    rates_study(same, store=tmp_path)
    assert left_to_train(other, tmp_path) == 2


def test_equal_data_is_the_same_cell(kept, trained):
    rates_study(bl.blobs(100, n_train=60), store=kept[0])
    assert trained == []


@pytest.mark.parametrize(
    "name",
    ["batchlab.engine.history.__version__", "keras.__version__", "tensorflow.__version__"],
)
def test_another_version_is_another_cell(small, kept, left_to_train, monkeypatch, name):
    with monkeypatch.context() as patched:
        patched.setattr(name, "99.0")
        assert left_to_train(small, kept[0]) == 2


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """Change a module of a copy of the library, whose digests are taken from then on."""
    copy = tmp_path / "library" / "batchlab"
    shutil.copytree(resources.files("batchlab"), copy)

    def edit(module):
        monkeypatch.setattr(sources.resources, "files", lambda name: copy)
        with open(copy / f"{module}.py", "a") as source:
            source.write("\n")

    return edit


def test_so_is_a_change_of_the_engine(small, kept, left_to_train, edited):
    edited("engine/step")
    assert left_to_train(small, kept[0]) == 2


def test_a_change_of_what_no_training_imports_is_none(small, kept, left_to_train, edited):
    for module in ("explorer/words", "figures/style", "analysis/intervals", "training/sweep"):
        edited(module)
    assert left_to_train(small, kept[0]) == 0


@pytest.mark.parametrize(
    "module", ["ledger/evidence/trainings", "dynamics/noise", "costs/memory", "engine/loop"]
)
def test_a_change_of_these_is_another_measurement(edited, module):
    code = "batchlab.ledger.evidence.experiments"
    before = store_module.measurement_key({"experiment": "a"}, code)
    edited("explorer/words")
    assert store_module.measurement_key({"experiment": "a"}, code) == before
    assert store_module.measurement_key({"experiment": "b"}, code) != before
    edited(module)
    assert store_module.measurement_key({"experiment": "a"}, code) != before


def test_fit_finds_what_a_sweep_has_kept_and_the_reverse(small, tmp_path, trained):
    settings = {"epochs": 3, "replicates": 2, "seed": 4}
    alone = bl.fit(bl.mlp, small, batch_size=16, keep_weights="none", **settings)
    kept = {**settings, "store": tmp_path}
    study = bl.sweep(bl.mlp, small, batch_size=[8, 16], **kept)
    before = len(trained)
    found = bl.fit(bl.mlp, small, batch_size=16, keep_weights="none", **kept)
    bl.fit(bl.mlp, small, batch_size=32, keep_weights="none", **kept)
    assert len(trained) == before + 1
    bl.sweep(bl.mlp, small, batch_size=[8, 16, 32], **kept)
    assert len(trained) == before + 1
    seconds = ["compile_seconds", "training_seconds"]
    assert found.attrs.keys() == alone.attrs.keys()
    xr.testing.assert_identical(
        found.drop_attrs(deep=False).drop_vars(seconds, errors="ignore"),
        alone.drop_attrs(deep=False),
    )
    assert {name: found.attrs[name] for name in set(found.attrs) - set(seconds)} == {
        name: alone.attrs[name] for name in set(alone.attrs) - set(seconds)
    }
    np.testing.assert_array_equal(found["val_loss"], study["val_loss"].sel(batch_size=16))


def test_threads_and_processes_are_not_part_of_a_cell(small, folder, trained):
    rates_study(small, store=folder, threads=3)
    rates_study(small, store=folder, n_jobs=1)
    rates_study(small, store=folder, n_jobs=2)
    assert trained == []


def test_a_default_of_keras_that_numbers_depend_on_is_part_of_it(small, kept, left_to_train):
    keras.config.set_epsilon(1e-5)
    try:
        assert left_to_train(small, kept[0]) == 2
    finally:
        keras.config.set_epsilon(1e-7)


class Own(keras.layers.Dense):
    pass


@pytest.mark.parametrize(
    "build",
    [
        lambda problem: keras.Sequential([keras.Input((2,)), Own(3, activation="softmax")]),
        lambda problem: bl.mlp(problem, activation=lambda x: x * 0.5),
    ],
    ids=["a layer", "a function"],
)
def test_what_cannot_be_found_again_is_refused(small, tmp_path, trained, build):
    with pytest.raises(ValueError, match=r"^store: expected a model, .* Keras's own classes.*\.$"):
        rates_study(small, build=build, store=tmp_path)
    assert trained == []
    rates_study(small, build=build)


# What is not trusted


def damaged(path, kind, other):
    content = path.read_bytes()
    if kind.startswith("truncated"):
        path.write_bytes(content[: int(len(content) * float(kind.split()[1]))])
    elif kind == "last byte missing":
        path.write_bytes(content[:-1])
    elif kind == "text":
        path.write_text("not a cell")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"val_loss": [1.0]}))
    elif kind == "another cell":
        shutil.copy(other, path)
    elif kind == "a changed number":
        with h5py.File(path, "r+") as file:
            file["val_loss"][0, 0] += 1e-12
    elif kind == "a changed coordinate":
        with h5py.File(path, "r+") as file:
            file["update"][0] += 1
    elif kind == "a changed attribute":
        with h5py.File(path, "r+") as file:
            file.attrs["n_train"] = 61
    elif kind == "a missing variable":
        with h5py.File(path, "r+") as file:
            del file["accuracy"]
    elif kind == "no seal":
        with h5py.File(path, "r+") as file:
            del file.attrs["seal"]
    elif kind == "an empty dataset":
        xr.Dataset().to_netcdf(path, engine="h5netcdf")


@pytest.mark.parametrize(
    "kind",
    [
        "truncated 0",
        "truncated 0.001",
        "truncated 0.5",
        "truncated 0.95",
        "last byte missing",
        "text",
        "pickle",
        "another cell",
        "a changed number",
        "a changed coordinate",
        "a changed attribute",
        "a missing variable",
        "no seal",
        "an empty dataset",
    ],
)
def test_a_damaged_or_foreign_file_is_named_and_computed_again(small, kept, folder, trained, kind):
    path, other = (folder / name for name in files_in(folder))
    damaged(path, kind, other)
    with pytest.warns(UserWarning, match=re.escape(str(path))) as caught:
        study = rates_study(small, store=folder)
    (warning,) = caught
    assert re.fullmatch(
        r"store: expected a finished cell .*; it is computed again\.", str(warning.message)
    )
    assert len(trained) == 1
    assert numbers(study).identical(numbers(kept[1]))
    assert rates_study(small, store=folder).identical(study)  # and the file is whole again
    assert len(trained) == 1


def test_a_folder_in_the_place_of_a_cell_is_left_alone(small, folder, trained):
    path = folder / files_in(folder)[0]
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("precious")
    with pytest.raises(
        IsADirectoryError, match=rf"^store: expected .*{path}, received a folder\.$"
    ):
        rates_study(small, store=folder)
    assert trained == []
    assert (path / "mine").read_text() == "precious"


def test_other_files_do_no_harm(small, folder, kept, trained):
    (folder / ".abcdefgh.part").write_bytes(b"half a cell")
    (folder / "notes.txt").write_text("mine")
    assert rates_study(small, store=folder).identical(kept[1])
    assert trained == []
    assert (folder / "notes.txt").read_text() == "mine"


# Faults


def test_a_cell_is_there_whole_or_not_at_all(small, folder, kept, monkeypatch):
    path = folder / files_in(folder)[0]
    path.unlink()

    def stopped(source, target):
        assert Path(source).parent == folder  # the same file system, so that it is atomic
        assert target == path
        assert xr.load_dataset(source, engine="h5netcdf").sizes["epoch"] == 2
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            rates_study(small, store=folder)
    assert len(files_in(folder)) == 1
    assert numbers(rates_study(small, store=folder)).identical(numbers(kept[1]))


def test_files_can_be_read_by_those_who_may_read_new_files(small, tmp_path):
    before = os.umask(0o027)
    try:
        rates_study(small, store=tmp_path, learning_rate=0.1)
    finally:
        os.umask(before)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o640


def cannot_write(problem, folder, kind, **settings):
    with pytest.raises(kind) as caught:
        rates_study(problem, store=folder, **settings)
    message = str(caught.value)
    assert re.fullmatch(r"store: expected a folder that can be written to, received .*\.", message)
    assert repr(str(folder)) in message
    return message


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
def test_a_full_disk(small, tmp_path):
    settings = {"learning_rate": [rate / 10 for rate in range(1, 9)]}
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        assert "No space left" in cannot_write(small, tmp_path, OSError, **settings)
        done = files_in(tmp_path)
        assert 1 <= len(done) < 8
        assert all(name.endswith(".nc") and not name.startswith(".") for name in done)
        subprocess.run(["mount", "-o", "remount,size=10m", str(tmp_path)], check=True)
        study = rates_study(small, store=tmp_path, **settings)
        assert set(done) < set(files_in(tmp_path))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert numbers(study).identical(numbers(rates_study(small, **settings)))


def test_a_file_that_must_not_grow_so_large(small, folder):
    path = folder / files_in(folder)[0]
    path.unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        message = cannot_write(small, folder, OSError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in message
    assert len(files_in(folder)) == 1


def test_a_folder_that_cannot_be_made_or_written_to(small, tmp_path, trained):
    (tmp_path / "file").write_text("")
    cannot_write(small, tmp_path / "file", FileExistsError)
    cannot_write(small, tmp_path / "file" / "cells", NotADirectoryError)
    cannot_write(small, "/proc/batchlab", OSError)
    assert trained == []


def test_a_folder_whose_name_is_unusual_is_made(small, tmp_path):
    folder = tmp_path / "a folder" / "{} of 'cells'\n"
    rates_study(small, store=folder)
    assert len(files_in(folder)) == 2


def test_a_link_to_a_folder(small, kept, tmp_path, trained):
    (tmp_path / "link").symlink_to(kept[0])
    assert rates_study(small, store=tmp_path / "link").identical(kept[1])
    assert trained == []


def test_a_folder_that_vanishes_meanwhile(small, tmp_path, monkeypatch):
    train = Training.train

    def vanishing(self, *arguments, **settings):
        shutil.rmtree(tmp_path / "cells")
        return train(self, *arguments, **settings)

    monkeypatch.setattr(Training, "train", vanishing)
    cannot_write(small, tmp_path / "cells", FileNotFoundError)


def test_two_sweeps_at_once_in_one_folder(small, tmp_path):
    settings = {"batch_size": [30, 60], "learning_rate": [0.3, 0.2, 0.1, 0.05]}
    together, studies = threading.Barrier(2), {}

    def one(name):
        together.wait()
        studies[name] = rates_study(small, store=tmp_path, **settings)

    threads = [threading.Thread(target=one, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    expected = numbers(rates_study(small, **settings))
    assert numbers(studies["a"]).identical(expected)
    assert numbers(studies["b"]).identical(expected)
    assert len(files_in(tmp_path)) == 8
    assert all(name.endswith(".nc") for name in files_in(tmp_path))
