"""Sweeps in other processes: the same numbers, and nothing lost when processes die."""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import psutil
import pytest
from joblib.externals.loky import get_reusable_executor
from own_losses import Scaled
from stores import cells_in, wait_for

import batchlab as bl
from batchlab.engine.training import Training
from batchlab.foundation.backend import keras
from batchlab.training.store import Store

layers, optimizers = keras.layers, keras.optimizers
HERE = os.getpid()


@pytest.fixture(scope="module", autouse=True)
def no_processes_left_behind():
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def numbers(study):
    """Return a study without what may differ: seconds, and threads, one of which a worker has."""
    study = study.drop_vars(["compile_seconds", "training_seconds", "threads"], errors="ignore")
    study.attrs.pop("threads", None)
    return study


def grid(problem, build=bl.mlp, **settings):
    """Four cells of two programs."""
    given = {"batch_size": [30, 60], "learning_rate": [0.1, 0.01], "epochs": 2, "replicates": 3}
    return bl.sweep(build, problem, **{**given, **settings})


@pytest.fixture(scope="module")
def serial(small):
    return numbers(grid(small))


def within(seconds, call):
    """Return what a call returns; fail, instead of waiting for ever, if it hangs."""
    outcome = []

    def run():
        try:
            outcome.append((call(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert outcome, f"not finished within {seconds} seconds"
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


# The same numbers


def test_two_processes_change_no_number_and_are_silent(small, serial, capfd):
    get_reusable_executor().shutdown(wait=True)  # new ones write to what is captured here
    study = grid(small, n_jobs=2)
    assert capfd.readouterr() == ("", "")
    assert numbers(study).identical(serial)


@pytest.mark.parametrize("n_jobs", [-1, 1])
def test_processes_change_no_number(small, serial, n_jobs):
    assert numbers(grid(small, n_jobs=n_jobs)).identical(serial)


def test_nor_do_processes_that_joblib_is_told_of(small, serial, monkeypatch):
    def not_here(self, *arguments, **settings):
        raise AssertionError("trained in this process")

    monkeypatch.setattr(Training, "train", not_here)
    with joblib.parallel_config(n_jobs=2):
        assert numbers(grid(small)).identical(serial)
    with joblib.parallel_config(backend="loky"):
        assert numbers(grid(small, n_jobs=2)).identical(serial)


def test_a_function_written_in_a_notebook_goes_along(small):
    """Such a function is sent by its code, and with it what it refers to, such as `bl`."""
    units = [5, 4]
    own = {"bl": bl, "units": units}
    exec("def build(problem):\n    return bl.mlp(problem, hidden_units=units)", own)
    for build in (own["build"], lambda problem: bl.mlp(problem, hidden_units=units)):
        expected = numbers(grid(small, build, learning_rate=0.1))
        assert numbers(grid(small, build, learning_rate=0.1, n_jobs=2)).identical(expected)
        assert expected.attrs["n_parameters"] == 2 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3


def default_type(problem):
    """A model that leaves its type to Keras."""
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape),
            layers.Dense(4, activation="relu"),
            layers.Dense(problem.n_classes, activation="softmax"),
        ]
    )


def test_settings_of_keras_go_along(small):
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    as_it_is = grid(small, default_type, batch_size=[30, 60], learning_rate=0.1, n_jobs=2)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        expected = numbers(grid(small, default_type, learning_rate=0.1))
        study = numbers(grid(small, default_type, learning_rate=0.1, n_jobs=2))
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_floatx(floatx)
    assert study.identical(expected)
    assert (as_it_is.attrs["dtype"], study.attrs["dtype"]) == ("float32", "float64")
    again = grid(small, default_type, batch_size=[30, 60], learning_rate=0.1, n_jobs=2)
    assert numbers(again).identical(numbers(as_it_is))  # the workers have not kept it


def test_losses_schedules_and_settings_go_along(small):
    decay = optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    settings = {
        "batch_size": 30,
        "learning_rate": None,
        "optimizer": {"decay": optimizers.SGD(decay), "adam": optimizers.Adam(0.01)},
        "loss": keras.losses.SparseCategoricalCrossentropy(ignore_class=0),
        "hidden_units": [(5,)],
    }
    expected = numbers(grid(small, **settings))
    assert numbers(grid(small, n_jobs=2, **settings)).identical(expected)


def test_losses_of_ones_own_go_along(small):
    losses = {"one": Scaled(1.0), "three": Scaled(3.0)}
    given = {"loss": losses, "batch_size": 30, "learning_rate": 0.1, "replicates": 1}
    assert numbers(grid(small, n_jobs=2, **given)).identical(numbers(grid(small, **given)))


def test_a_model_whose_replicates_xla_cannot_run_at_once():
    """It is traced a second time when it is compiled, which a lock must not stand in the way of."""
    code = """
        import joblib, numpy as np
        import batchlab as bl
        from batchlab.engine import program
        from batchlab.foundation.backend import keras

        def recurrent(problem):
            return keras.Sequential([
                keras.Input(problem.feature_shape, dtype="float64"),
                keras.layers.GRU(2, dtype="float64"),
                keras.layers.Dense(2, activation="softmax", dtype="float64"),
            ])

        x, y = np.random.default_rng(0).normal(size=(12, 3, 1)), np.arange(12) % 2
        series = bl.from_arrays(x, y, x, y)
        settings = dict(batch_size=12, epochs=1, replicates=2)
        with joblib.parallel_config(backend="threading", n_jobs=2):  # here, as in a worker
            study = bl.sweep(recurrent, series, **settings)
        program._programs.clear()
        expected = bl.fit(recurrent, series, **settings)
        np.testing.assert_array_equal(study.val_loss, expected.val_loss)
    """
    # A process of its own, since one that hangs there cannot end.
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=120)


def test_another_thread_that_draws_random_numbers_changes_no_weights(small):
    """Dask's threads do; Keras takes the seeds of initializers from the same generator."""
    settings = {"batch_size": 60, "epochs": 1, "replicates": 6, "keep_weights": "epochs"}
    expected = bl.fit(bl.mlp, small, **settings)["initial_weights"]
    ended, interval = threading.Event(), sys.getswitchinterval()

    def draw():
        while not ended.is_set():
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3):
            starts = bl.fit(bl.mlp, small, **settings)["initial_weights"]
            np.testing.assert_array_equal(starts, expected)
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_forked_processes_are_refused(small):
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        with pytest.raises(ValueError, match=r"^joblib.parallel_config: .*'multiprocessing'.*\.$"):
            grid(small)


def test_nothing_left_to_do_needs_no_process(small, serial, tmp_path, monkeypatch):
    assert numbers(grid(small, n_jobs=2, store=tmp_path)).identical(serial)
    monkeypatch.setattr(joblib, "Parallel", None)
    assert numbers(grid(small, n_jobs=2, store=tmp_path)).identical(serial)


def test_a_disk_that_is_full_ends_the_sweep_and_what_was_written_is_kept(
    small, serial, tmp_path, monkeypatch
):
    write = Store.write

    def fills(self, key, history):
        if len(cells_in(tmp_path)) == 2:
            raise OSError("no space left")
        write(self, key, history)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", fills)
        with pytest.raises(OSError, match="no space left"):
            within(60, lambda: grid(small, n_jobs=2, store=tmp_path))
    before = cells_in(tmp_path)
    assert len(before) == 2
    assert numbers(grid(small, n_jobs=2, store=tmp_path)).identical(serial)
    assert before.items() <= cells_in(tmp_path).items()  # not written again


# Failures in a worker


def test_an_exception_in_a_worker_is_that_of_the_sweep(small):
    here = HERE

    def fails(problem):
        if os.getpid() != here:
            raise ZeroDivisionError("no luck with this model")
        return bl.mlp(problem)

    with pytest.raises(ZeroDivisionError, match="no luck with this model"):
        within(60, lambda: grid(small, fails, n_jobs=2))


def test_what_cannot_be_sent_is_refused_in_one_sentence(small):
    lock = threading.Lock()

    def build(problem):
        with lock:
            return bl.mlp(problem)

    with pytest.raises(TypeError, match=r"^build, loss: expected .* sent to another .*\.$"):
        within(60, lambda: grid(small, build, n_jobs=2))


def killed_once(flag):
    """Return a build that kills the worker that it runs in, the first time."""
    here = HERE

    def build(problem):
        if os.getpid() != here:
            try:
                os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return bl.mlp(problem)
            os.kill(os.getpid(), signal.SIGKILL)
        return bl.mlp(problem)

    return build


def test_a_sweep_whose_worker_is_killed_ends_complete(small, serial, tmp_path):
    study = within(120, lambda: grid(small, killed_once(str(tmp_path / "killed")), n_jobs=2))
    assert (tmp_path / "killed").exists()
    assert numbers(study).identical(serial)


def test_a_sweep_whose_workers_always_die_says_so_and_keeps_what_is_finished(
    small, tmp_path, monkeypatch
):
    here = HERE

    def build(problem, *, hidden_units=(50,)):
        if hidden_units == (3,) and os.getpid() != here:
            while not list(tmp_path.glob("*.nc")):  # until another cell is finished
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)
        return bl.mlp(problem, hidden_units=hidden_units)

    settings = {"batch_size": 60, "learning_rate": 0.1, "hidden_units": [(2,), (3,)]}
    with pytest.raises(RuntimeError, match=r"^n_jobs: expected .* 3 times; 1 cells? .*\.$"):
        within(180, lambda: grid(small, build, n_jobs=2, store=tmp_path, **settings))
    assert len(list(tmp_path.iterdir())) == 1
    trained, train = [], Training.train

    def counted(self, *arguments, **options):
        trained.append(self)
        return train(self, *arguments, **options)

    monkeypatch.setattr(Training, "train", counted)
    study = grid(small, store=tmp_path, **settings)
    assert len(trained) == 1
    assert numbers(study).identical(numbers(grid(small, **settings)))


# The caller is stopped

LONG = {"batch_size": 1, "epochs": 500, "replicates": 8}
RATES = [0.001, 0.0011, 0.0012, 0.0013, 0.0014, 0.0015, 0.0016, 0.0017]


def start_sweep(folder):
    """Start a sweep of eight cells, a fraction of a second each, in a process group of its own."""
    code = f"""
        import sys
        import batchlab as bl
        try:
            bl.sweep(bl.mlp, bl.blobs(100, n_train=60), learning_rate={RATES}, n_jobs=2,
                     store={str(folder)!r}, **{LONG})
        except KeyboardInterrupt:
            sys.exit(3)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def uninterrupted(small):
    return numbers(bl.sweep(bl.mlp, small, learning_rate=RATES, **LONG))


def test_an_interrupted_sweep_ends_soon_and_keeps_finished_cells(tmp_path):
    """Of one without other processes see test_faults.py."""
    process = start_sweep(tmp_path)
    try:
        wait_for(lambda: len(cells_in(tmp_path)) >= 1)
        workers = psutil.Process(process.pid).children(recursive=True)
        begin = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=30)
        assert time.monotonic() - begin < 20  # other tests run beside this one
    finally:
        process.kill()
    assert process.returncode == 3, errors
    # joblib tells of a worker that was interrupted in joblib's own bookkeeping.
    of_joblib = r"Process LokyProcess-\d+:\nTraceback.*?\nKeyboardInterrupt\n"
    assert "Traceback" not in re.sub(of_joblib, "", errors, flags=re.DOTALL)
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []
    kept = set(cells_in(tmp_path))
    assert 1 <= len(kept) < 8
    assert {path.name for path in tmp_path.iterdir()} == kept  # and no half of one


# Dask


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def on(cluster, call):
    with joblib.parallel_config(backend="dask"):
        return call()


def test_a_dask_cluster_changes_no_number(small, serial, cluster):
    here = HERE

    def elsewhere(problem):
        model = bl.mlp(problem)
        if os.getpid() != here:
            (Path(folder) / str(os.getpid())).touch()
        return model

    with tempfile.TemporaryDirectory() as folder:
        for _ in range(3):
            assert numbers(on(cluster, lambda: grid(small, elsewhere))).identical(serial)
        worked = {int(name) for name in os.listdir(folder)}
    assert worked == set(cluster.run(os.getpid).values())


def test_two_problems_on_a_dask_cluster(small, cluster):
    problems = {"sixty": small, "forty": bl.blobs(100, n_train=40, random_state=5)}
    settings = {"batch_size": 40, "epochs": 2, "replicates": 2}
    expected = numbers(bl.sweep(bl.mlp, problems, **settings))
    assert numbers(on(cluster, lambda: bl.sweep(bl.mlp, problems, **settings))).identical(expected)


def test_an_exception_on_a_dask_cluster_is_that_of_the_sweep(small, cluster):
    here = HERE

    def fails(problem):
        if os.getpid() != here:
            raise ZeroDivisionError("no luck with this model")
        return bl.mlp(problem)

    with pytest.raises(ZeroDivisionError, match="no luck with this model"):
        within(60, lambda: on(cluster, lambda: grid(small, fails)))


def test_a_dask_sweep_whose_worker_is_killed_ends_complete(small, uninterrupted, cluster, tmp_path):
    pids = list(cluster.run(os.getpid).values())
    killed = []

    def kill_one():
        wait_for(lambda: len(cells_in(tmp_path)) >= 2)
        os.kill(pids[0], signal.SIGKILL)
        killed.append(len(cells_in(tmp_path)))

    thread = threading.Thread(target=kill_one)
    thread.start()
    study = within(
        120,
        lambda: on(
            cluster,
            lambda: bl.sweep(bl.mlp, small, learning_rate=RATES, store=tmp_path, **LONG),
        ),
    )
    thread.join()
    assert 2 <= killed[0] < 8, "killed too late to be in the middle"
    assert numbers(study).identical(uninterrupted)
    assert len(cells_in(tmp_path)) == 8
    wait_for(lambda: len(cluster.run(os.getpid)) == 2)
    assert pids[0] not in cluster.run(os.getpid).values()
