"""Fixtures, the order of the files, and what tests have measured."""

import matplotlib
import pytest

import batchlab as bl

matplotlib.use("Agg")


# The longest files start first, else a core would wait for the last of them at the end.
LONGEST = [
    "arithmetic",
    "notebooks",
    "parallel",
    "training",
    "memory",
    "training_equals_keras",
    "faults",
]
LONGEST += ["examples", "sweeps", "schedules", "repeatability", "across_problems", "execution"]
LONGEST += ["cli", "random_models", "trained_model"]


def pytest_collection_modifyitems(items):
    """Put the longest files in front; xdist hands files out in the order of their tests."""
    place = {f"test_{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session")
def tutorial():
    """The tutorial's problem."""
    return bl.blobs()


@pytest.fixture(scope="session")
def small():
    """A problem on which an epoch takes no time: 60 training samples of 3 classes."""
    return bl.blobs(100, n_train=60)


@pytest.fixture(scope="session")
def history(small):
    """Four replicates, ten epochs."""
    return bl.fit(bl.mlp, small, batch_size=16, epochs=10, replicates=4)


def pytest_terminal_summary(terminalreporter):
    """Print what tests have measured, which xdist's workers cannot."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties if report.when == "call" else ():
                terminalreporter.write_line(f"{name}: {value}")
