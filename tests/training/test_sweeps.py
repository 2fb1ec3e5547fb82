"""`sweep`: each cell is what `fit` returns for its settings, and cells are paired."""

import itertools

import joblib
import numpy as np
import pytest
import xarray as xr

import batchlab as bl
from batchlab.foundation.backend import keras

optimizers = keras.optimizers
METRICS = ["loss", "accuracy", "val_loss", "val_accuracy", "train_loss", "train_accuracy"]


@pytest.fixture(scope="module")
def other():
    """A problem with other samples, and fewer of them."""
    return bl.blobs(100, n_train=40, random_state=5)


def assert_same_bits(first, second, names=METRICS):
    for name in names:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


# Each cell is a fit


@pytest.fixture(scope="module")
def study(small):
    return bl.sweep(
        bl.mlp,
        small,
        batch_size=[7, "full"],
        learning_rate=[0.1, 0.01],
        momentum=[0.0, 0.9],
        hidden_units=[(5,), (3, 4)],
        epochs=3,
        seed=4,
    )


def test_a_grid_is_a_dataset_with_its_dimensions_in_front(study):
    grid = ("batch_size", "learning_rate", "momentum", "hidden_units")
    assert isinstance(study, xr.Dataset)
    for name in METRICS:
        assert study[name].dims == (*grid, "replicate", "epoch")
        assert study[name].shape == (2, 2, 2, 2, 1, 3)
        assert np.isfinite(study[name]).all()
    assert study["batch_size"].to_numpy().tolist() == [7, 60]
    assert study["learning_rate"].to_numpy().tolist() == [0.1, 0.01]
    assert study["momentum"].to_numpy().tolist() == [0.0, 0.9]
    assert study["hidden_units"].to_numpy().tolist() == ["(5,)", "(3, 4)"]
    assert study["replicate"].to_numpy().tolist() == [0]
    assert study["seed"].to_numpy().tolist() == [4]
    assert study["epoch"].to_numpy().tolist() == [1, 2, 3]
    for name in ("compile_seconds", "training_seconds"):
        assert study[name].dims == grid
        assert (study[name] >= 0).all()


def test_what_depends_on_a_setting_lies_along_it_and_what_does_not_is_an_attribute(study):
    assert study["update"].dims == ("batch_size", "epoch")
    assert study["update"].to_numpy().tolist() == [[9, 18, 27], [1, 2, 3]]
    assert study["sample"].dims == ("epoch",)
    assert study["sample"].to_numpy().tolist() == [60, 120, 180]
    assert study["updates_per_epoch"].dims == ("batch_size",)
    assert study["n_parameters"].dims == ("hidden_units",)
    assert study["n_parameters"].to_numpy().tolist() == [33, 40]
    assert study["optimizer_settings"].dims == ("learning_rate", "momentum")
    assert study.attrs["optimizer"] == "SGD"
    assert (study.attrs["epochs"], study.attrs["replicates"], study.attrs["seed"]) == (3, 1, 4)
    assert study.attrs["held"] == "epochs"
    assert not {"batch_size", "learning_rate", "momentum", "training_seconds"} & set(study.attrs)


def test_each_cell_is_what_fit_returns(small, study):
    grid = itertools.product([7, 60], [0.1, 0.01], [0.0, 0.9], [(5,), (3, 4)])
    for batch_size, rate, momentum, units in grid:
        history = bl.fit(
            lambda problem, units=units: bl.mlp(problem, hidden_units=units),
            small,
            batch_size=batch_size,
            epochs=3,
            optimizer=optimizers.SGD(rate, momentum=momentum),
            seed=4,
        )
        cell = study.sel(
            batch_size=batch_size, learning_rate=rate, momentum=momentum, hidden_units=str(units)
        )
        assert_same_bits(cell, history)
        assert cell["updates_per_epoch"] == history.attrs["updates_per_epoch"]
        assert cell["optimizer_settings"] == history.attrs["optimizer_settings"]
    finals = study["val_loss"].isel(epoch=-1).stack(cell=study["val_loss"].dims[:-2])
    assert len(np.unique(finals)) == 16


def test_named_optimizers_problems_models_and_losses(small, other):
    def linear(problem):
        return bl.mlp(problem, hidden_units=())

    named = {
        "optimizer": {"sgd": optimizers.SGD(0.05), "adam": optimizers.Adam(0.02)},
        "problem": {"sixty": small, "forty": other},
        "build": {"mlp": bl.mlp, "linear": linear},
        "loss": {
            "all": keras.losses.SparseCategoricalCrossentropy(),
            "without class 0": keras.losses.SparseCategoricalCrossentropy(ignore_class=0),
        },
    }
    for varied in (["optimizer", "problem"], ["build", "loss"]):
        given = {"optimizer": None, "problem": small, "build": bl.mlp, "loss": None}
        given |= {name: named[name] for name in varied}
        build, problem = given.pop("build"), given.pop("problem")
        study = bl.sweep(build, problem, batch_size=16, epochs=2, **given)
        dims = [{"loss": "loss_function"}.get(name, name) for name in varied]
        assert study["val_loss"].dims == (*dims, "replicate", "epoch")
        for labels in itertools.product(*(named[name] for name in varied)):
            chosen = {"optimizer": None, "problem": small, "build": bl.mlp, "loss": None}
            chosen |= {n: named[n][label] for n, label in zip(varied, labels, strict=True)}
            build, problem = chosen.pop("build"), chosen.pop("problem")
            history = bl.fit(build, problem, batch_size=16, epochs=2, **chosen)
            assert_same_bits(study.sel(dict(zip(dims, labels, strict=True))), history)
    assert len(np.unique(study["val_loss"].isel(epoch=-1))) == 4


def test_problems_with_other_numbers_of_samples(small, other):
    study = bl.sweep(bl.mlp, {"sixty": small, "forty": other}, batch_size=[8, 40], epochs=2)
    assert study["n_train"].dims == ("problem",)
    assert study["n_train"].to_numpy().tolist() == [60, 40]
    assert study["update"].dims == ("batch_size", "problem", "epoch")
    assert study["update"].isel(epoch=0).to_numpy().tolist() == [[8, 5], [2, 1]]
    assert study["sample"].dims == ("problem", "epoch")
    assert study["problem"].to_numpy().tolist() == ["sixty", "forty"]


def test_rules_for_the_learning_rate(small):
    rules = {"constant": 0.05, "linear": lambda batch_size: 0.001 * batch_size}
    study = bl.sweep(bl.mlp, small, batch_size=[20, 60], learning_rate=rules, epochs=2)
    assert study["val_loss"].dims == ("batch_size", "rule", "replicate", "epoch")
    rates = study["learning_rate"].transpose("batch_size", "rule").to_numpy()
    np.testing.assert_allclose(rates, [[0.05, 0.02], [0.05, 0.06]], rtol=1e-15)
    history = bl.fit(
        bl.mlp, small, batch_size=20, epochs=2, optimizer=optimizers.SGD(0.02, momentum=0.9)
    )
    assert_same_bits(study.sel(batch_size=20, rule="linear"), history)


def test_schedules_are_optimizers_by_name(small):
    decay = optimizers.schedules.ExponentialDecay(0.05, 4, 0.5)
    given = {"constant": optimizers.SGD(0.05), "decay": optimizers.SGD(decay)}
    study = bl.sweep(bl.mlp, small, batch_size=20, optimizer=given, epochs=2)
    for name, optimizer in given.items():
        history = bl.fit(bl.mlp, small, batch_size=20, optimizer=optimizer, epochs=2)
        assert_same_bits(study.sel(optimizer=name), history)
        assert not optimizer.built
    assert study["learning_rate"].dims == ("optimizer",)
    np.testing.assert_array_equal(study["learning_rate"], [0.05, np.nan])


def test_one_cell_has_no_dimensions_of_a_grid(small, history):
    study = bl.sweep(bl.mlp, small, batch_size=16, epochs=10, replicates=4)
    assert study["val_loss"].dims == ("replicate", "epoch")
    assert_same_bits(study, history)
    assert study.attrs["batch_size"] == 16
    assert study.attrs["learning_rate"] == 0.01


# Pairs


def test_all_cells_start_from_the_same_weights_and_see_the_same_orders(small):
    study = bl.sweep(
        bl.mlp,
        small,
        batch_size=[1, 16],
        learning_rate=[0.1, 1e-300],
        optimizer={"sgd": optimizers.SGD(), "adam": optimizers.Adam()},
        epochs=2,
        replicates=3,
        keep_weights="epochs",
    )
    starts = study["initial_weights"].stack(cell=["batch_size", "learning_rate", "optimizer"])
    for replicate in range(3):
        keras.utils.set_random_seed(replicate)
        expected = np.concatenate([w.ravel() for w in bl.mlp(small).get_weights()])
        for cell in range(8):
            np.testing.assert_array_equal(starts.isel(replicate=replicate, cell=cell), expected)
    assert study["epoch_weights"].dims[:-3] == ("batch_size", "learning_rate", "optimizer")
    still = study.sel(learning_rate=1e-300, optimizer="sgd")
    np.testing.assert_allclose(still["weights"] - still["initial_weights"], 0, atol=1e-290)
    # The orders of batch size 1 are those of batch size 16: trained by hand on them.
    single = study.sel(batch_size=1, learning_rate=0.1, optimizer="sgd").isel(replicate=2)
    order = bl.shuffle_orders(60, 1, seed=0, replicate=2)[0]
    by_hand = trained_by_hand(small, single["initial_weights"].to_numpy(), order)
    np.testing.assert_allclose(single["epoch_weights"].isel(epoch=0), by_hand, rtol=1e-9)


def trained_by_hand(problem, weights, order, rate=0.1):
    """One epoch of plain gradient descent at batch size 1, in NumPy."""
    a, b, c, d = np.split(weights.copy(), np.cumsum([100, 50, 150]))
    a, c = a.reshape(2, 50), c.reshape(50, 3)
    for sample in order:
        x = problem.x_train[sample]
        hidden = np.maximum(x @ a + b, 0)
        scores = hidden @ c + d
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        shares[problem.y_train[sample]] -= 1
        back = (c @ shares) * (hidden > 0)
        c -= rate * np.outer(hidden, shares)
        d -= rate * shares
        a -= rate * np.outer(x, back)
        b -= rate * back
    return np.concatenate([a.ravel(), b, c.ravel(), d])


def test_a_stateful_build_does_not_give_one_cell_the_weights_of_another(small):
    scales = iter(range(1, 100))

    def build(problem):
        model = bl.mlp(problem, hidden_units=(3,))
        scale = next(scales)
        model.layers[0].kernel.assign(model.layers[0].kernel * scale)
        return model

    study = bl.sweep(
        build, small, batch_size=60, learning_rate=[0.1, 0.2], epochs=1, keep_weights="epochs"
    )
    starts = study["initial_weights"].isel(replicate=0)
    assert not np.array_equal(starts[0], starts[1])


def test_weights_of_cells_make_models(small):
    study = bl.sweep(
        bl.mlp, small, batch_size=[20, 60], epochs=2, replicates=2, keep_weights="final"
    )
    assert study["weights"].dims == ("batch_size", "replicate", "parameter")
    model = bl.trained_model(bl.mlp, small, study.sel(batch_size=20), replicate=1)
    accuracy = np.mean(model.predict(small.x_test, verbose=0).argmax(1) == small.y_test)
    final = study["val_accuracy"].sel(batch_size=20).isel(replicate=1, epoch=-1)
    assert accuracy == pytest.approx(float(final))


# What is held fixed


def test_with_updates_fixed_records_are_at_the_same_updates(small):
    settings = {"replicates": 2, "records": [1, 5, 12, 20]}
    study = bl.sweep(bl.mlp, small, batch_size=[7, 60], updates=20, **settings)
    assert study["val_loss"].dims == ("batch_size", "replicate", "update")
    assert study["update"].dims == ("update",)
    assert study["update"].to_numpy().tolist() == [1, 5, 12, 20]
    assert study["sample"].to_numpy().tolist() == [[7, 35, 81, 134], [60, 300, 720, 1200]]
    np.testing.assert_array_equal(study["epoch"], study["sample"] / 60)
    assert study.attrs["held"] == "updates"
    for batch_size in (7, 60):
        history = bl.fit(bl.mlp, small, batch_size=batch_size, updates=20, **settings)
        assert_same_bits(study.sel(batch_size=batch_size), history)
    assert len(bl.sweep(bl.mlp, small, batch_size=60, updates=250)["update"]) == 100


def test_with_samples_fixed_records_are_at_the_same_samples(small, other):
    problems = {"sixty": small, "forty": other}
    study = bl.sweep(
        bl.mlp, problems, batch_size=[7, 40], samples=130, records=[10, 12, 60, 100], replicates=2
    )
    assert study["val_loss"].dims == ("batch_size", "problem", "replicate", "sample")
    assert study["sample"].to_numpy().tolist() == [10, 12, 60, 100, 130]
    assert study.attrs["held"] == "samples"
    seen = study["samples_seen"]
    assert set(seen.dims) == {"batch_size", "problem", "sample"}
    assert (seen >= study["sample"]).all()
    assert (seen - study["sample"] < study["batch_size"]).all()
    for batch_size, (name, problem) in itertools.product([7, 40], problems.items()):
        cell = study.sel(batch_size=batch_size, problem=name)
        sizes = [
            min(batch_size, problem.n_train - start)
            for _ in range(4)
            for start in range(0, problem.n_train, batch_size)
        ]
        counted = np.cumsum(sizes)
        places = np.searchsorted(counted, study["sample"])
        assert cell["samples_seen"].to_numpy().tolist() == counted[places].tolist()
        assert cell["update"].to_numpy().tolist() == (places + 1).tolist()
        np.testing.assert_array_equal(cell["epoch"], counted[places] / problem.n_train)
        history = bl.fit(
            bl.mlp,
            problem,
            batch_size=batch_size,
            updates=int(places[-1]) + 1,
            records=np.unique(places + 1).tolist(),
            replicates=2,
        )
        assert_same_bits(cell, history.sel(update=places + 1))


def test_a_number_of_epochs_and_its_samples_end_alike(small):
    settings = {"batch_size": [7, 60], "replicates": 2}
    epochs = bl.sweep(bl.mlp, small, epochs=3, **settings)
    samples = bl.sweep(bl.mlp, small, samples=180, records=3, **settings)
    assert_same_bits(epochs, samples)
    assert (samples["samples_seen"] == samples["sample"]).all()


# The same numbers however it is run


def test_cores_and_threads_change_no_number(small):
    settings = {"batch_size": [7, 60], "learning_rate": [0.1, 0.01], "epochs": 3, "replicates": 9}
    expected = bl.sweep(bl.mlp, small, threads=1, **settings)
    for given in ({"threads": 3}, {"n_jobs": 1}, {"n_jobs": None}):
        assert_same_bits(bl.sweep(bl.mlp, small, **given, **settings), expected)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert_same_bits(bl.sweep(bl.mlp, small, **settings), expected)


def test_more_cells_than_are_compiled_at_a_time(small, monkeypatch):
    rates = [0.1, 0.05, 0.02, 0.01, 0.005]
    settings = {"batch_size": 60, "learning_rate": rates, "epochs": 2}
    expected = bl.sweep(bl.mlp, small, **settings)
    monkeypatch.setattr("batchlab.training.cells.CELLS_AHEAD", 2)
    assert_same_bits(bl.sweep(bl.mlp, small, **settings), expected)


def test_a_study_survives_a_netcdf_file(small, other, tmp_path):
    study = bl.sweep(
        bl.mlp,
        {"sixty": small, "forty": other},
        batch_size=[7, 40],
        hidden_units=[(5,)],
        samples=100,
        records=4,
    )
    study.to_netcdf(tmp_path / "study.nc", engine="h5netcdf")
    stored = xr.load_dataset(tmp_path / "study.nc", engine="h5netcdf")
    xr.testing.assert_equal(stored, study)
    for name, value in study.attrs.items():
        assert stored.attrs[name] == value, name
        assert type(value) in (str, int, float), name
