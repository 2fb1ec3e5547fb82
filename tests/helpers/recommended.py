"""Made-up studies of what `recommend` returns."""

import numpy as np
import xarray as xr

ABOUT = {
    "problem": "made up",
    "task": "classification",
    "n_train": 1024,
    "metric": "val_loss",
    "budget": "update",
    "clock": "keras",
    "seconds": 60.0,
    "replicates": 16,
    "tuning_replicates": 8,
    "memory_free": 4e9,
    "largest_batch": 50_000.0,
    "batch_size": 16,
    "start": 1.1,
    "best": 0.2,
    "target": 0.25,
    "place": 12,
    "updates": 40,
    "finished": 1,
    "spent": 41.4,
}


def study_of(updates, *, sizes=None, rates=0.1, at_edge=False, memory=2e6, without=(), **about):
    """Return a study of updates of shape (batch sizes, replicates)."""
    updates = np.asarray(updates, float)
    count, replicates = updates.shape
    sizes = 4 ** np.arange(count) if sizes is None else np.asarray(sizes)
    dims = "batch_size", "replicate"
    return xr.Dataset(
        {
            "update": (dims, updates),
            "sample": (dims, updates * sizes[:, None]),
            "learning_rate": ("batch_size", np.broadcast_to(rates, count)),
            "at_edge": ("batch_size", np.broadcast_to(at_edge, count)),
            "memory": ("batch_size", np.broadcast_to(memory, count)),
        },
        {"batch_size": sizes, "replicate": np.arange(replicates)},
        {name: value for name, value in (ABOUT | about).items() if name not in without},
    )


def spread(means, *, replicates=16, own=0.2, by_chance=0.05, seed=0):
    """Return updates about means: a replicate is slow or fast everywhere, and by chance."""
    generator = np.random.default_rng(seed)
    shared = own * generator.normal(size=(1, replicates))
    logs = shared + by_chance * generator.normal(size=(len(means), replicates))
    return np.asarray(means, float)[:, None] * np.exp(logs)


def timed(study, seconds_per_round):
    """Return the study with seconds; those of an update of shape (rounds, batch sizes)."""
    study = study.assign(update_seconds=(("round", "batch_size"), np.asarray(seconds_per_round)))
    study = study.assign(second=study["update"] * study["update_seconds"].mean("round"))
    return study.assign_attrs(budget="second")


def with_rates(study):
    rates = [0.05, 0.1, 0.2]
    tuned = np.full((study.sizes["batch_size"], 3), np.nan)
    tuned[:, :2] = [[np.inf, 20.0]]
    return study.assign(tuning_updates=(("batch_size", "rate"), tuned)).assign_coords(rate=rates)
