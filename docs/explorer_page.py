"""What the page of the site without Python needs: the stored sweep as a script, and plotly.js.

A Sphinx extension. It takes every number, colour and word from docs/sweeps.nc and the library, and
trains nothing. A page opened from a folder may load scripts, but not read files: hence a script.
"""

import base64
import json
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from stored_sweeps import ACCURACIES, SWEEPS

import batchlab as bl
from batchlab.analysis.evaluate import diverged
from batchlab.analysis.intervals import CONFIDENCE, RESAMPLES
from batchlab.figures.axes import SETTING_LABELS
from batchlab.figures.curves import (
    BUDGETS,
    CEILING_STYLES,
    PARTS,
    band_caption,
    draw_ceilings,
    metric_label,
    part_label,
)
from batchlab.figures.style import COLORS, LINE_STYLES
from batchlab.histories.metrics import final_metrics
from batchlab.histories.records import setting

PAGE = "explorer"
NAME = "window.batchlabSweeps"
# Each uses those before it; a page opened from a folder can load no modules.
SCRIPTS = (
    "plotly.min.js",
    "sweeps.js",
    "explorer_numbers.js",
    "explorer_words.js",
    "explorer_figures.js",
    "explorer.js",
)
SETTINGS = ("batch_size", "learning_rate", "optimizer")
SHOWN = ("train", "test")
DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}


def page_data(study: xr.Dataset) -> dict:
    """Return all that the page shows, as what JSON can hold.

    Parameters
    ----------
    study : xarray.Dataset
        From docs/sweeps.nc; dimensions batch_size, learning_rate, optimizer, replicate and epoch.

    Returns
    -------
    dict
        Lists, words, and arrays as `packed` makes them, in the order of the dimensions.
    """
    study = study.transpose(*SETTINGS, "replicate", "epoch")
    replicates = study.sizes["replicate"]
    return {
        **{name: study[name].values.tolist() for name in (*SETTINGS, "epoch")},
        "replicates": replicates,
        "update": _along(study, "update").tolist(),
        "sample": _along(study, "sample").tolist(),
        "updates_per_epoch": _of_size(study, "updates_per_epoch").tolist(),
        "problem": study.attrs["problem"],
        "made_with": {
            name: str(study.attrs[f"{name}_version"]) for name in ("batchlab", "tensorflow")
        },
        "metrics": {name: packed(*_counted(study, name)) for name in final_metrics(study)},
        "diverged": packed(diverged(study).values.astype("uint8")),
        "resamples": {n: packed(resamples(n)) for n in range(2, replicates + 1)},
        "confidence": CONFIDENCE,
        "parts": {PARTS[part]: part_label(part, study) for part in SHOWN},
        "metric_labels": {kind: metric_label(kind, study) for kind in ("accuracy", "loss")},
        "x_labels": {x: BUDGETS[x] for x in ("epoch", "update", "sample")},
        "setting_labels": {
            name: SETTING_LABELS.get(name, name.replace("_", " ")) for name in SETTINGS
        },
        "captions": [band_caption(study.isel(replicate=slice(n + 1))) for n in range(replicates)],
        "ceilings": ceilings(study),
        "colors": COLORS,
        "dashes": [DASHES[style] for style in LINE_STYLES],
    }


def resamples(replicates: int) -> np.ndarray:
    """Return which replicates `mean_interval` draws, for the page to draw them.

    Parameters
    ----------
    replicates : int
        2 to 256.

    Returns
    -------
    ndarray of uint8, shape (resamples, replicates)
    """
    drawn = np.random.default_rng(0).integers(0, replicates, (RESAMPLES, replicates))
    return drawn.astype("uint8")


def ceilings(study: xr.Dataset) -> list[dict]:
    """Return the Bayes ceilings as the figures of the library draw them.

    Parameters
    ----------
    study : xarray.Dataset

    Returns
    -------
    list of dict
        Keys part, accuracy, label, color and dash, of the training and of the test set.
    """
    found = []
    for part in SHOWN:
        ax = Figure().add_subplot()
        draw_ceilings(ax, [study], [part])
        for line in ax.get_lines():
            found.append(
                {
                    "part": PARTS[part],
                    "accuracy": float(line.get_ydata()[0]),
                    "label": line.get_label(),
                    "color": line.get_color(),
                    "dash": ",".join(f"{2 * length}px" for length in CEILING_STYLES[part][1]),
                }
            )
    return found


def packed(values: np.ndarray, scale: float = 1.0) -> dict:
    """Return an array as JSON can hold it: its bytes, little-endian, in base 64.

    Parameters
    ----------
    values : ndarray
        Of uint8, uint16 or float32.
    scale : float
        What each value is to be multiplied by.

    Returns
    -------
    dict
        Keys type, shape, scale and data.
    """
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return {
        "type": values.dtype.name,
        "shape": values.shape,
        "scale": scale,
        "data": base64.b64encode(values.tobytes()).decode("ascii"),
    }


def script(data: dict) -> str:
    """Return a script that gives the page its data."""
    return f"{NAME} = {json.dumps(data, separators=(',', ':'), allow_nan=False)};\n"


def _counted(study: xr.Dataset, metric: str) -> tuple[np.ndarray, float]:
    """Return a metric and its scale: accuracies as samples classified right."""
    values = study[metric].values
    if metric not in ACCURACIES:
        return values.astype("float32"), 1.0
    samples = int(setting(study, ACCURACIES[metric]))
    return np.rint(values * samples).astype("uint16"), 1 / samples


def _along(study: xr.Dataset, budget: str) -> np.ndarray:
    """Return what was spent by each record, of shape (batch sizes, records)."""
    found = study[budget].reset_coords(drop=True)
    return (
        found.broadcast_like(study["updates_per_epoch"] * study["epoch"])
        .transpose("batch_size", "epoch")
        .values
    )


def _of_size(study: xr.Dataset, name: str) -> np.ndarray:
    return setting(study, name).broadcast_like(study["batch_size"]).values


def _add_files(app) -> None:
    """Write the data and plotly.js where the built site has its scripts."""
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    data = script(page_data(bl.open_result(SWEEPS)))
    (static / "sweeps.js").write_text(data, encoding="ascii")
    with resources.as_file(resources.files("plotly") / "package_data" / "plotly.min.js") as plotly:
        shutil.copyfile(plotly, static / "plotly.min.js")


def _load_files(app, pagename, templatename, context, doctree) -> None:
    """Load the scripts on the one page that needs them."""
    if pagename == PAGE:
        app.add_css_file("explorer.css")
        for name in SCRIPTS:
            app.add_js_file(name, loading_method="defer")


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("builder-inited", lambda app: app.builder.format == "html" and _add_files(app))
    app.connect("html-page-context", _load_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
