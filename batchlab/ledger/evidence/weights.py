"""The survey's runs: what gradients are, and how far the weights travel."""

from functools import partial
from typing import Any

import xarray as xr

from batchlab.analysis.evaluate import final_values
from batchlab.dynamics import distance_from_start, gradient_noise, minibatch_norms
from batchlab.histories.records import record_dimension
from batchlab.ledger.evidence.laboratory import Laboratory
from batchlab.models.networks import mlp
from batchlab.problems.blobs import blobs
from batchlab.problems.problem import Problem
from batchlab.training.sweep import sweep

SIZES = [8, 32, 128, 1024]
RATES = [0.03, 0.1]
EARLY, LATE = 2, 30
_OF_ALL_SAMPLES = ["gradient_norm", "noise_scale"]


def _survey_problem() -> Problem:
    return blobs(5120, n_train=4096)


def _survey_runs(laboratory: Laboratory, **settings: Any) -> xr.Dataset:
    return sweep(mlp, _survey_problem(), keep_weights="epochs", **settings, **laboratory.common)


def gradients(laboratory: Laboratory) -> xr.Dataset:
    """Measure gradients early and late, at a batch size's own weights and at those of 32."""
    study = _survey_runs(laboratory, batch_size=SIZES, epochs=LATE)
    noise = gradient_noise(mlp, _survey_problem(), study.sel(epoch=[EARLY, LATE]))
    noise = noise.sel(epoch=[EARLY, LATE]).drop_vars(["update", "sample"], errors="ignore")
    own = minibatch_norms(noise)
    seen = minibatch_norms(noise.sel(batch_size=32), batch_size=[4**power for power in range(7)])
    names = ["squared_norm", "summed_squared_norm"]
    return xr.Dataset(
        {
            **{name: noise[name].rename(batch_size="trained_with") for name in _OF_ALL_SAMPLES},
            **{f"own_{name}": own[name].rename(batch_size="trained_with") for name in names},
            **{name: seen[name].reset_coords(drop=True) for name in names},
        }
    )


def distances(laboratory: Laboratory) -> xr.Dataset:
    """Measure how far the weights travel, at equal samples, equal updates and larger rates."""
    runs = partial(_survey_runs, laboratory)
    equal_samples = runs(batch_size=SIZES, epochs=LATE)
    equal_updates = runs(batch_size=SIZES, updates=120, records=6)
    raised = runs(batch_size=1024, learning_rate=RATES, epochs=LATE)
    found = {
        "distance": _ended(equal_samples),
        "after_updates": _ended(equal_updates),
        "raised": _ended(raised),
        "val_accuracy": final_values(equal_samples, "val_accuracy"),
    }
    return xr.Dataset({name: each.reset_coords(drop=True) for name, each in found.items()})


def _ended(study: xr.Dataset) -> xr.DataArray:
    """Return how far from the start the weights are at the end."""
    record = record_dimension(study)
    last = study.isel({record: [-1]})
    return distance_from_start(mlp, _survey_problem(), last)["distance"].isel({record: -1})
