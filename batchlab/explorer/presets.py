"""The sources' settings, to begin with and to come back to."""

import types
from collections.abc import Mapping
from typing import Any

from batchlab.explorer.setting import Setting

REPLICATES = 8  # trained side by side, so that one costs as much

# The same numbers as in notebooks/params, which a test compares.
_TUTORIAL = {
    "n_samples": 1000,
    "n_train": 500,
    "cluster_std": 2.0,
    "hidden_units": [50],
    "optimizer": "SGD",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "epochs": 200,
}
SOURCES: Mapping[str, dict[str, Any]] = types.MappingProxyType(
    {
        "tutorial": _TUTORIAL,
        "video": {**_TUTORIAL, "n_train": 800, "hidden_units": [32], "epochs": 100},
        "adam-post": {
            **_TUTORIAL,
            "optimizer": "Adam",
            "learning_rate": 0.001,
            "momentum": 0.0,
            "epochs": 100,
        },
    }
)
BATCH_SIZES: Mapping[str, tuple[int, ...]] = types.MappingProxyType(
    {
        "tutorial": (4, 8, 16, 32, 64, 128, 256, 450),
        "video": (1, 32, 800),
        "adam-post": (4, 8, 16, 32, 64, 128, 256, 500),
    }
)
SMALL_RATE = 0.001  # the tutorial's second run of batch size 1
_TITLES = {"tutorial": "Tutorial", "video": "Video", "adam-post": "Adam post"}


def preset(source: str, batch_size: int | str, **others: Any) -> Setting:
    """Return a source's setting at one of its batch sizes."""
    values = {**SOURCES[source], "replicates": REPLICATES, **others}
    return Setting.from_parameters(batch_size=batch_size, **values)


def _presets() -> dict[str, Setting]:
    found = {
        "Tutorial: full batch (500)": preset("tutorial", "full"),
        "Tutorial: batch size 1, rate 0.01": preset("tutorial", 1),
        "Tutorial: batch size 1, rate 0.001": preset("tutorial", 1, learning_rate=SMALL_RATE),
    }
    for source, sizes in BATCH_SIZES.items():
        for size in sizes:
            found[f"{_TITLES[source]}: batch size {size}"] = preset(source, size)
    return found


PRESETS: Mapping[str, Setting] = types.MappingProxyType(_presets())
