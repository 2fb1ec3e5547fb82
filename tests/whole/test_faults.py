"""Faults for real: what the user reads then, and that nothing finished is lost or redone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from stores import cells_in, wait_for

import batchlab as bl
from batchlab.costs.keras_runs import KerasRun
from batchlab.engine.training import Training
from batchlab.foundation.backend import device_name, floatx, keras, tf

SETTINGS = {"batch_size": 32, "epochs": 3, "replicates": 2, "device": "cpu"}
RATES = [0.001, 0.0011, 0.0012, 0.0013, 0.0014, 0.0015]
LONG = {"batch_size": 1, "epochs": 300, "replicates": 8, "device": "cpu"}


@pytest.fixture
def trained(monkeypatch):
    """The trainings since."""
    found, train = [], Training.train

    def counted(self, *arguments, **settings):
        found.append(self)
        return train(self, *arguments, **settings)

    monkeypatch.setattr(Training, "train", counted)
    return found


def numbers(study):
    return study.drop_vars(["compile_seconds", "training_seconds"])


def python(code, *arguments, **variables):
    """Run a program with other environment variables."""
    changed = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=changed,
        timeout=120,
    )


def last_line(process):
    """Return the last line of what a program says before it ends with an error."""
    assert process.returncode == 1, process.stdout
    return process.stderr.splitlines()[-1]


# Settings of Keras that others have made

FIT = f"""
    import batchlab as bl
    settings = {SETTINGS}
    history = bl.fit(bl.mlp, bl.blobs(100, n_train=60), **settings)
    print(history.sizes["epoch"], [value.hex() for value in history["val_loss"].values.ravel()])
"""


@pytest.fixture(scope="module")
def undisturbed(small):
    history = bl.fit(bl.mlp, small, **SETTINGS)
    return f"3 {[value.hex() for value in history['val_loss'].to_numpy().ravel()]}\n"


@pytest.fixture
def keras_home(tmp_path):
    """Return a function that writes keras.json, and returns its folder."""

    def write(text):
        (tmp_path / "keras.json").write_text(text)
        return tmp_path

    return write


def test_these_limits_do_cut_keras_fit(small):
    """So the test below can fail; and what is measured of Keras's fit needs them unset."""
    run = KerasRun(small, batch_size=32)
    keras.config.set_max_epochs(1)
    try:
        with pytest.warns(UserWarning, match="Limiting epochs to 1"):
            run.fit(epochs=3)
    finally:
        keras.config.set_max_epochs(None)
    assert run.updates == 2  # of 6


HOSTILE = {"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first"}
LIMITS = {"KERAS_MAX_EPOCHS": 1, "KERAS_MAX_STEPS_PER_EPOCH": 1}


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (json.dumps(HOSTILE | {"backend": "torch"}), LIMITS | {"KERAS_BACKEND": "tensorflow"}),
        ("{not JSON", {"BATCHLAB_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": ""}),
    ],
    ids=["all that Keras reads", "no JSON"],
)
def test_settings_of_others_change_no_number(undisturbed, keras_home, text, variables):
    """They are set all at once: a process for each would say no more as long as none counts."""
    home = keras_home(text)
    code = FIT
    if "BATCHLAB_DEVICE" in variables:
        code = FIT.replace("'device': 'cpu'", "'device': None")
        assert code != FIT
    ended = python(code, KERAS_HOME=home, **variables)
    assert ended.stdout == undisturbed, ended.stderr
    assert (home / "keras.json").read_text() == text


BACKEND = (
    "ImportError: batchlab trains with Keras on TensorFlow: expected the Keras backend "
    "'tensorflow', received {!r} (KERAS_BACKEND or keras.json sets it)."
)


@pytest.mark.parametrize("backend", ["torch", "nonsense"])
def test_another_backend_gets_one_sentence(backend):
    ended = python(FIT, KERAS_BACKEND=backend)
    assert last_line(ended) == BACKEND.format(backend)
    assert "ModuleNotFoundError" not in ended.stderr


def test_another_backend_in_keras_json_gets_the_same(keras_home):
    home = keras_home(json.dumps({"backend": "torch"}))
    assert last_line(python(FIT, KERAS_HOME=home)) == BACKEND.format("torch")


UNREADABLE = (
    "ImportError: batchlab trains with Keras: expected settings that Keras can read from "
    "keras.json and the variables KERAS_…, received "
)


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("[1]", "AttributeError: 'list' object has no attribute 'get'."),
        ('{"floatx": "float8"}', "ValueError: Invalid `floatx` configuration."),
    ],
)
def test_settings_that_keras_cannot_read_get_one_sentence(keras_home, text, received):
    said = last_line(python(FIT, KERAS_HOME=keras_home(text), PYTHONUTF8=1))
    assert said.startswith(UNREADABLE + received)
    assert said.endswith(".")


def test_so_does_a_folder_in_the_place_of_keras_json(tmp_path):
    (tmp_path / "keras.json").mkdir()
    said = last_line(python(FIT, KERAS_HOME=tmp_path, PYTHONUTF8=1))
    assert said == f"{UNREADABLE}IsADirectoryError: [Errno 21] Is a directory: " + (
        f"'{tmp_path / 'keras.json'}'."
    )


def test_so_does_a_limit_that_is_no_number():
    said = last_line(python(FIT, KERAS_MAX_EPOCHS="many", PYTHONUTF8=1))
    assert said.startswith(f"{UNREADABLE}ValueError: invalid literal for int()")


def test_an_import_that_fails_for_another_reason_shows_it(tmp_path):
    package = tmp_path / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('torn installation')")
    said = last_line(python("import batchlab.foundation.backend", PYTHONPATH=tmp_path))
    assert said == "RuntimeError: torn installation"


@pytest.mark.parametrize("kind", ["float16", "float64"])
def test_another_floatx_changes_no_number(undisturbed, small, kind):
    before = keras.config.floatx()
    with floatx(kind):
        history = bl.fit(bl.mlp, small, **SETTINGS)
        assert keras.config.floatx() == kind
    assert keras.config.floatx() == before
    values = [value.hex() for value in history["val_loss"].to_numpy().ravel()]
    assert f"3 {values}\n" == undisturbed
    assert history["val_loss"].dtype == "float64"


# A device that is not there


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that there are so many GPUs."""

    def pretend(count):
        monkeypatch.setattr(
            tf.config,
            "list_physical_devices",
            lambda kind=None: [object()] * count if kind == "GPU" else [],
        )

    return pretend


def test_the_device_is_named_by_the_argument_then_the_variable_then_the_machine(gpus, monkeypatch):
    for count, found in (0, "/CPU:0"), (1, "/GPU:0"):
        gpus(count)
        monkeypatch.delenv("BATCHLAB_DEVICE", raising=False)
        assert device_name(None) == found
        monkeypatch.setenv("BATCHLAB_DEVICE", "")
        assert device_name(None) == found
        monkeypatch.setenv("BATCHLAB_DEVICE", "cpu")
        assert device_name(None) == "/CPU:0"
    assert device_name("gpu") == "/GPU:0"
    monkeypatch.setenv("BATCHLAB_DEVICE", "gpu")
    assert device_name(None) == "/GPU:0"
    assert device_name("cpu") == "/CPU:0"


@pytest.mark.parametrize("asked", ["device", "BATCHLAB_DEVICE"])
def test_a_gpu_that_is_absent(small, gpus, monkeypatch, trained, asked):
    gpus(0)
    if asked == "BATCHLAB_DEVICE":
        monkeypatch.setenv(asked, "gpu")
    settings = SETTINGS | {"device": "gpu" if asked == "device" else None}
    with pytest.raises(ValueError) as caught:
        bl.fit(bl.mlp, small, **settings)
    assert str(caught.value) == (
        f"{asked}: expected a GPU for {asked}='gpu', but TensorFlow sees none."
    )
    assert trained == []


@pytest.mark.parametrize("named", ["nonsense", "GPU", "cuda:0", " cpu"])
def test_another_word_for_the_device(small, monkeypatch, trained, named):
    monkeypatch.setenv("BATCHLAB_DEVICE", named)
    with pytest.raises(ValueError) as caught:
        bl.fit(bl.mlp, small, **SETTINGS | {"device": None})
    assert str(caught.value) == (
        f"BATCHLAB_DEVICE: expected one of 'cpu', 'gpu', received {named!r}."
    )
    assert trained == []
    bl.fit(bl.mlp, small, **SETTINGS)  # which names one


# A store that cannot be written to


@contextlib.contextmanager
def not_writable(folder):
    """Take away the permission to write; to root the bits of a folder mean nothing."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        try:
            yield "Permission denied"
        finally:
            folder.chmod(0o700)
        return
    bind = ["mount", "--bind", folder, folder]
    if subprocess.run(bind, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield "Read-only file system"
    finally:
        subprocess.run(["umount", folder], check=True)


def test_no_permission_to_write_is_said_before_anything_is_trained(small, tmp_path, trained):
    given = {**SETTINGS, "learning_rate": [0.1, 0.01], "store": tmp_path}
    study = bl.sweep(bl.mlp, small, **given)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(trained) == len(kept) == 2
    for folder in tmp_path, tmp_path / "new":
        with not_writable(tmp_path) as reason, pytest.raises(OSError) as caught:
            bl.sweep(bl.mlp, small, **given | {"learning_rate": [0.1, 0.5], "store": folder})
        assert str(caught.value) == (
            f"store: expected a folder that can be written to, received {str(folder)!r}: {reason}."
        )
    assert len(trained) == 2
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept
    assert bl.sweep(bl.mlp, small, **given).identical(study)
    assert len(trained) == 2


# A sweep that is stopped


def start_sweep(folder, **changed):
    """Start a sweep of several cells, a fraction of a second each."""
    code = f"""
        import batchlab as bl
        bl.sweep(bl.mlp, bl.blobs(100, n_train=60), learning_rate={RATES}, store={str(folder)!r},
                 **{LONG | changed})
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def uninterrupted(small):
    return numbers(bl.sweep(bl.mlp, small, learning_rate=RATES, **LONG))


@pytest.mark.parametrize(
    ("stop", "said"),
    [(signal.SIGKILL, ""), (signal.SIGINT, "KeyboardInterrupt")],
    ids=["SIGKILL", "Ctrl-C"],
)
def test_a_stopped_sweep_keeps_what_is_finished_and_trains_only_the_rest(
    small, uninterrupted, tmp_path, trained, stop, said
):
    process = start_sweep(tmp_path)
    try:
        wait_for(lambda: len(cells_in(tmp_path)) >= 2 or process.poll() is not None)
        process.send_signal(stop)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == -stop, errors
    assert errors.strip().endswith(said)
    assert said or errors == ""
    kept = cells_in(tmp_path)
    assert 2 <= len(kept) < len(RATES)
    if stop == signal.SIGINT:  # and no half of one
        assert {path.name for path in tmp_path.iterdir()} == kept.keys()
    study = bl.sweep(bl.mlp, small, learning_rate=RATES, store=tmp_path, **LONG)
    assert len(trained) == len(RATES) - len(kept)
    assert kept.items() <= cells_in(tmp_path).items()  # not written again
    assert numbers(study).identical(uninterrupted)


def test_two_processes_that_sweep_into_one_folder_leave_it_whole(small, tmp_path, trained):
    short = LONG | {"epochs": 60}
    expected = numbers(bl.sweep(bl.mlp, small, learning_rate=RATES, **short))
    trained.clear()
    processes = [start_sweep(tmp_path, **short) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    assert len(cells_in(tmp_path)) == len(RATES) == len(list(tmp_path.iterdir()))
    # A damaged cell would be a warning, and a warning is an error here.
    study = bl.sweep(bl.mlp, small, learning_rate=RATES, store=tmp_path, **short)
    assert trained == []
    assert numbers(study).identical(expected)


def test_a_quota_ends_in_one_sentence_and_what_came_before_it_is_kept(small, tmp_path, trained):
    """A process of its own, whose files must not grow beyond what one of its two cells needs."""
    code = """
        import resource, sys
        import batchlab as bl
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        bl.sweep(bl.mlp, bl.blobs(100, n_train=60), batch_size=[60], learning_rate=[0.1, 0.01],
                 epochs=3, replicates=2, device="cpu", store=sys.argv[1])
        bl.sweep(bl.mlp, bl.blobs(100, n_train=60), batch_size=[60], learning_rate=[0.1, 0.01],
                 epochs=3, replicates=2, device="cpu", store=sys.argv[1], keep_weights="epochs")
    """
    said = last_line(python(code, tmp_path))
    assert said == (
        "OSError: store: expected a folder that can be written to, received "
        f"{str(tmp_path)!r}: File too large."
    )
    assert len(cells_in(tmp_path)) == len(list(tmp_path.iterdir())) == 2
    bl.sweep(
        bl.mlp,
        small,
        batch_size=[60],
        learning_rate=[0.1, 0.01],
        epochs=3,
        replicates=2,
        device="cpu",
        store=tmp_path,
    )
    assert trained == []
