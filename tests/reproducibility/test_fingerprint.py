"""The published runs are the same numbers on other machines, and a report says how far."""

import functools
import getpass
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import batchlab as bl
from batchlab.costs import machine as machines
from batchlab.engine.loop import METRICS
from batchlab.foundation.backend import keras
from batchlab.reproducibility import fingerprints
from batchlab.reproducibility.agreement import LEVELS, Agreement, agreements
from batchlab.reproducibility.fingerprints import (
    BATCH_SIZES,
    CHAOTIC,
    RATES,
    digests,
    fingerprint,
    published_fingerprint,
    write_fingerprint,
)

# Also the name of a function that it holds.
reporting = importlib.import_module("batchlab.reproducibility.report")
BITS, ACCURACIES, PRINTED, NOT = LEVELS
RUNS = list(bl.runs_at(BATCH_SIZES, RATES))
ORDERLY = [run for run in RUNS if run != CHAOTIC]
STORED = Path(str(resources.files("batchlab.reproducibility") / "fingerprint.nc"))


def made_up(*, replicates=4, epochs=6):
    """Return a fingerprint of five runs whose numbers are drawn."""
    generator = np.random.default_rng(0)
    shape = len(RUNS), replicates, epochs
    values = {
        name: generator.integers(10, 30, shape) / 40
        if name.endswith("accuracy")
        else generator.uniform(0.1, 2, shape)
        for name in METRICS
    }
    dims = "run", "replicate", "epoch"
    labels = RUNS, np.arange(replicates), np.arange(1, epochs + 1)
    versions = dict.fromkeys(["batchlab", "tensorflow", "keras", "numpy", "python"], "1.2.3")
    return xr.Dataset(
        {name: (dims, array) for name, array in values.items()},
        dict(zip(dims, labels, strict=True)),
        {
            "device": "cpu",
            "threads": 2,
            "machine": "processor: made up\nGPU: none",
            **{f"{name}_version": version for name, version in versions.items()},
        },
    )


def changed(printed, metric, change, *, run="32 at 0.01", replicate=1, epoch=3):
    """Return a fingerprint with one number changed by a function."""
    copy = printed.copy(deep=True)
    place = {"run": run, "replicate": replicate, "epoch": epoch}
    copy[metric].loc[place] = change(copy[metric].loc[place].item())
    return copy


def next_number(value):
    return np.nextafter(value, np.inf)


@pytest.fixture
def one():
    return made_up()


def of(found, run="32 at 0.01"):
    (only,) = [each for each in found if each.run == run]
    assert all(each.level == BITS for each in found if each is not only)
    return only


# How far two agree


def test_equal_fingerprints_agree_to_the_last_bit(one):
    found = agreements(one, made_up())
    assert found == [Agreement(run, BITS, None, None, None, None, None, 0.0) for run in RUNS]


@pytest.mark.parametrize("metric", ["loss", "val_loss", "train_loss"])
def test_loss_that_differs_leaves_every_accuracy(one, metric):
    own = changed(one, metric, next_number)
    found = of(agreements(own, one))
    place = {"run": "32 at 0.01", "replicate": 1, "epoch": 3}
    values = own[metric].loc[place].item(), one[metric].loc[place].item()
    assert found == Agreement(
        "32 at 0.01", ACCURACIES, 3, metric, 1, *values, values[0] - values[1]
    )
    assert found.largest > 0


@pytest.mark.parametrize("metric", ["accuracy", "val_accuracy", "train_accuracy"])
def test_accuracy_that_differs_before_the_end_leaves_every_printed_digit(one, metric):
    found = of(agreements(changed(one, metric, lambda value: value + 1 / 40), one))
    assert (found.level, found.epoch, found.metric, found.replicate) == (PRINTED, 3, metric, 1)
    assert found.largest == pytest.approx(1 / 40)


def test_loss_that_is_visibly_wrong_is_not_excused_by_equal_accuracies(one):
    wrong = changed(one, "val_loss", lambda value: value + 0.1, epoch=6)
    assert of(agreements(wrong, one)).level == NOT


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("change", "visible"), [(1e-9, False), (0.1, True)])
def test_printed_digits_are_those_of_the_mean_at_the_end(one, metric, change, visible):
    one[metric].loc[{"run": "32 at 0.01", "epoch": 6}] = 0.5
    own = changed(one, metric, lambda value: value + change, epoch=6)
    own = changed(own, "accuracy", next_number, epoch=2)  # less than every accuracy
    assert of(agreements(own, one)).level == (NOT if visible else PRINTED)


def test_first_difference_is_that_of_the_earliest_epoch(one):
    own = changed(one, "loss", next_number, epoch=4, replicate=0)
    own = changed(own, "train_accuracy", next_number, epoch=2, replicate=3)
    own = changed(own, "val_loss", next_number, epoch=2, replicate=2)
    own = changed(own, "val_loss", next_number, epoch=2, replicate=1)
    found = of(agreements(own, one))
    assert (found.epoch, found.metric, found.replicate) == (2, "val_loss", 1)


def test_levels_go_from_the_strictest_down(one):
    exact = agreements(one, one)[0]
    assert all(exact.at_least(level) for level in LEVELS)
    loss = of(agreements(changed(one, "loss", next_number), one))
    assert [loss.at_least(level) for level in LEVELS] == [False, True, True, True]
    accuracy = of(agreements(changed(one, "accuracy", next_number), one))
    assert [accuracy.at_least(level) for level in LEVELS] == [False, False, True, True]
    end = of(agreements(changed(one, "accuracy", lambda _: 9.0, epoch=6), one))
    assert [end.at_least(level) for level in LEVELS] == [False, False, False, True]


def test_not_a_number_on_both_sides_agrees_and_on_one_does_not(one):
    def missing(_):
        return np.nan

    there = changed(changed(one, "val_loss", missing), "val_accuracy", missing, epoch=6)
    assert {each.level for each in agreements(there, there)} == {BITS}
    negative = there.copy(deep=True)
    negative["val_loss"] = -negative["val_loss"] * -1
    negative["val_loss"].values[np.isnan(negative["val_loss"])] = -np.nan
    assert {each.level for each in agreements(negative, there)} == {BITS}
    # Beside it, another difference is still found and measured.
    both = of(agreements(changed(there, "loss", next_number, epoch=5), there))
    assert (both.level, both.epoch) == (ACCURACIES, 5)
    assert 0 < both.largest < 1e-15
    for own, published in ((there, one), (one, there)):
        found = of(agreements(own, published))
        assert (found.level, found.epoch, found.metric) == (NOT, 3, "val_loss")
        assert np.isnan(found.largest)


def test_sign_of_zero_is_a_bit(one):
    one = changed(one, "loss", lambda _: 0.0)
    found = of(agreements(changed(one, "loss", lambda _: -0.0), one))
    assert (found.level, found.largest) == (ACCURACIES, 0)


def test_one_replicate_is_compared(one):
    one = made_up(replicates=1)
    own = changed(one, "val_accuracy", next_number, replicate=0)
    assert of(agreements(own, one)).level == PRINTED


def test_fewer_epochs_are_compared_with_the_beginning(one):
    own = changed(one, "loss", next_number, epoch=5)
    assert {each.level for each in agreements(own.isel(epoch=slice(4)), one)} == {BITS}
    assert of(agreements(own.isel(epoch=slice(5)), one)).epoch == 5


def test_others_are_refused(one):
    for change, name in (
        ({"run": slice(4)}, "run"),
        ({"run": [1, 0, 2, 3, 4]}, "run"),
        ({"replicate": slice(2)}, "replicate"),
    ):
        with pytest.raises(ValueError, match=f"^own: expected the published {name}s .*received"):
            agreements(one.isel(change), one)
    with pytest.raises(ValueError, match="at most the published 4 epochs, received 6"):
        agreements(one, one.isel(epoch=slice(4)))


# The report


@pytest.mark.parametrize(
    ("device", "usual", "level", "of_chaos"),
    [
        ("cpu", True, BITS, BITS),
        ("cpu", False, ACCURACIES, NOT),
        ("gpu", True, ACCURACIES, NOT),
        ("gpu", False, ACCURACIES, NOT),
    ],
)
def test_how_far_a_run_must_agree(device, usual, level, of_chaos):
    expected = functools.partial(reporting.expected_level, device=device, usual=usual)
    assert [expected(run) for run in RUNS] == [level] * 4 + [of_chaos]
    others = sorted({*published_fingerprint()["run"].values} - {*RUNS})
    assert len(others) == 9
    assert {expected(run) for run in others} == {of_chaos}


@pytest.fixture
def usual(monkeypatch):
    monkeypatch.setattr(reporting, "is_usual", lambda: True)


@pytest.fixture
def unusual(monkeypatch):
    monkeypatch.setattr(reporting, "is_usual", lambda: False)


@pytest.mark.usefixtures("usual")
def test_report_of_an_equal_fingerprint(one):
    own = one.assign_attrs(machine="processor: my own\nGPU: none", numpy_version="2.9.9")
    report, agrees = reporting.fingerprint_report(own, one)
    assert agrees
    assert "4 replicates of 6 epochs" in report
    assert "processor: my own" in report
    assert "processor: made up" in report
    assert "cpu, 2 threads, batchlab 1.2.3, tensorflow 1.2.3, keras 1.2.3, numpy 2.9.9" in report
    for run in RUNS:
        assert re.search(rf"^ *{re.escape(run)} +to the last bit +0 *$", report, re.MULTILINE)
    assert "differs from epoch" not in report
    assert "all runs agree to the last bit." in report
    for run, metrics in digests(own).items():
        for metric, digest in metrics.items():
            assert re.search(rf"^{re.escape(run)} +{metric} +{digest[:32]}$", report, re.MULTILINE)


@pytest.mark.usefixtures("usual")
def test_report_says_what_differs_and_from_where_on(one):
    own = changed(one, "val_loss", lambda _: 0.25, epoch=4, replicate=2)
    report, agrees = reporting.fingerprint_report(own, one)
    assert not agrees
    given = one["val_loss"].loc[{"run": "32 at 0.01", "replicate": 2, "epoch": 4}].item()
    assert (
        "32 at 0.01: differs from epoch 4 on, first val_loss of replicate 2, 0.25 instead of "
        f"{given!r}\n"
    ) in report
    assert report.count("differs from epoch") == 1
    assert re.search(r"^ *32 at 0\.01 +every accuracy +\d", report, re.MULTILINE)
    assert "all runs must agree to the last bit. These do not: 32 at 0.01." in report


@pytest.mark.usefixtures("usual")
def test_gpu_must_agree_in_every_accuracy_but_in_the_chaotic_run(one):
    own = one.assign_attrs(device="gpu")
    for run in RUNS:
        own = changed(own, "loss", next_number, run=run)
    own = changed(own, "val_accuracy", lambda _: 0.0, run=CHAOTIC, epoch=6)
    report, agrees = reporting.fingerprint_report(own, one)
    assert agrees
    due = "the tutorial's runs agree in every accuracy, but for 1 at 0.01"
    assert f"As it must be on a GPU, {due}" in report
    assert f"{CHAOTIC}: differs from epoch 3 on" in report
    for metric in ("accuracy", "val_accuracy", "train_accuracy"):
        wrong = changed(own, metric, next_number, run="4 at 0.01")
        report, agrees = reporting.fingerprint_report(wrong, one)
        assert not agrees
        assert "On a GPU the tutorial's runs must agree in every accuracy" in report
        assert "These do not: 4 at 0.01." in report


@pytest.mark.usefixtures("unusual")
def test_other_processors_must_agree_in_every_accuracy(one):
    report, agrees = reporting.fingerprint_report(changed(one, "loss", next_number), one)
    assert agrees
    assert "As it must be on a processor of this kind" in report
    assert not reporting.fingerprint_report(changed(one, "accuracy", next_number), one)[1]


@pytest.mark.parametrize(
    ("machine", "features", "usual"),
    [
        ("x86_64", ["AVX", "AVX2", "FMA"], True),
        ("AMD64", ["AVX", "AVX2", "FMA", "AVX-512"], True),
        ("x86_64", ["AVX"], False),
        ("aarch64", [], False),
        ("arm64", [], False),
    ],
)
def test_usual_processors_are_x86_with_avx2(monkeypatch, machine, features, usual):
    monkeypatch.setattr(machines.platform, "machine", lambda: machine)
    monkeypatch.setattr(machines, "instructions", lambda: features)
    assert machines.is_usual() is usual


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs the kernel's own word")
def test_instructions_are_those_that_the_kernel_names():
    flags = set(Path("/proc/cpuinfo").read_text().split())
    known = {"AVX": "avx", "AVX2": "avx2", "FMA": "fma", "AVX-512": "avx512f"}
    assert machines.instructions() == [name for name, flag in known.items() if flag in flags]


def test_report_of_the_machine_names_nobody(monkeypatch):
    home = "/home/somebody-here"
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XLA_FLAGS", f"--xla_cpu_max_isa=AVX2 --xla_dump_to={home}/dump")
    monkeypatch.setenv("TF_XLA_FLAGS", f"--tf_xla_persistent_cache_directory={home}/cache")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    report = "\n".join(machines.machine_report())
    assert "--xla_cpu_max_isa=AVX2" in report
    assert "TF_ENABLE_ONEDNN_OPTS=0" in report
    assert "somebody-here" not in report
    words = re.split(r"[\s,=]", report)
    for name in (os.uname().nodename, getpass.getuser(), str(Path.cwd()), str(Path.home())):
        assert name not in words
    assert str(Path.cwd()) not in report
    for line, kind in zip(
        report.splitlines(),
        ("processor", "instructions", "GPU", "rounding", "environment"),
        strict=True,
    ):
        assert line.startswith(f"{kind}: ")


# The stored file


def test_stored_file_is_small_and_has_the_digests_of_its_values():
    assert STORED.stat().st_size < 600_000
    published = published_fingerprint()
    assert dict(published.sizes) == {"run": 14, "replicate": 8, "epoch": 200}
    assert sorted(published.data_vars) == sorted(METRICS)
    with h5py.File(STORED) as file:
        names = [name.decode() for name in file["metric"]]
        rows = {
            run.decode(): {name: digest.decode() for name, digest in zip(names, row, strict=True)}
            for run, row in zip(file["run"], file["sha256"], strict=True)
        }
    assert rows == digests(published)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Return the path of a copy of the file, which is read in its place."""
    path = Path(shutil.copy(STORED, tmp_path))
    monkeypatch.setattr(fingerprints.resources, "files", lambda _: tmp_path)
    return path


def test_stored_values_that_were_changed_are_refused(copy):
    assert published_fingerprint().identical(published_fingerprint())
    with h5py.File(copy, "r+") as file:
        file["val_loss"][2, 3, 100] = np.nextafter(file["val_loss"][2, 3, 100], np.inf)
    with pytest.raises(ValueError, match="expected the values that its digests are of"):
        published_fingerprint()


def test_stored_digests_that_were_changed_are_refused(copy):
    with h5py.File(copy, "r+") as file:
        file["sha256"][0, 0] = "0" * 64
    with pytest.raises(ValueError, match="expected the values that its digests are of"):
        published_fingerprint()


def test_written_fingerprint_is_read_back_to_the_last_bit(copy, one, tmp_path):
    one = changed(one, "val_loss", lambda _: np.nan)
    write_fingerprint(one, copy)
    assert published_fingerprint().identical(one)
    assert [path.name for path in tmp_path.iterdir()] == ["fingerprint.nc"]


def test_fingerprint_that_cannot_be_written_leaves_the_old_one(copy, one, monkeypatch, tmp_path):
    before = copy.read_bytes()

    def fails(*_):
        raise OSError("no space left")

    monkeypatch.setattr(fingerprints.os, "replace", fails)
    with pytest.raises(OSError, match="no space left"):
        write_fingerprint(one, copy)
    assert copy.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["fingerprint.nc"]


def test_digest_is_of_the_values_as_they_are_laid_down_in_the_docstring(one):
    import hashlib

    values = one["loss"].sel(run="4 at 0.01").transpose("replicate", "epoch").to_numpy()
    text = b"".join(np.float64(value).tobytes() for value in values.ravel())
    assert digests(one)["4 at 0.01"]["loss"] == hashlib.sha256(text).hexdigest()
    other = digests(changed(one, "loss", next_number, run="4 at 0.01"))
    differs = [
        (run, name)
        for run in RUNS
        for name in METRICS
        if other[run][name] != digests(one)[run][name]
    ]
    assert differs == [("4 at 0.01", "loss")]


# For real

elsewhere_usual = pytest.mark.skipif(
    not machines.is_usual(), reason="to the last bit only on an x86-64 processor with AVX2"
)


@pytest.fixture(scope="module")
def here():
    """Return the beginning; `make test` computes the whole."""
    return fingerprint(epochs=10)


@elsewhere_usual
def test_stored_file_is_what_is_computed_here(here):
    published = published_fingerprint()
    assert [each.level for each in agreements(here, published)] == [BITS] * 14
    assert digests(here) == digests(published.isel(epoch=slice(10)))
    report, agrees = reporting.fingerprint_report(here)
    assert agrees
    assert f"tensorflow {here.attrs['tensorflow_version']}" in report
    assert machines.cpu_name() in report
    assert str(Path.cwd()) not in report


def test_fingerprint_is_the_runs_that_fit_makes(here, tutorial):
    history = bl.fit(
        bl.mlp,
        tutorial,
        batch_size=32,
        epochs=3,
        replicates=8,
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
    )
    for name in METRICS:
        own = here[name].sel(run="32 at 0.01", epoch=slice(3))
        np.testing.assert_array_equal(own, history[name])
    with pytest.raises(ValueError, match="epochs: expected"):
        fingerprint(epochs=0)


CODE = """
    import json, os, sys
    cores, threads, folder = json.loads(sys.argv[1])
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    from batchlab.reproducibility.fingerprints import fingerprint, write_fingerprint
    for place, count in enumerate(threads):
        write_fingerprint(fingerprint(epochs=10, threads=count), f"{folder}/{place}.nc")
"""

# By what is said of them: cores (0 is all), threads of fit, and what of the environment is set.
# The first place differs in all of it from the one where the tests run, whose instructions may be
# AVX-512: XLA takes the best that the processor has, or that it is told.
PLACES = {
    "one core, 16 threads in TensorFlow, 1 and 3 in fit, no oneDNN, AVX2": (
        1,
        [1, 3],
        {
            "TF_NUM_INTRAOP_THREADS": "16",
            "TF_ENABLE_ONEDNN_OPTS": "0",
            "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        },
    ),
    "SSE4_2": (0, [None], {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}),
}
SEEN = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Return by place the fingerprints that processes of their own compute."""

    def computed(place):
        cores, threads, environment = PLACES[place]
        folder = str(tmp_path_factory.mktemp("place"))
        inherited = {name: value for name, value in os.environ.items() if name not in SEEN}
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CODE), json.dumps([cores, threads, folder])],
            env={**inherited, **environment},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert ended.returncode == 0, ended.stderr
        return [
            xr.load_dataset(f"{folder}/{place}.nc", engine="h5netcdf").drop_vars(
                ["sha256", "metric"]
            )
            for place in range(len(threads))
        ]

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(PLACES, pool.map(computed, PLACES), strict=True))


@elsewhere_usual
@pytest.mark.parametrize("place", [place for place in PLACES if place != "SSE4_2"])
def test_other_threads_cores_libraries_and_instructions_agree_to_the_last_bit(elsewhere, place):
    for own in elsewhere[place]:
        assert own.sizes["epoch"] == 10
        for name, value in PLACES[place][2].items():
            assert f"{name}={value}" in own.attrs["machine"]
        assert [each.level for each in agreements(own, published_fingerprint())] == [BITS] * 14


@elsewhere_usual
def test_without_fused_multiplication_last_bits_differ_and_accuracies_do_not(elsewhere):
    """Else the tests above would see nothing."""
    (own,) = elsewhere["SSE4_2"]
    found = agreements(own, published_fingerprint())
    assert any(each.level != BITS for each in found if each.run in ORDERLY)
    assert all(each.at_least(ACCURACIES) for each in found if each.run in ORDERLY)
    assert 0 < max(each.largest for each in found if each.run in ORDERLY) < 1e-9
