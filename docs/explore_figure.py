"""The figure that stands for the live explorer, whose own output is a widget and is not stored."""

import io

import matplotlib.pyplot as plt
import xarray as xr
from figures import Figure
from stored_sweeps import SWEEPS

import batchlab as bl

# From noisy to smooth, at the learning rate and the optimizer that the explorer begins with.
BATCH_SIZES = (2, 32, 500)
LINE = {"learning_rate": 0.01, "optimizer": "SGD momentum 0.9"}
DPI = 150


def explore_figure() -> Figure:
    """Return learning curves of the stored sweep at a few batch sizes.

    Returns
    -------
    Figure
        With the library's own description; nothing is trained for it.
    """
    line = bl.open_result(SWEEPS).sel(batch_size=list(BATCH_SIZES), **LINE, drop=True)
    drawn = bl.plot_panels(line, single=True)[0].figure
    # The legend stands where a title would.
    drawn.supxlabel(f"{drawn.get_supxlabel()}\n{about(line)}", fontsize="medium")
    png = io.BytesIO()
    drawn.savefig(png, dpi=DPI, bbox_inches="tight")
    plt.close(drawn)
    return Figure(png.getvalue(), f"{about(line)}. {bl.describe_figure(drawn)}", code="", output={})


def about(line: xr.Dataset) -> str:
    """Return what all panels share, in words."""
    return f"{line.attrs['problem']}, {LINE['optimizer']}, learning rate {LINE['learning_rate']:g}"
