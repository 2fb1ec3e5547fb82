"""The explorer's controls: a widget for each number of a setting, and the setting they show."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as widgets

from batchlab.explorer.presets import PRESETS
from batchlab.explorer.setting import BOUNDS, OPTIMIZERS, OVERLAPS, RATES, Setting
from batchlab.explorer.words import optimizer_words

NO_PRESET = "choose one …"
LARGEST_SEED_SHOWN = 10_000
_WIDE = {"layout": {"width": "auto"}, "style": {"description_width": "8.5em"}}


class Controls:
    """Widgets that show a setting, and tell when a reader changes one.

    Parameters
    ----------
    setting : Setting
        What they show at first.
    changed : callable
        Takes the new setting whenever a reader has moved a control.

    Attributes
    ----------
    setting : Setting
        What they show. It may be finer than a slider's steps.
    widgets : dict of str to ipywidgets.Widget
        By the name in the setting; `preset` beside them.
    """

    def __init__(self, setting: Setting, changed: Callable[[Setting], None]):
        self.setting, self._changed, self._quiet = setting, changed, False
        self._shown: dict[str, Any] = {}  # what the sliders were given
        self.widgets: dict[str, widgets.Widget] = {
            "batch_size": _whole("batch size", 1, setting.n_train, setting.batch_size),
            "preset": widgets.Dropdown(
                options=[NO_PRESET, *PRESETS], description="preset", **_WIDE
            ),
            "learning_rate": _logarithmic("learning rate", RATES, setting.learning_rate),
            "optimizer": widgets.Dropdown(
                options=[(optimizer_words(name), name) for name in OPTIMIZERS],
                value=setting.optimizer,
                description="optimizer",
                **_WIDE,
            ),
            "hidden_units": _whole("hidden units", *BOUNDS["hidden_units"], setting.hidden_units),
            "cluster_std": widgets.FloatSlider(
                value=setting.cluster_std,
                min=OVERLAPS[0],
                max=OVERLAPS[1],
                step=0.1,
                readout_format=".1f",
                description="class overlap",
                **_WIDE,
            ),
            "n_samples": _whole("samples", *BOUNDS["n_samples"], setting.n_samples, step=10),
            "n_train": _whole("for training", 20, setting.n_samples - 20, setting.n_train, step=10),
            "epochs": _whole("epochs", *BOUNDS["epochs"], setting.epochs),
            "replicates": _whole("replicates", *BOUNDS["replicates"], setting.replicates),
            "seed": widgets.BoundedIntText(
                value=setting.seed, min=0, max=LARGEST_SEED_SHOWN, description="first seed", **_WIDE
            ),
        }
        _explain(self.widgets)
        self.show(setting)
        for name, control in self.widgets.items():
            control.add_class(f"control-{name.replace('_', '-')}")
            control.observe(self._moved, "value")

    def show(self, setting: Setting) -> None:
        """Show another setting; `changed` is not called."""
        self.setting = setting
        with self._silence():
            for name, most in (
                ("n_train", setting.n_samples - BOUNDS["n_train"][0]),
                ("batch_size", setting.n_train),
            ):
                control = self.widgets[name]
                value = _on_a_step(control, getattr(setting, name))
                # A value must never be above its slider's end, not for a moment either.
                with control.hold_sync():
                    control.max = max(most, control.value)
                    control.value = value
                    control.max = most
            self.widgets["optimizer"].value = setting.optimizer
            for name in ("learning_rate", "hidden_units", "cluster_std", "n_samples"):
                control = self.widgets[name]
                control.value = _on_a_step(control, getattr(setting, name))
            for name in ("epochs", "replicates", "seed"):
                self.widgets[name].value = getattr(setting, name)
            self._shown = {name: control.value for name, control in self.widgets.items()}
            matching = [name for name, known in PRESETS.items() if known == setting]
            self.widgets["preset"].value = matching[0] if matching else NO_PRESET

    @contextlib.contextmanager
    def _silence(self) -> Iterator[None]:
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _moved(self, change: dict) -> None:
        if self._quiet:
            return
        name = next(name for name, one in self.widgets.items() if one is change["owner"])
        value = change["new"]
        if name == "preset":
            if value == NO_PRESET:
                return
            setting = PRESETS[value]
        else:
            # A browser's slider sends back its own last bit of what it was given; no move.
            if name != "optimizer" and math.isclose(value, self._shown[name]):
                return
            if name in ("learning_rate", "cluster_std"):
                value = float(f"{value:.2g}")  # as the slider shows it
            setting = self.setting.changed(**{name: value})
        self.show(setting)
        self._changed(setting)


def _on_a_step(control: widgets.Widget, value: float) -> float:
    """Return where a browser puts a slider's value; it would send back any other as a move."""
    logarithmic = isinstance(control, widgets.FloatLogSlider)
    place = math.log10(value) if logarithmic else value
    place = control.min + round((place - control.min) / control.step) * control.step
    nearest = 10.0**place if logarithmic else place
    return value if math.isclose(nearest, value) else nearest


def _whole(description: str, low: int, high: int, value: int, step: int = 1) -> widgets.IntSlider:
    return widgets.IntSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        continuous_update=True,
        **_WIDE,
    )


def _logarithmic(
    description: str, bounds: tuple[float, float], value: float
) -> widgets.FloatLogSlider:
    low, high = (round(float(f"{bound:e}".split("e")[1])) for bound in bounds)
    return widgets.FloatLogSlider(
        value=value,
        base=10,
        min=low,
        max=high,
        # So fine that 0.3, 0.03 or 0.05 are found again when two digits are read off.
        step=0.01,
        readout_format=".2g",
        description=description,
        continuous_update=True,
        **_WIDE,
    )


def _explain(controls: dict[str, widgets.Widget]) -> None:
    """Say what a control means to whoever points at it."""
    for name, words in {
        "preset": "the sources' settings",
        "batch_size": "samples per update, from 1 to all training samples",
        "learning_rate": "step size, on a logarithmic scale",
        "optimizer": "with Keras's defaults for what is not named",
        "hidden_units": "of the one hidden layer",
        "cluster_std": "standard deviation of each class, in units of the features",
        "n_samples": "training and test samples together",
        "n_train": "samples for training; the others are the test set",
        "epochs": "passes over the training samples",
        "replicates": "runs that differ only in their seed",
        "seed": "of the first replicate",
    }.items():
        controls[name].tooltip = words
