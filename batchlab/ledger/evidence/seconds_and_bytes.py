"""What is counted and timed rather than trained: Keras's updates, its seconds, and bytes."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.costs.keras_runs import KerasRun, counted_updates, epoch_seconds
from batchlab.costs.memory import input_bytes, largest_batch, memory_needed
from batchlab.costs.memory_peak import measured_peak
from batchlab.engine.optimizers import named_optimizer
from batchlab.ledger.evidence.laboratory import Laboratory
from batchlab.models.networks import convnet, mlp
from batchlab.problems.blank import blank_problem
from batchlab.problems.blobs import blobs
from batchlab.problems.separability import linearly_separable


def counts(laboratory: Laboratory) -> xr.Dataset:
    """Count Keras's updates of an epoch, and whether a plane separates the classes."""
    tutorials, videos = blobs(), blobs(n_train=800)
    found = [
        counted_updates(
            videos,
            single={"batch_size": 1},
            minibatch={"batch_size": 32},
            full={"batch_size": 800},
        ),
        counted_updates(
            tutorials,
            tutorial_single={"batch_size": 1},
            tutorial_full={"batch_size": 500},
            larger_than_data={"batch_size": 512},
            few_steps={"batch_size": 32, "steps_per_epoch": 5},
            many_steps={"batch_size": 32, "steps_per_epoch": 50},
        ),
        counted_updates(blobs(5100, n_train=5000), of_5000={"batch_size": 32}),
    ]
    separable = linearly_separable(tutorials.x_train, tutorials.y_train)
    return xr.merge([*found, xr.Dataset({"separable": float(separable)})])


def seconds(laboratory: Laboratory) -> xr.Dataset:
    """Time epochs of Keras's `fit` on the sources' runs, in rounds."""
    tutorials, videos = blobs(), blobs(n_train=800)
    runs = {
        "video": {
            size: KerasRun(videos, batch_size=size, hidden_units=32) for size in (1, 32, 800)
        },
        "adam": {
            size: KerasRun(tutorials, batch_size=size, optimizer=named_optimizer("Adam", 0.001))
            for size in (4, 8, 64, 500)
        },
    }
    every = [run for source in runs.values() for run in source.values()]
    times = iter(epoch_seconds(every, rounds=laboratory.rounds).T)
    found = {}
    for name, source in runs.items():
        dimension = f"{name}_batch_size"
        own = np.array([next(times) for _ in source])
        found[name] = xr.DataArray(own, {dimension: list(source)}, [dimension, "replicate"])
    return xr.Dataset(found)


def memory(laboratory: Laboratory) -> xr.Dataset:
    """Compute the bytes that batches need, and measure the peak of some."""
    points, images = blobs(n_train=800), blank_problem((512, 512, 3), n_classes=10)
    network, small, large = (
        partial(mlp, hidden_units=(32,)),
        *(partial(convnet, filters=(filters,)) for filters in (8, 64)),
    )
    of_points = memory_needed(network, points, batch_size=[1, 32, 800])["total"]
    of_images = memory_needed(small, images, batch_size=[1, 32, 800])["total"]
    # Each in a process of its own, so that one does not count the other's bytes.
    with ThreadPoolExecutor(2) as pool:
        measured = (
            pool.submit(measured_peak, network, points, batch_size=800),
            pool.submit(measured_peak, small, images, batch_size=64, updates=1),
        )
        peaks = [each.result() for each in measured]
    at_64 = {
        "64 images as uint8 alone": input_bytes(images.feature_shape, batch_size=64, dtype="uint8"),
        "as float32 alone": input_bytes(images.feature_shape, batch_size=64),
        "trained with 8 filters": _total(memory_needed(small, images, batch_size=64)),
        "the same, measured": int(peaks[1]["growth"].iloc[0]),
        "trained with 64 filters": _total(memory_needed(large, images, batch_size=64)),
    }
    data = ["800 points in the plane", "800 images of 512 x 512"]
    largest = [largest_batch(small, images, memory=gigabytes * 1e9) for gigabytes in (4, 8)]
    return xr.Dataset(
        {
            "needed": (("data", "batch_size"), [of_points.to_numpy(), of_images.to_numpy()]),
            "process": float(peaks[0]["process"].iloc[0]),
            "points_growth": float(peaks[0]["growth"].iloc[0]),
            "of_64": ("what", np.array(list(at_64.values()), "float64")),
            "largest_batch": ("gigabytes", np.array(largest, "float64")),
        },
        {"data": data, "batch_size": [1, 32, 800], "what": list(at_64), "gigabytes": [4, 8]},
    )


def _total(needed: pd.DataFrame) -> int:
    return int(needed["total"].iloc[0])
