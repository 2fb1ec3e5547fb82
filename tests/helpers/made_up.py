"""Made-up results of the ledger's experiments: under them each claim must come out as planted.

A maker returns a small result of one experiment, with the dimensions, coordinates and variables
that its measures use, and noise that decides nothing. `CASES` says for each claim which knobs of
its experiments' makers make it true, which make it false, and which do one here and the other
there.
"""

from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from studies import study_of

REPLICATES = 8
PANELS = [4, 8, 16, 32, 64, 128, 256, 450]
BOTH_SIZES = [1, 2, 4, 8, 32, 128, 512]
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
# As in the real experiment: small batches are not tried at large rates, nor large ones at small.
TRIED = {**dict.fromkeys((1, 2, 4), RATES[:4]), **dict.fromkeys((8, 32), RATES[1:5])}


def noise(*shape, size=1e-3, seed=0):
    """Return numbers around 0 whose mean over the last axis, the replicates, is 0."""
    found = np.random.default_rng(seed).standard_normal((*shape, REPLICATES)) * size
    return found - found.mean(axis=-1, keepdims=True)


def by(knob, labels, default):
    """Return a knob for each label: a number is for all, a mapping for some."""
    given = knob if isinstance(knob, dict) else dict.fromkeys(labels, knob)
    return np.array([given.get(label, default) for label in labels], float)


def runs(
    sizes,
    *,
    test=0.8,
    train=0.8,
    loss=0.5,
    start=0.5,
    reaches=1,
    unrest=0.0,
    spread=1e-3,
    updates=None,
    record="epoch",
    records=200,
):
    """Return a study over batch sizes; knobs are numbers, or mappings by batch size.

    Accuracies are `start` until the record `reaches`, then `test` and `train`; the training loss
    falls to `loss`. All swing by `unrest`; replicates differ by `spread`.
    """
    study = study_of({"batch_size": sizes}, replicates=REPLICATES, records=records, record=record)
    index = np.arange(1, records + 1)

    def level(knob, default):
        return by(knob, sizes, default)[:, None, None]

    differ = noise(len(sizes))[:, :, None] * 1e3
    swing = level(unrest, 0.01) * (1 + differ / 20) * (-1.0) ** index
    late = np.arange(REPLICATES) - REPLICATES // 2  # when a replicate is there, by an epoch or few
    risen = index >= np.maximum(level(reaches, 1) + late[:, None] // 2, 1)
    around = level(spread, 1e-3) * differ + swing
    for name, ends in (("val_accuracy", test), ("train_accuracy", train)):
        study[name][:] = np.where(risen, level(ends, 0.8), level(start, 0.5)) + around
    study["train_loss"][:] = level(loss, 0.5) + 0.2 / index + around
    per_epoch = np.ceil(500 / np.array(sizes))
    per_epoch = per_epoch if updates is None else by(updates, sizes, 1)
    return study.assign(updates_per_epoch=("batch_size", per_epoch.astype(int)))


def side_by_side(dimension, parts):
    """Return results along a new dimension, by label."""
    labels = xr.DataArray(list(parts), dims=dimension, name=dimension)
    settings = {"coords": "minimal", "compat": "override", "join": "exact"}
    return xr.concat(list(parts.values()), labels, data_vars="all", **settings)


def halves(first, second, dimension):
    """Return a result whose first place along a dimension is one's, whose others are another's."""
    parts = first.isel({dimension: slice(0, 1)}), second.isel({dimension: slice(1, None)})
    settings = {"coords": "minimal", "compat": "override", "join": "exact"}
    return xr.concat(parts, dimension, data_vars="minimal", **settings)


def on_overlaps(**knobs):
    """Return the same runs on data of two overlaps."""
    one = runs(knobs.pop("sizes"), **knobs)
    return side_by_side("problem", {"standard deviation 1": one, "standard deviation 2": one})


def single_and_full(*, single, full):
    """Return two runs that end at these test accuracies."""
    parts = {name: runs([32], test=test) for name, test in (("single", single), ("full", full))}
    return side_by_side("run", {name: part.isel(batch_size=0) for name, part in parts.items()})


def accuracies(sizes, rates, *, level, best_rate=None, tried=None, default=0.8, over="problem"):
    """Return final accuracies at every batch size with every rate.

    `level` is by batch size. At a rate other than `best_rate`, by batch size too, it is lower by a
    tenth for each step of the grid; without one all rates are as good. NaN is what was not `tried`.
    """
    values = by(level, sizes, default)[:, None, None] + noise(len(sizes), len(rates), size=1e-4)
    for place, size in enumerate(sizes):
        if best_rate is not None:
            steps = abs(np.arange(len(rates)) - rates.index(best_rate[size]))
            values[place] -= 0.1 * steps[:, None]
        if tried is not None:
            values[place, ~np.isin(rates, tried.get(size, RATES[2:]))] = np.nan
    dims = "batch_size", "learning_rate", "replicate"
    coords = {"batch_size": sizes, "learning_rate": rates, "replicate": range(REPLICATES)}
    one = xr.Dataset({"val_accuracy": (dims, values)}, coords)
    return side_by_side(over, {"here": one, "there": one})


def counted(**numbers):
    """Return numbers without replicates."""
    return xr.Dataset(numbers)


def seconds(**sources):
    """Return seconds of an epoch, by source and batch size."""
    found = {
        name: (
            (f"{name}_batch_size", "replicate"),
            np.array(list(of.values()))[:, None] * (1 + noise(len(of), size=0.01)),
        )
        for name, of in sources.items()
    }
    return xr.Dataset(found, {f"{name}_batch_size": list(of) for name, of in sources.items()})


def memory(*, needed=(1.0, 2.0, 3.0), process=1.0, of_64=5e9, largest=(131.0, 263.0)):
    """Return bytes; `needed` at batch sizes 1, 32 and 800."""
    return xr.Dataset(
        {
            "needed": (("data", "batch_size"), [needed, needed]),
            "process": process,
            "of_64": ("what", [of_64, of_64]),
            "largest_batch": ("gigabytes", list(largest)),
        },
        {
            "data": ["points", "images"],
            "batch_size": [1, 32, 800],
            "what": ["input alone", "trained"],
            "gigabytes": [4, 8],
        },
    )


def gradients(*, early=2.0, late=1.0, power=1.0):
    """Return norms early and late, and squared norms that grow with a power of the batch size."""

    def squared(dimension, sizes):
        values = np.array(sizes, float)[:, None, None] ** power * (1 + noise(len(sizes), 2))
        return (dimension, "epoch", "replicate"), values

    own, seen = [8, 32, 128, 1024], [4**exponent for exponent in range(7)]
    norms = np.array([early, late])[:, None] * (1 + noise(len(own), 2))
    return xr.Dataset(
        {
            "gradient_norm": (("trained_with", "epoch", "replicate"), norms),
            **{f"own_{name}": squared("trained_with", own) for name in SQUARED},
            **{name: squared("batch_size", seen) for name in SQUARED},
        },
        {"trained_with": own, "batch_size": seen, "epoch": [2, 30]},
    )


SQUARED = ("squared_norm", "summed_squared_norm")


def distances(*, distance, best=8, raised=4.0):
    """Return distances from the start by batch size, one of which ends `best`."""
    sizes = [8, 32, 128, 1024]
    far = by(distance, sizes, 4.0)[:, None] * (1 + noise(len(sizes), size=0.02))
    test = np.where(np.array(sizes) == best, 0.82, 0.8)[:, None] + noise(len(sizes))
    return xr.Dataset(
        {
            "distance": (("batch_size", "replicate"), far),
            "val_accuracy": (("batch_size", "replicate"), test),
            "raised": (("learning_rate", "replicate"), raised + noise(2, size=0.02)),
        },
        {"batch_size": sizes, "learning_rate": [0.03, 0.1]},
    )


def convex(*, excess):
    """Return training losses above the least possible."""
    values = excess * (1 + noise(2, 3, size=0.1))
    return xr.Dataset(
        {"excess": (("batch_size", "learning_rate", "replicate"), values)},
        {"batch_size": [32, 500], "learning_rate": [0.01, 0.1, 1.0]},
    )


MAKERS = {
    "tutorial": lambda **knobs: runs([1, 32, 500], **knobs),
    "small rate": lambda **knobs: runs([1, 32], **knobs),
    "both rates": single_and_full,
    "panels": lambda **knobs: runs(PANELS, **knobs),
    "Adam": lambda **knobs: runs([4, 8, 64, 500], **knobs),
    "video": lambda **knobs: on_overlaps(sizes=[1, 32, 800], **knobs),
    "equal updates": lambda **knobs: on_overlaps(
        sizes=[32, 800], record="update", records=8, **knobs
    ),
    "orders": lambda **knobs: runs([1, 32, 500], **knobs),
    "problems": lambda **knobs: accuracies(BOTH_SIZES, RATES, tried=TRIED, **knobs),
    "rates": lambda **knobs: accuracies([8, 32, 128, 512], RATES, over="budget", **knobs),
    "large batches": lambda **knobs: accuracies([32, 512, 2000], [0.001, 0.01], **knobs),
    "convex": convex,
    "gradients": gradients,
    "distances": distances,
    "counted": counted,
    "seconds": seconds,
    "memory": memory,
}


@dataclass(frozen=True)
class Case:
    """What makes a claim true and what makes it false: knobs by experiment.

    `along` is a dimension of the first experiment along which it can be true here and false there;
    or `mixed` are knobs that make it so.
    """

    true: dict
    false: dict
    along: str = ""
    mixed: dict = field(default_factory=dict)

    @property
    def has_conditions(self):
        return bool(self.along or self.mixed)

    def results(self, side):
        """Return the results by experiment: of the side "true", "false" or "mixed"."""
        if side != "mixed" or not self.along:
            return {name: MAKERS[name](**knobs) for name, knobs in getattr(self, side).items()}
        sides = self.results("true"), self.results("false")
        return {
            name: halves(sides[0][name], sides[1][name], self.along)
            if self.along in sides[0][name].dims
            else sides[1][name]
            for name in sides[0]
        }


def one(experiment, true, false, *, along="", mixed=None):
    """Return the case of a claim that is decided by one experiment."""
    return Case(
        {experiment: true}, {experiment: false}, along, {} if mixed is None else {experiment: mixed}
    )


def at(**accuracies_of):
    """Return a mapping by batch size: ``at(b8=0.9)``."""
    return {int(name[1:]): value for name, value in accuracies_of.items()}


ROUGH, SMOOTH = {"unrest": {1: 0.1, 32: 0.01}}, {"unrest": {1: 0.01, 32: 0.1}}
FALLING = {1: 0.9, 2: 0.9, 4: 0.9, 8: 0.9, 32: 0.9, 128: 0.8, 512: 0.7}
RISING = {1: 0.5, 2: 0.5, 4: 0.5, 8: 0.5, 32: 0.6, 128: 0.7, 512: 0.8}
PEAKED = {1: 0.7, 2: 0.9, 4: 0.9, 8: 0.8, 32: 0.8, 128: 0.75, 512: 0.7}
SUNKEN = {1: 0.9, 2: 0.7, 4: 0.7, 8: 0.7, 32: 0.7, 128: 0.7, 512: 0.9}
GROWING = {size: 10 * size**0.4 for size in PANELS}
SHRINKING = {size: 200 / size**0.4 for size in PANELS}

CASES = {
    1: one("counted", {"single": 800}, {"single": 799}),
    2: one("seconds", {"video": {1: 18.5, 32: 1.0}}, {"video": {1: 15.0, 32: 1.0}}),
    3: one("video", {"test": {1: 0.875}}, {"test": {1: 0.7}}, along="problem"),
    4: one("video", {"spread": {1: 0.1}}, {"spread": {1: 0.001}}, along="problem"),
    5: one("video", ROUGH, SMOOTH, along="problem"),
    6: Case(
        {"tutorial": ROUGH, "small rate": ROUGH},
        {"tutorial": SMOOTH, "small rate": SMOOTH},
        mixed={"tutorial": ROUGH, "small rate": SMOOTH},
    ),
    7: one("counted", {"full": 1}, {"full": 2}),
    8: one("seconds", {"video": {1: 44.0, 800: 1.0}}, {"video": {1: 30.0, 800: 1.0}}),
    9: Case(
        {"orders": {"spread": 1e-10}, "video": {}},
        {"orders": {"spread": 0.01}, "video": {"unrest": 0.1}},
        mixed={"orders": {"spread": 1e-10}, "video": {"unrest": 0.1}},
    ),
    10: one("video", {"test": {800: 0.935}}, {"test": {800: 0.8}}, along="problem"),
    11: one(
        "equal updates",
        {"loss": {32: 0.1, 800: 0.3}},
        {"loss": {32: 0.3, 800: 0.1}},
        along="problem",
    ),
    12: one("memory", {"needed": (0.1, 0.2, 9.0)}, {"needed": (0.1, 0.2, 0.9)}, along="data"),
    13: one("counted", {"minibatch": 25}, {"minibatch": 26}),
    14: one("seconds", {"video": {32: 2.38, 800: 1.0}}, {"video": {32: 1.0, 800: 1.0}}),
    15: one(
        "video",
        {"test": {1: 0.7, 32: 0.9, 800: 0.8}, **ROUGH},
        {"test": {1: 0.9, 32: 0.7, 800: 0.8}, **SMOOTH},
        along="problem",
    ),
    16: one("problems", {"level": FALLING}, {"level": RISING}, along="problem"),
    17: one(
        "tutorial",
        {"train": {500: 0.816}, "test": {500: 0.830}},
        {"train": {500: 0.7}, "test": {500: 0.7}},
        mixed={"train": {500: 0.816}, "test": {500: 0.7}},
    ),
    18: one("tutorial", {"reaches": {500: 91}}, {"reaches": {500: 20}}),
    19: one(
        "tutorial",
        {"train": {1: 0.612}, "test": {1: 0.606, 500: 0.806}},
        {"train": {1: 0.8}, "test": {1: 0.8, 500: 0.8}},
        mixed={"train": {1: 0.612}, "test": {1: 0.8, 500: 0.8}},
    ),
    20: Case(
        {
            "small rate": {"train": {1: 0.816}, "test": {1: 0.824}},
            "both rates": {"single": 0.824, "full": 0.83},
        },
        {
            "small rate": {"train": {1: 0.7}, "test": {1: 0.7}},
            "both rates": {"single": 0.7, "full": 0.83},
        },
        mixed={
            "small rate": {"train": {1: 0.7}, "test": {1: 0.7}},
            "both rates": {"single": 0.83, "full": 0.83},
        },
    ),
    21: one(
        "small rate",
        {"reaches": 10, "test": 0.82},
        {"reaches": 100, "test": 0.82},
        mixed={"reaches": 40, "test": 0.82},
    ),
    22: one(
        "counted",
        {"tutorial_single": 500, "tutorial_full": 1},
        {"tutorial_single": 16, "tutorial_full": 1},
        mixed={"tutorial_single": 500, "tutorial_full": 16},
    ),
    23: one(
        "tutorial",
        {"train": {32: 0.832}, "test": {32: 0.812}},
        {"train": {32: 0.7}, "test": {32: 0.7}},
        mixed={"train": {32: 0.7}, "test": {32: 0.812}},
    ),
    24: Case(
        {"tutorial": ROUGH, "small rate": ROUGH},
        {"tutorial": SMOOTH, "small rate": SMOOTH},
        mixed={"tutorial": SMOOTH, "small rate": ROUGH},
    ),
    25: one(
        "panels",
        {"test": 0.9, "reaches": GROWING, "unrest": {4: 0.05}},
        {"test": 0.9, "reaches": SHRINKING, "unrest": {450: 0.05}},
        mixed={"test": 0.9, "reaches": GROWING, "unrest": {450: 0.05}},
    ),
    26: one(
        "rates",
        {"level": 0.8, "best_rate": {8: 0.003, 32: 0.01, 128: 0.03, 512: 0.3}},
        {"level": 0.8, "best_rate": {8: 0.3, 32: 0.03, 128: 0.01, 512: 0.003}},
        along="budget",
    ),
    27: one(
        "seconds",
        {"video": {1: 5.0, 32: 2.0, 800: 1.0}},
        {"video": {1: 0.5, 32: 0.5, 800: 1.0}},
        mixed={"video": {1: 5.0, 32: 0.5, 800: 1.0}},
    ),
    28: one("seconds", {"video": {1: 3.0, 32: 1.0}}, {"video": {1: 1.5, 32: 1.0}}),
    29: Case(
        {"tutorial": {"test": {500: 0.83, 32: 0.79}}, "small rate": {"test": {1: 0.79}}},
        {"tutorial": {"test": {500: 0.79, 32: 0.83}}, "small rate": {"test": {1: 0.83}}},
        mixed={"tutorial": {"test": {500: 0.83, 32: 0.83}}, "small rate": {"test": {1: 0.79}}},
    ),
    30: one("counted", {"separable": 0.0}, {"separable": 1.0}),
    31: one("problems", {"level": at(b8=0.9)}, {"level": at(b8=0.7)}, along="problem"),
    32: one("memory", {"needed": (1.0, 2.0, 9.0)}, {"needed": (1.0, 2.0, 2.0)}, along="data"),
    33: one("problems", {"level": PEAKED}, {"level": RISING}, along="problem"),
    34: one("panels", {}, {"start": {4: 0.1}}),
    35: one(
        "counted",
        {"few_steps": 5, "many_steps": 50},
        {"few_steps": 16, "many_steps": 16},
        mixed={"few_steps": 5, "many_steps": 16},
    ),
    36: one("counted", {"of_5000": 157}, {"of_5000": 156}),
    37: one("counted", {"larger_than_data": 2}, {"larger_than_data": 1}),
    38: one(
        "Adam",
        {"reaches": {4: 21, 8: 21, 64: 41, 500: 41}},
        {"reaches": 80},
        mixed={"reaches": {4: 21, 8: 80, 64: 41, 500: 80}},
    ),
    39: one(
        "seconds",
        {"adam": {4: 4.0, 8: 3.0, 64: 1.0, 500: 1.0}},
        {"adam": {4: 1.0, 8: 1.0, 64: 1.0, 500: 1.0}},
    ),
    40: one("large batches", {"level": {32: 0.9}}, {"level": {32: 0.8}}, along="problem"),
    41: one("memory", {"of_64": 5e9}, {"of_64": 5e7, "largest": (131.0, 131.0)}, along="what"),
    42: one(
        "gradients", {"early": 2.0, "late": 1.0}, {"early": 1.0, "late": 2.0}, along="trained_with"
    ),
    43: one("gradients", {"power": 0.5}, {"power": -0.5}, along="epoch"),
    44: one("gradients", {"power": 1.0}, {"power": -1.0}, along="epoch"),
    45: one(
        "distances",
        {"distance": {8: 1.0, 32: 2.0, 128: 4.0, 1024: 8.0}},
        {"distance": {8: 8.0, 32: 4.0, 128: 2.0, 1024: 1.0}},
    ),
    46: one(
        "distances",
        {"distance": {8: 6.0, 1024: 2.0}},
        {"distance": {8: 20.0, 1024: 30.0}},
        mixed={"distance": {8: 20.0, 1024: 2.0}},
    ),
    47: one(
        "distances", {"distance": {8: 6.0}, "raised": 9.0}, {"distance": {8: 6.0}, "raised": 3.0}
    ),
    48: one("convex", {"excess": 1e-6}, {"excess": 0.1}, along="learning_rate"),
    49: one("problems", {"level": PEAKED}, {"level": SUNKEN}, along="problem"),
    50: one(
        "panels",
        {"updates": {size: 1000 // size for size in PANELS}},
        {"updates": 9},
        mixed={"updates": {**dict.fromkeys(PANELS, 2), 4: 125}},
    ),
    51: one("problems", {"level": FALLING}, {"level": RISING}, along="problem"),
    52: one("problems", {"level": PEAKED}, {"level": SUNKEN}, along="problem"),
}
