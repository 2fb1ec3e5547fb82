"""What a figure shows, in words: for those who cannot see it, and where it cannot be shown."""

import functools
import re
from collections.abc import Container, Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

MOST_PANELS = 4
MOST_NAMES = 8


def describe_figure(figure: Figure) -> str:
    """Return what a figure shows: its panels, their axes, and where each named curve goes.

    Figures drawn by this library carry it as their alternative text in notebooks and pages.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    str
        Sentences, the numbers to three digits.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import batchlab as bl
    >>> figure, ax = plt.subplots()
    >>> _ = ax.plot([1, 2, 3], [0.5, 0.8, 0.75], label="test set")
    >>> _ = ax.set(title="batch size 32", xlabel="epochs", ylabel="accuracy")
    >>> bl.describe_figure(figure)
    'batch size 32: accuracy against epochs; test set from 0.5 over 0.8 to 0.75.'
    """
    panels = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    heading = _plain_line(figure.get_suptitle())
    told = [heading] if heading else []
    if len(panels) > 1:
        told.append(f"{len(panels)} panels")
    told += [_panel_told(ax) for ax in panels[:MOST_PANELS]]
    others = [_plain_line(ax.get_title()) for ax in panels[MOST_PANELS:]]
    if any(others):
        told.append(f"likewise {_listed_names(list(filter(None, others)))}")
    return " ".join(f"{sentence.rstrip('.')}." for sentence in told if sentence)


def speak(ax: Axes) -> Axes:
    """Give the figure of some axes its description as alternative text, and return the axes.

    Jupyter keeps it beside the picture, in the output's metadata; it is worded when the figure is
    shown.
    """
    figure: Any = ax.get_figure(root=True)
    figure._repr_mimebundle_ = functools.partial(_metadata, figure)
    return ax


def _metadata(
    figure: Figure, include: Container[str] | None = None, exclude: Container[str] | None = None
) -> tuple[dict, dict]:
    return {}, {"image/png": {"alt": describe_figure(figure)}}


def _panel_told(ax: Axes) -> str:
    title = _plain_line(ax.get_title() or ax.get_title(loc="left"))
    across, up = _plain_line(ax.get_xlabel()), _plain_line(ax.get_ylabel())
    axes = f"{up} against {across}" if up and across else up or across
    named = list(_legend_entries(ax)) or _in_the_legend(ax)
    shown = "; ".join(filter(None, [axes, _rows(ax), _images_told(ax), _listed_names(named)]))
    return ": ".join(filter(None, [title, shown]))


def _legend_entries(ax: Axes) -> Iterator[str]:
    """Yield what a legend would name, each with what it does."""
    for drawn, name in zip(*ax.get_legend_handles_labels(), strict=True):
        name = _plain_line(name)
        if isinstance(drawn, Line2D):
            yield f"{name} {_course(drawn)}".strip()
        elif isinstance(drawn, ErrorbarContainer):
            yield f"{name} {_course(drawn.lines[0]) if drawn.lines[0] else ''}".strip()
        elif isinstance(drawn, BarContainer):
            heights = [bar.get_height() for bar in drawn]
            yield f"{name} {_range(np.array(heights))}".strip()
        elif isinstance(drawn, PathCollection):
            yield f"{name} ({len(np.asarray(drawn.get_offsets()))} points)"
        else:
            yield name


def _in_the_legend(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [_plain_line(text.get_text()) for text in legend.get_texts()] if legend else []


def _rows(ax: Axes) -> str:
    """Return the names along the vertical axis, if it has names in place of numbers."""
    ticks = [_plain_line(label.get_text()) for label in ax.get_yticklabels()]
    names = [tick for tick in ticks if re.search(r"[^\W\d_]{2}", tick)]
    return (
        f"rows: {_listed_names(names)}"
        if names and not any("mathdefault" in n for n in names)
        else ""
    )


def _course(line: Line2D) -> str:
    values = np.asarray(line.get_ydata(orig=False), float)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return ""
    first, last = values[0], values[-1]
    if np.ptp(values) == 0:
        return f"at {first:.3g}"
    between = min(first, last), max(first, last)
    turns = [v for v in (values.max(), values.min()) if not between[0] <= v <= between[1]]
    over = f" over {' and '.join(f'{turn:.3g}' for turn in turns)}" if turns else ""
    return f"from {first:.3g}{over} to {last:.3g}"


def _range(values: np.ndarray) -> str:
    values = values[np.isfinite(values)]
    return f"from {values.min():.3g} to {values.max():.3g}" if values.size else ""


def _images_told(ax: Axes) -> str:
    counted = [np.asarray(image.get_array()).shape[:2] for image in ax.images]
    return ", ".join(f"a map of {rows} by {columns} cells" for rows, columns in counted)


def _listed_names(names: list[str]) -> str:
    more = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return ", ".join([*names[:MOST_NAMES], *more])


def _plain_line(text: str) -> str:
    return " ".join(text.replace(r"\$", "$").split())  # how Matplotlib writes a mere dollar
