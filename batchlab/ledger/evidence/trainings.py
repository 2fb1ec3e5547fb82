"""The sources' own runs, and runs on other problems, of which claims take their accuracies."""

from functools import partial, reduce
from typing import Any

import numpy as np
import xarray as xr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from batchlab.analysis.evaluate import final_values
from batchlab.engine.optimizers import named_optimizer
from batchlab.histories.records import LOSSES, setting
from batchlab.ledger.evidence.laboratory import Laboratory
from batchlab.models.networks import mlp
from batchlab.problems.blobs import blobs
from batchlab.problems.datasets import digits, moons, noisy_labels
from batchlab.training.sweep import sweep

PANELS = [4, 8, 16, 32, 64, 128, 256, 450]
OVERLAPS = [1.0, 1.5, 2.0]
# Each batch size is tuned over rates around its best, the fixed one among them: a small batch at a
# large rate learns nothing, and a large one at a small rate next to nothing.
RATES_OF = {
    (1, 2): [0.001, 0.003, 0.01],
    (4, 8, 32): [0.003, 0.01, 0.03, 0.1],
    (128, 512): [0.01, 0.03, 0.1, 0.3],
}
ADAM_RATES = [0.001, 0.01, 0.1]


def tutorial(laboratory: Laboratory) -> xr.Dataset:
    """Train the tutorial's runs and panels at the rate that they share."""
    sizes = [1, *PANELS, 500]
    return sweep(mlp, blobs(), batch_size=sizes, epochs=200, **laboratory.common)


def tutorial_small_rate(laboratory: Laboratory) -> xr.Dataset:
    """Train the tutorial's run at a tenth of that rate, and its minibatch beside it."""
    at_rate: dict[str, Any] = {"optimizer": named_optimizer("SGD", 0.001, momentum=0.9)}
    return sweep(mlp, blobs(), batch_size=[1, 32], epochs=200, **at_rate, **laboratory.common)


def panels(laboratory: Laboratory) -> xr.Dataset:
    """Return the tutorial's panels of its runs."""
    return laboratory["tutorial"].sel(batch_size=PANELS)


def single_and_full(laboratory: Laboratory) -> xr.Dataset:
    """Return batch size 1 at the smaller rate beside full batch at the other."""
    single = laboratory["small rate"].sel(batch_size=1)
    full = laboratory["tutorial"].sel(batch_size=500)
    names = [*LOSSES, "val_accuracy"]
    runs = [each[names].reset_coords(drop=True) for each in (single, full)]
    return xr.concat(runs, xr.DataArray(["single", "full"], dims="run", name="run"))


def adam_post(laboratory: Laboratory) -> xr.Dataset:
    """Train the Adam post's panels at both ends; 512 of 500 samples is 500."""
    adam = named_optimizer("Adam", 0.001)
    sizes = [4, 8, 64, 500]
    return sweep(mlp, blobs(), batch_size=sizes, optimizer=adam, epochs=100, **laboratory.common)


def video(laboratory: Laboratory) -> xr.Dataset:
    """Train the video's runs on classes of several overlaps."""
    return _video_runs(batch_size=[1, 32, 800], epochs=100, **laboratory.common)


def equal_updates(laboratory: Laboratory) -> xr.Dataset:
    """Train the video's minibatch and its full batch for as many updates."""
    few: dict[str, Any] = {**laboratory.common, "replicates": laboratory.few}
    return _video_runs(batch_size=[32, 800], updates=1600, records=20, **few)


def _video_runs(**settings: Any) -> xr.Dataset:
    problems = {
        f"standard deviation {deviation:g}": blobs(cluster_std=deviation, n_train=800)
        for deviation in OVERLAPS
    }
    build = partial(mlp, hidden_units=(32,))
    return sweep(build, problems, **settings)


def orders(laboratory: Laboratory) -> xr.Dataset:
    """Train from one set of weights in several orders."""
    number, seed = max(laboratory.few, 2), laboratory.seed
    return sweep(
        mlp,
        blobs(),
        batch_size=[1, 32, 500],
        epochs=200,
        replicates=number,
        store=laboratory.store,
        weight_seeds=[seed] * number,
        order_seeds=list(range(seed, seed + number)),
    )


def several_problems(laboratory: Laboratory) -> xr.Dataset:
    """Train on several problems, at every batch size with every rate; keep final accuracies."""
    # Which all batch sizes divide: no small last batch that does harm of its own.
    clouds = {
        name: blobs(1024, cluster_std=deviation, n_train=512)
        for name, deviation in (
            ("blobs apart (1)", 1.0),
            ("blobs (2)", 2.0),
            ("blobs overlapping (3)", 3.0),
        )
    }
    clouds["blobs, wrong labels"] = noisy_labels(clouds["blobs (2)"])
    curves = {"moons": moons(1024, n_train=512)}
    images = {"digits": digits(1024, n_train=512)}
    images["digits, wrong labels"] = noisy_labels(images["digits"])
    common: dict[str, Any] = {
        "replicates": laboratory.some,
        "seed": laboratory.seed,
        "store": laboratory.store,
    }
    found = [
        _final(
            sweep(
                mlp,
                problems,
                batch_size=list(sizes),
                learning_rate=rates,
                samples=passes * 512,
                records=1,
                **common,
            )
        )
        for problems, passes in ((clouds, 60), (curves, 60), (images, 16))
        for sizes, rates in RATES_OF.items()
    ]
    every = reduce(xr.Dataset.combine_first, found)
    sizes = [size for group in RATES_OF for size in group]
    return every.sel(problem=[*clouds, *curves, *images], batch_size=sizes)


def rates_grid(laboratory: Laboratory) -> xr.Dataset:
    """Train at a grid of rates, for equal epochs and for equal updates; keep final accuracies."""
    problem = blobs(2048, n_train=1024)
    grid: dict[str, Any] = {
        "batch_size": [8, 32, 128],
        "learning_rate": [0.0005 * 2**power for power in range(10)],
        "replicates": laboratory.some,
        "seed": laboratory.seed,
        "store": laboratory.store,
    }
    budgets = {
        "equal epochs": sweep(mlp, problem, epochs=20, **grid),
        "equal updates": sweep(mlp, problem, updates=200, records=4, **grid),
    }
    names = xr.DataArray(list(budgets), dims="budget", name="budget")
    return xr.concat([_final(study) for study in budgets.values()], names)


def large_batches(laboratory: Laboratory) -> xr.Dataset:
    """Train with Adam at batch sizes up to 2,000; keep final accuracies."""
    problems = {"blobs": blobs(5096, n_train=4096), "digits": digits()}
    sizes = {"blobs": [32, 512, 2000], "digits": [32, 1000]}
    found = [
        _final(
            sweep(
                mlp,
                {name: problem},
                batch_size=sizes[name],
                learning_rate=ADAM_RATES,
                optimizer=named_optimizer("Adam", 0.001),
                samples=30 * problem.n_train,
                records=1,
                replicates=laboratory.some,
                seed=laboratory.seed,
                store=laboratory.store,
            )
        )
        for name, problem in problems.items()
    ]
    return reduce(xr.Dataset.combine_first, found)


def _final(study: xr.Dataset) -> xr.Dataset:
    """Return final accuracies; a replicate that diverged knows no more than chance."""
    chance = 1 / setting(study, "n_classes")
    names = "train_accuracy", "val_accuracy"
    found = {name: final_values(study, name).fillna(chance) for name in names}
    return xr.Dataset(found).reset_coords(drop=True)


def convex(laboratory: Laboratory) -> xr.Dataset:
    """Train softmax regression, whose loss is convex; keep how far it ends above its least."""
    problem = blobs()
    study = sweep(
        partial(mlp, hidden_units=()),
        problem,
        batch_size="full",
        learning_rate=[0.01, 0.1, 1.0],
        updates=5_000,
        records=4,
        replicates=laboratory.few,
        seed=laboratory.seed,
        store=laboratory.store,
    )
    # Newton's method: to the last digits, where the others stop at a tolerance.
    solver = LogisticRegression(C=np.inf, solver="newton-cg", tol=1e-12, max_iter=1000)
    best = solver.fit(problem.x_train, problem.y_train)
    least = log_loss(problem.y_train, best.predict_proba(problem.x_train))
    excess = study["train_loss"].isel(update=-1) - least
    return xr.Dataset({"excess": excess}).reset_coords(drop=True)
