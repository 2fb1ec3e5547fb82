"""What all figures share: a palette, and axes to draw on."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from batchlab.figures.alt_text import speak

# Okabe and Ito's palette, told apart by colour-blind readers; line styles and markers say it again.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")

Value = TypeVar("Value")


def axes_or_new(ax: Axes | None, size: tuple[float, float] = (7.5, 4.5)) -> Axes:
    """Return the axes, or new ones of a size in inches for None; their figure describes itself."""
    return speak(plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax)


def literal(words: Hashable) -> str:
    """Return somebody's own words as Matplotlib shows them letter by letter.

    It reads what stands between two dollars as mathematics, and leaves out of a legend what
    begins with an underscore.
    """
    text = str(words).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def cycled(values: Sequence[Value], place: int) -> Value:
    """Return the value at a place, beginning anew behind the last."""
    return values[place % len(values)]
