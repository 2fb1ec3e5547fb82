"""Which device is faster is decided by an interval, and told with its exceptions."""

import subprocess
import sys

import numpy as np
import pytest

import batchlab as bl
from batchlab.__main__ import main
from batchlab.benchmarks import devices
from batchlab.benchmarks.device_answers import (
    Timed,
    cpu_by_gpu,
    crossover,
    faster,
    no_answer,
    seconds_table,
    sentences,
)
from batchlab.benchmarks.devices import device_table, two_lengths
from batchlab.costs.machine import machine_in_words
from batchlab.engine import settings
from batchlab.foundation.backend import tf

NOISE = np.array([0.97, 1.0, 1.02, 0.99, 1.03])
QUICK = {"batch_sizes": [500], "replicates": [1, 2], "epochs": 3, "rounds": 2, "seconds": 0.01}


def timed(*, fixed, epoch, lengths=(50, 200), noise=NOISE, compiling=0.5):
    """Return a made-up measurement: a call costs `fixed`, an epoch `epoch`, both times noise."""
    return Timed(compiling, lengths, noise[:, None] * (fixed + epoch * np.array(lengths)))


def row(cpu, gpu):
    """Return a made-up row in which devices take so many seconds for 200 epochs."""
    return {
        "cpu": timed(fixed=0, epoch=cpu / 200),
        "gpu": timed(fixed=0, epoch=gpu / 200, noise=NOISE[::-1]),
    }


# Seconds, from trainings of two lengths


def test_the_whole_and_its_parts_are_found_from_two_lengths():
    measured = timed(fixed=0.3, epoch=0.01, lengths=(2, 8), noise=np.ones(3))
    assert measured.whole(200) == pytest.approx([2.3] * 3)
    assert measured.parts() == pytest.approx((0.3, 0.01))
    assert measured.told(200) == "≈ 2.3 s"
    assert measured.told(8) == "0.38 s"


def test_noise_never_makes_seconds_negative():
    measured = Timed(0.5, (50, 100), np.array([[0.3, 0.2], [0.3, 0.2]]))
    assert measured.whole(200) == pytest.approx([0.2, 0.2])
    assert min(measured.parts()) >= 0


@pytest.mark.parametrize(
    ("fixed", "epoch", "epochs", "expected"),
    [
        (0, 0.001, 200, (50, 200)),  # all of it takes less than is enough
        (0, 0.1, 200, (4, 16)),
        (5, 0.1, 200, (4, 16)),  # a call that costs much does not pass for epochs
        (0, 60, 200, (1, 2)),
        (0, 0.001, 2, (1, 2)),
    ],
)
def test_lengths_are_as_long_as_is_enough(fixed, epoch, epochs, expected):
    assert two_lengths(lambda length: fixed + epoch * length, epochs, 1.0) == expected


# Which is faster


@pytest.mark.parametrize(
    ("cpu", "gpu", "expected"), [(2, 1, "gpu"), (1, 2, "cpu"), (1, 1, None), (1.005, 1, None)]
)
def test_a_device_is_faster_only_beyond_the_noise(cpu, gpu, expected):
    found = cpu_by_gpu(row(cpu, gpu), epochs=200)
    assert found.mean == pytest.approx(cpu / gpu)
    assert found.low < found.mean < found.high
    assert faster(found) == expected


def test_the_other_ratio_gives_the_same_answer():
    found = cpu_by_gpu(row(1.1, 1), epochs=200)
    other = cpu_by_gpu(dict(zip(("gpu", "cpu"), row(1.1, 1).values(), strict=True)), epochs=200)
    assert found.mean == pytest.approx(1 / other.mean)
    assert (faster(found), faster(other)) == ("gpu", "cpu")


# In words


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["gpu", "gpu", "gpu"], "the GPU is faster at every batch size measured"),
        (
            ["cpu", "cpu", "cpu"],
            "the GPU is faster at no batch size measured, the CPU at batch sizes 1, 32 and 2,000",
        ),
        (
            ["cpu", "gpu", "gpu"],
            "the GPU is faster from batch size 32 on, the CPU at batch size 1",
        ),
        (
            ["cpu", None, "gpu"],
            "the GPU is faster from batch size 2,000 on (nothing larger was measured), the CPU at "
            "batch size 1; there is no difference beyond the noise at batch size 32",
        ),
        (
            ["gpu", "cpu", "gpu"],
            "the GPU is faster at batch sizes 1 and 2,000, the CPU at batch size 32; so no single "
            "batch size divides them",
        ),
        (
            ["gpu", "cpu", "cpu"],
            "the GPU is faster at batch size 1, the CPU at batch sizes 32 and 2,000; so no single "
            "batch size divides them",
        ),
        (
            ["gpu", None, "gpu"],
            "the GPU is faster at batch sizes 1 and 2,000; there is no difference beyond the noise "
            "at batch size 32; so no single batch size divides them",
        ),
        (
            [None, "gpu", "gpu"],
            "the GPU is faster from batch size 32 on; there is no difference beyond the noise at "
            "batch size 1",
        ),
        (
            ["cpu", "gpu", None],
            "the GPU is faster at batch size 32, the CPU at batch size 1; there is no difference "
            "beyond the noise at batch size 2,000; so no single batch size divides them",
        ),
        (
            [None, None, None],
            "the GPU is faster at no batch size measured; there is no difference beyond the noise "
            "at batch sizes 1, 32 and 2,000",
        ),
    ],
)
def test_the_batch_size_from_which_on_the_gpu_is_faster(found, expected):
    assert crossover(dict(zip([1, 32, 2000], found, strict=True)), along="batch size") == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["gpu", "gpu"], "the GPU is faster with every number of replicates measured"),
        (
            ["cpu", "cpu"],
            "the GPU is faster with no number of replicates measured, the CPU with 1 and 2,000 "
            "replicates",
        ),
        (
            ["cpu", "gpu"],
            "the GPU is faster from 2,000 replicates on (nothing larger was measured), the CPU "
            "with 1 replicate",
        ),
        (
            ["gpu", "cpu"],
            "the GPU is faster with 1 replicate, the CPU with 2,000 replicates; so no single "
            "number of replicates divides them",
        ),
    ],
)
def test_the_replicates_from_which_on_the_gpu_is_faster(found, expected):
    assert crossover(dict(zip([1, 2000], found, strict=True)), along="replicates") == expected


def test_a_sentence_for_each_number_of_replicates_and_each_batch_size():
    found = {(1, 1): "cpu", (1, 32): "cpu", (30, 1): "cpu", (30, 32): "gpu"}
    assert sentences(found) == [
        "With 1 replicate the GPU is faster at no batch size measured, the CPU at batch sizes 1 "
        "and 32.",
        "With 30 replicates the GPU is faster from batch size 32 on (nothing larger was "
        "measured), the CPU at batch size 1.",
        "At batch size 1 the GPU is faster with no number of replicates measured, the CPU with 1 "
        "and 30 replicates.",
        "At batch size 32 the GPU is faster from 30 replicates on (nothing larger was measured), "
        "the CPU with 1 replicate.",
    ]


def test_the_table_names_the_faster_device_once_for_both():
    rows = {(1, 500): row(1, 2), (2000, 500): row(20, 2), (2000, 1): row(2, 2)}
    _, _, *lines = seconds_table(rows, epochs=200, n_train=500).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [line[2] for line in cells] == ["CPU", "GPU"] * 3
    assert [line[-1] for line in cells] == ["", "CPU", "", "GPU", "", "neither"]
    assert cells[3][-2].startswith("10 (9.")
    # 20 s by 200 updates and by 2,000 replicates, up to the noise of their median
    assert cells[2][:7] == ["2,000", "500", "CPU", "0.50 s", "0 s", "50 µs", "20 s"]


def test_answers_are_found_without_tensorflow():
    code = "import sys, batchlab.benchmarks.device_answers; print('tensorflow' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# Measured


def test_without_a_gpu_the_cpu_is_measured_and_nothing_is_decided(monkeypatch):
    monkeypatch.setattr(devices, "device_name", lambda device: "/CPU:0")
    lines = []
    told = device_table(**QUICK, say=lines.append)
    assert told.count("| CPU |") == 2
    assert "GPU |" not in told
    assert no_answer("cpu", asked_for=False) in told
    assert "is faster from" not in told
    assert machine_in_words() in told
    assert len(lines) == 2
    assert lines[-1].startswith("The tutorial's problem, with 2 replicates at batch size 500: CPU ")


@pytest.fixture
def second_device(monkeypatch):
    """Let the CPU under another name pass for a GPU; return a list of the devices trained on.

    By that name it gets programs of its own, made as they are for a GPU.
    """
    used, seconds = [], devices._seconds_again

    def recorded(cell, *arguments):
        used.append(cell.run.device)
        return seconds(cell, *arguments)

    names = {"cpu": "/CPU:0", "gpu": "/device:CPU:0"}
    monkeypatch.setattr(settings, "device_name", names.get)
    monkeypatch.setattr(devices, "device_name", lambda device: "/GPU:0")
    monkeypatch.setattr(devices, "_seconds_again", recorded)
    return used


def test_two_devices_take_turns_and_are_compared(second_device):
    told = device_table(**QUICK | {"replicates": [2], "rounds": 3})
    # Two lengths of each in each of three rounds
    assert second_device[-12:] == (["/CPU:0"] * 2 + ["/device:CPU:0"] * 2) * 3
    lines = [line.split(" | ") for line in told.splitlines() if line.startswith("| 2 | 500 |")]
    assert [line[2] for line in lines] == ["CPU", "GPU"]
    assert [float(line[3].removesuffix(" s")) > 0 for line in lines] == [True, True]  # compiled
    assert "- With 2 replicates the GPU is faster " in told
    assert "- At batch size 500 the GPU is faster " in told
    assert "took turns" in told
    assert "TensorFlow sees no GPU" not in told


def test_a_larger_problem_is_a_second_table(monkeypatch, tutorial):
    monkeypatch.setattr(devices, "_larger_problem", lambda: tutorial)
    monkeypatch.setattr(devices, "LARGER_BATCH_SIZES", (100,))
    monkeypatch.setattr(devices, "LARGER_REPLICATES", (1,))
    told = device_table(**QUICK | {"replicates": [1]}, device="cpu", larger=True)
    titles = [line for line in told.splitlines() if line.endswith(" epochs")]
    assert titles == [
        "The tutorial's problem, 3 epochs",
        "8,192 x 784 random numbers, 128 hidden units, 3 epochs",
    ]
    assert "| 1 | 100 | CPU |" in told
    assert no_answer("cpu", asked_for=True) in told


def test_the_larger_problem_has_the_size_that_its_title_says():
    problem = devices._larger_problem()
    assert (problem.n_train, problem.feature_shape, problem.n_classes) == (8192, (784,), 10)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"batch_sizes": [0]}, "batch_sizes: expected a whole number at least 1, received 0"),
        ({"batch_sizes": [501]}, "batch_size: expected .* received 501"),
        ({"batch_sizes": []}, "batch_sizes: expected different numbers, received "),
        ({"replicates": [2, 2]}, "replicates: expected different numbers, received "),
        ({"epochs": 1}, "epochs: expected a whole number at least 2, received 1"),
        ({"rounds": 1}, "rounds: expected a whole number at least 2, received 1"),
        ({"seconds": 0}, "seconds: expected a positive number, received 0"),
        ({"device": "tpu"}, "device: expected one of 'cpu', 'gpu', None, received 'tpu'"),
        ({"dtype": "float16"}, "dtype: expected one of 'float64', 'float32', received 'float16'"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(given, match, monkeypatch):
    monkeypatch.setattr(bl, "fit", None)
    monkeypatch.setattr(devices, "_timed_in_turns", None)
    with pytest.raises(ValueError, match=match):
        device_table(**QUICK | given)


# At the command line


def test_the_command_prints_the_table_and_its_progress_apart(capsys):
    options = "--batch-size 500 --replicates 1 --epochs 2 --rounds 2 --seconds 0.01 --device cpu"
    assert main(["devices", *options.split()]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("The tutorial's problem, 2 epochs\n\n| replicates |")
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--device", "gpu"], "device: expected a GPU for device='gpu', but TensorFlow sees none."),
        (["--seconds", "0"], "seconds: expected a positive number, received 0.0."),
    ],
)
def test_the_command_refuses_in_one_sentence(options, sentence, capsys, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    assert main(["devices", *options]) == 2
    assert capsys.readouterr().err == f"Error: {sentence}\n"
