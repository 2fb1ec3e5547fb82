"""What `fit` promises beyond being equal to Keras."""

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections import OrderedDict

import numpy as np
import pytest
import xarray as xr

import batchlab as bl
from batchlab.engine import program
from batchlab.foundation.backend import keras, tf

METRICS = ["loss", "accuracy", "val_loss", "val_accuracy", "train_loss", "train_accuracy"]


def wide(problem, dtype="float64"):
    return bl.mlp(problem, hidden_units=[128], dtype=dtype)


def assert_same_bits(first, second, names=METRICS):
    for name in names:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


# The same numbers, whatever runs beside them


@pytest.mark.parametrize("batch_size", [1, 32, "full"])
def test_a_replicate_does_not_depend_on_those_beside_it(tutorial, batch_size):
    settings = {"batch_size": batch_size, "epochs": 5}
    thirty = bl.fit(bl.mlp, tutorial, replicates=30, **settings)
    for count, threads in ((2, 1), (3, 2), (5, 1)):
        few = bl.fit(bl.mlp, tutorial, replicates=count, threads=threads, **settings)
        assert_same_bits(few, thirty.isel(replicate=slice(count)), [*METRICS, "weights"])
    later = bl.fit(bl.mlp, tutorial, replicates=2, seed=20, **settings)
    assert_same_bits(later, thirty.isel(replicate=slice(20, 22)), [*METRICS, "weights"])
    alone = bl.fit(bl.mlp, tutorial, seed=20, **settings)
    for name in METRICS:
        np.testing.assert_allclose(alone[name][0], thirty[name][20], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nor_does_it_with_many_features_and_partial_evaluation_blocks(dtype, monkeypatch):
    monkeypatch.setattr(program, "BLOCK_BYTES", 128 * 8 * 100)
    problem = bl.blobs(700, centers=10, n_features=300, cluster_std=12.0, n_train=443)
    settings = {"batch_size": 64, "epochs": 3}

    def build(problem):
        return wide(problem, dtype)

    eleven = bl.fit(build, problem, replicates=11, threads=1, **settings)
    for count, threads in ((2, 1), (4, 2)):
        few = bl.fit(build, problem, replicates=count, threads=threads, **settings)
        assert_same_bits(few, eleven.isel(replicate=slice(count)))


def test_the_same_seed_repeats_and_another_differs(small, history):
    settings = {"batch_size": 16, "epochs": 10, "replicates": 4}
    assert_same_bits(bl.fit(bl.mlp, small, **settings), history)
    assert not np.array_equal(bl.fit(bl.mlp, small, seed=9, **settings).val_loss, history.val_loss)


def test_pieces_do_not_change_numbers(small, history, monkeypatch):
    monkeypatch.setattr("batchlab.engine.groups.SECONDS_A_PIECE", 1e-9)
    settings = {"batch_size": 16, "epochs": 10, "replicates": 4}
    assert_same_bits(bl.fit(bl.mlp, small, **settings), history)


def test_replicates_differ(history):
    assert len(np.unique(history["val_loss"][:, -1])) == 4


def test_full_is_the_whole_training_set(small):
    full = bl.fit(bl.mlp, small, batch_size="full", epochs=3)
    assert_same_bits(full, bl.fit(bl.mlp, small, batch_size=60, epochs=3))
    assert full.attrs["updates_per_epoch"] == 1


# What comes back


def test_history_is_a_labelled_dataset(history):
    assert isinstance(history, xr.Dataset)
    for name in METRICS:
        assert history[name].dims == ("replicate", "epoch")
        assert history[name].shape == (4, 10)
    assert history["epoch"].to_numpy().tolist() == list(range(1, 11))
    assert history["update"].to_numpy().tolist() == [4 * epoch for epoch in range(1, 11)]
    assert history["sample"].to_numpy().tolist() == [60 * epoch for epoch in range(1, 11)]
    assert history["seed"].to_numpy().tolist() == [0, 1, 2, 3]
    assert history.attrs["updates_per_epoch"] == 4
    assert history.attrs["compile_seconds"] >= 0
    assert history.attrs["training_seconds"] > 0
    assert history.attrs["learning_rate"] == 0.01
    assert history.attrs["device"] in ("cpu", "gpu")


def test_history_survives_a_netcdf_file(history, tmp_path):
    history.to_netcdf(tmp_path / "history.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "history.nc", engine="h5netcdf") as stored:
        xr.testing.assert_equal(stored.load(), history)
        assert stored.attrs["optimizer_settings"] == history.attrs["optimizer_settings"]


def test_weights_of_every_epoch(small):
    history = bl.fit(bl.mlp, small, batch_size=16, epochs=4, replicates=2, keep_weights="epochs")
    assert history["epoch_weights"].shape == (2, 4, 303)
    np.testing.assert_array_equal(history["epoch_weights"][:, -1], history["weights"])
    keras.utils.set_random_seed(1)
    start = bl.trained_model(bl.mlp, small, history, replicate=1, epoch=0)
    keras.utils.set_random_seed(1)
    for ours, theirs in zip(start.get_weights(), bl.mlp(small).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    shorter = bl.fit(bl.mlp, small, batch_size=16, epochs=2, replicates=2)
    np.testing.assert_array_equal(history["epoch_weights"][:, 1], shorter["weights"])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's
def test_trained_model_predicts_and_saves(small, history, tmp_path):
    model = bl.trained_model(bl.mlp, small, history, replicate=3)
    accuracy = np.mean(model.predict(small.x_test, verbose=0).argmax(1) == small.y_test)
    assert accuracy == pytest.approx(float(history["val_accuracy"][3, -1]))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(small.x_test), model(small.x_test))


def test_too_many_weights_are_refused_before_training(small):
    with pytest.raises(ValueError, match=r"keep_weights: expected .* GB of free memory"):
        bl.fit(bl.mlp, small, batch_size=16, epochs=10**9, keep_weights="epochs")
    history = bl.fit(bl.mlp, small, batch_size=16, epochs=1, keep_weights="none")
    with pytest.raises(ValueError, match="keep_weights='final'"):
        bl.trained_model(bl.mlp, small, history)


# Dropout, divergence


def dropout(problem):
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype="float64"),
            keras.layers.Dense(32, activation="relu", dtype="float64"),
            keras.layers.Dropout(0.5, dtype="float64"),
            keras.layers.Dense(problem.n_classes, activation="softmax", dtype="float64"),
        ]
    )


def test_dropout_is_repeatable_and_differs_between_replicates_and_epochs(small):
    def frozen(problem):  # without learning, only the dropped units change the loss
        model = dropout(problem)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dense):
                layer.kernel.assign(np.full(layer.kernel.shape, 0.1) + np.eye(*layer.kernel.shape))
        return model

    slow = keras.optimizers.SGD(1e-12)
    settings = {"batch_size": 60, "epochs": 5, "replicates": 3, "optimizer": slow}
    first, second = bl.fit(frozen, small, **settings), bl.fit(frozen, small, **settings)
    assert_same_bits(first, second)
    assert len(np.unique(first["loss"].to_numpy().round(9))) == 15
    assert np.ptp(first["val_loss"].to_numpy()) < 1e-6
    alone = bl.fit(frozen, small, **{**settings, "replicates": 1, "seed": 2})
    np.testing.assert_allclose(alone["loss"][0], first["loss"][2], rtol=1e-9)


def test_dropout_learns(tutorial):
    history = bl.fit(dropout, tutorial, batch_size=32, epochs=30, replicates=2)
    assert (history["val_accuracy"][:, -1] > 0.75).all()


def test_a_diverging_replicate_does_not_disturb_the_others(small):
    def some_diverge(problem):
        model = bl.mlp(problem)
        if keras.src.utils.rng_utils.get_random_seed() == 1:
            model.layers[0].kernel.assign(model.layers[0].kernel * 1e200)
        return model

    mixed = bl.fit(some_diverge, small, batch_size=16, epochs=5, replicates=3)
    sound = bl.fit(bl.mlp, small, batch_size=16, epochs=5, replicates=3)
    assert not np.isfinite(mixed["train_loss"][1, -1])
    assert_same_bits(mixed.isel(replicate=[0, 2]), sound.isel(replicate=[0, 2]))


# Bounded and alive


def test_many_replicates(small):
    history = bl.fit(bl.mlp, small, batch_size="full", epochs=2, replicates=100)
    few = bl.fit(bl.mlp, small, batch_size="full", epochs=2, replicates=2, seed=98)
    assert_same_bits(history.isel(replicate=[98, 99]), few)


def test_user_random_state_and_float_type_are_left_alone(small):
    keras.utils.set_random_seed(5)
    expected = (
        random.random(),
        np.random.rand(),  # noqa: NPY002 (the generator that users seed)
        float(tf.random.uniform(())),
        float(keras.random.uniform(())),
    )
    keras.utils.set_random_seed(5)
    bl.fit(bl.mlp, small, batch_size=16, epochs=1)
    after = (
        random.random(),
        np.random.rand(),  # noqa: NPY002 (the generator that users seed)
        float(tf.random.uniform(())),
        float(keras.random.uniform(())),
    )
    assert after == expected
    assert keras.config.floatx() == "float32"


def test_the_users_optimizer_is_left_alone(small):
    optimizer = keras.optimizers.Adam(0.01)
    bl.fit(bl.mlp, small, batch_size=16, epochs=2, optimizer=optimizer)
    assert not optimizer.built
    assert int(optimizer.iterations) == 0


def test_a_float32_run_under_any_default_type_is_the_same(small):
    from batchlab.foundation.backend import floatx

    def build(problem):
        return bl.mlp(problem, dtype="float32")

    expected = bl.fit(build, small, batch_size=16, epochs=3)
    assert expected["weights"].dtype == "float32"
    with floatx("float64"):
        assert_same_bits(bl.fit(build, small, batch_size=16, epochs=3), expected)


def test_one_program_serves_other_rates_epochs_and_data(small, monkeypatch):
    settings = {"batch_size": 16}
    monkeypatch.setattr(program, "_programs", OrderedDict())
    assert bl.fit(bl.mlp, small, epochs=3, **settings).attrs["compile_seconds"] > 0
    before = len(program._programs)
    other = bl.blobs(100, n_train=60, random_state=5)
    rate = keras.optimizers.SGD(0.2, momentum=0.9)
    quick = bl.fit(bl.mlp, other, epochs=50, optimizer=rate, **settings)
    assert len(program._programs) == before
    assert quick.attrs["compile_seconds"] == 0
    bl.fit(bl.mlp, small, epochs=3, batch_size=17)
    assert len(program._programs) == before + 1


def test_long_quick_runs_end(small):
    history = bl.fit(bl.mlp, small, batch_size="full", epochs=10_000)
    assert history.sizes["epoch"] == 10_000
    assert np.isfinite(history["loss"]).all()


def activated_by(name):
    def build(problem):
        return keras.Sequential(
            [
                keras.Input(problem.feature_shape, dtype="float64"),
                keras.layers.Dense(8, dtype="float64"),
                keras.layers.Activation(name, name=name, dtype="float64"),
                keras.layers.Dense(problem.n_classes, activation="softmax", dtype="float64"),
            ]
        )

    return build


def penalized(penalty):
    def build(problem):
        model = bl.mlp(problem)
        model.layers[0].kernel.regularizer = keras.regularizers.L2(penalty)
        return model

    return build


def scaled_by(factor):
    def build(problem):
        return bl.mlp(problem, activation=lambda x: x * factor)

    return build


@pytest.mark.parametrize("kind", [activated_by, penalized, scaled_by])
def test_a_program_is_not_taken_for_that_of_a_similar_model(small, kind, monkeypatch):
    settings = {"batch_size": 16, "epochs": 2}
    first, second = ("relu", "tanh") if kind is activated_by else (0.1, 0.9)
    bl.fit(kind(first), small, **settings)
    after_a_similar_one = bl.fit(kind(second), small, **settings)
    monkeypatch.setattr(program, "_programs", OrderedDict())
    assert_same_bits(after_a_similar_one, bl.fit(kind(second), small, **settings))


def test_nobody_is_told_of_a_model_that_cannot_be_vectorized_nor_of_progress():
    process = run_python("""
        import numpy as np
        import batchlab as bl
        from batchlab import keras
        from batchlab.foundation import progress

        def build(problem):
            return keras.Sequential([
                keras.Input(problem.feature_shape),
                keras.layers.Conv2D(2, 3),
                keras.layers.Flatten(),
                keras.layers.Dense(2, activation="softmax"),
            ])

        x, y = np.random.default_rng(0).normal(size=(12, 4, 4, 1)), np.arange(12) % 2
        bl.fit(build, bl.from_arrays(x, y, x, y), batch_size=4, epochs=1, replicates=2)
        progress.SECONDS_UNSEEN = 0
        bl.fit(bl.mlp, bl.blobs(), batch_size=1, epochs=20, replicates=4)
    """)
    assert process.communicate(timeout=60) == ("", "")


def test_a_model_with_another_structure_is_another_program(small):
    first = bl.fit(bl.mlp, small, batch_size=16, epochs=2)
    other = bl.fit(lambda p: bl.mlp(p, activation="tanh"), small, batch_size=16, epochs=2)
    assert not np.array_equal(first["loss"], other["loss"])


def run_python(code, **settings):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings},
    )


def test_interrupt_stops_soon_and_leaves_the_process_usable():
    process = run_python("""
        import random
        import batchlab as bl
        problem = bl.blobs()
        settings = dict(batch_size=1, replicates=4)
        expected = bl.fit(bl.mlp, problem, epochs=1, **settings)
        random.seed(3)
        print("ready", flush=True)
        try:
            bl.fit(bl.mlp, problem, epochs=10**6, **settings)
        except KeyboardInterrupt:
            print("stopped", flush=True)
        print(random.random() == random.Random(3).random())
        again = bl.fit(bl.mlp, problem, epochs=1, **settings)
        print(bool((again.loss == expected.loss).all()))
    """)
    assert process.stdout.readline() == "ready\n"
    import time

    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert errors == ""
    stopped, same_state, same_numbers = output.splitlines()
    assert stopped == "stopped"  # of an hour that it would have taken
    assert (same_state, same_numbers) == ("True", "True")


def test_shuffles_of_a_large_run_take_little_memory():
    # A quarter of 60,000 samples and of what may be held: a quarter of the bounds. That blocks
    # which are freed go back to the system leaves out what the heap keeps, by chance up to 70 MB.
    process = run_python(
        """
        import resource
        import numpy as np
        import batchlab as bl
        from batchlab.engine import program

        program.ORDERS_BYTES //= 4
        n = 15_000
        y = np.arange(n + 2) % 2
        x = np.random.default_rng(0).normal(size=(n + 2, 1)) + y[:, None]
        problem = bl.from_arrays(x[:n], y[:n], x[n:], y[n:])

        def tiny(problem):
            return bl.mlp(problem, hidden_units=[])

        def peak(epochs):
            bl.fit(tiny, problem, batch_size="full", epochs=epochs, replicates=30)
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        bl.fit(tiny, bl.blobs(), batch_size="full", epochs=1, replicates=30)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(before, peak(10), peak(60))
        """,
        MALLOC_MMAP_THRESHOLD_="262144",
        MALLOC_ARENA_MAX="2",
    )
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    before, ten, sixty = map(float, output.split())
    # All orders at once would be 108 MB.
    assert sixty - ten < 60 / 4
    assert sixty - before < 700 / 4


def test_progress_is_shown_when_asked_for(tutorial, capsys, monkeypatch):
    monkeypatch.setattr("batchlab.foundation.progress.SECONDS_UNSEEN", 0)
    bl.fit(bl.mlp, tutorial, batch_size=1, epochs=20, replicates=9, progress=True)
    assert "batch size 1" in capsys.readouterr().err


def test_the_start_of_a_history_by_updates(small):
    history = bl.fit(bl.mlp, small, batch_size=16, updates=10, records=2, keep_weights="epochs")
    assert history["epoch_weights"].dims == ("replicate", "update", "parameter")
    start = bl.trained_model(bl.mlp, small, history, epoch=0)
    flat = np.concatenate([weight.ravel() for weight in start.get_weights()])
    np.testing.assert_array_equal(flat, history["initial_weights"][0])
