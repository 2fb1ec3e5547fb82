"""One setting of the explorer: checked, and as a link or a file that brings it back."""

import json
import math
import types
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode

from batchlab.foundation.checks import (
    LARGEST_SEED,
    choice,
    did_you_mean,
    positive_number,
    shown,
    shown_name,
    whole_number,
)

# What an optimizer is called here: Keras's class and what it is given beside the learning rate.
OPTIMIZERS: Mapping[str, tuple[str, dict[str, Any]]] = types.MappingProxyType(
    {
        "SGD": ("SGD", {}),
        "momentum": ("SGD", {"momentum": 0.9}),
        "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
        "RMSprop": ("RMSprop", {}),
        "Adam": ("Adam", {}),
        "AdamW": ("AdamW", {}),
    }
)
# A page stands for an answer in seconds. `batchlab.fit` itself knows no such bounds.
BOUNDS: Mapping[str, tuple[int, int]] = types.MappingProxyType(
    {
        "hidden_units": (1, 200),
        "n_samples": (40, 2000),
        "n_train": (20, 1980),
        "epochs": (1, 200),
        "replicates": (1, 32),
    }
)
# Beyond these an accuracy no longer changes, or nothing does.
RATES = (1e-5, 100.0)
OVERLAPS = (0.1, 10.0)
_FILE_BYTES = 10_000


@dataclass(frozen=True)
class Setting:
    """What the explorer trains: every number that `batchlab.fit` needs. Immutable.

    Attributes
    ----------
    batch_size : int
        Samples per update, 1 to `n_train`; "full" is `n_train`.
    learning_rate : float
        From 0.00001 to 100.
    optimizer : {"SGD", "momentum", "Nesterov", "RMSprop", "Adam", "AdamW"}
        "momentum" and "Nesterov" are SGD with a momentum of 0.9.
    hidden_units : int
        Of the one hidden layer.
    cluster_std : float
        Standard deviation of a class in units of the features, from 0.1 to 10: how far the classes
        overlap.
    n_samples, n_train : int
        Training and test samples together, and how many of them are for training; None is half.
    epochs, replicates, seed : int
        As `batchlab.fit` takes them.

    Raises
    ------
    TypeError, ValueError
        If one of them is of another kind or out of its range.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.Setting(batch_size="full").batch_size
    500
    """

    batch_size: int = 32
    learning_rate: float = 0.01
    optimizer: str = "momentum"
    hidden_units: int = 50
    cluster_std: float = 2.0
    n_samples: int = 1000
    n_train: int = cast(int, None)  # until half the samples are filled in
    epochs: int = 50
    replicates: int = 8
    seed: int = 0

    if TYPE_CHECKING:
        # It takes more than it keeps.
        def __init__(
            self,
            batch_size: int | str = 32,
            learning_rate: float = 0.01,
            optimizer: str = "momentum",
            hidden_units: int = 50,
            cluster_std: float = 2.0,
            n_samples: int = 1000,
            n_train: int | None = None,
            epochs: int = 50,
            replicates: int = 8,
            seed: int = 0,
        ): ...

    def __post_init__(self):
        """Check every value, and fill in what others say."""
        keep = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731 (frozen)
        keep("n_samples", _within("n_samples", self.n_samples))
        if self.n_train is None:
            keep("n_train", self.n_samples // 2)
        low, high = BOUNDS["n_train"]
        high = min(high, self.n_samples - low)
        keep("n_train", whole_number("n_train", self.n_train, minimum=low, maximum=high))
        if self.batch_size == cast(int, "full"):
            keep("batch_size", self.n_train)
        size = whole_number("batch_size", self.batch_size, minimum=1, maximum=self.n_train)
        keep("batch_size", size)
        for name in ("hidden_units", "epochs", "replicates"):
            keep(name, _within(name, getattr(self, name)))
        most = LARGEST_SEED + 1 - self.replicates
        keep("seed", whole_number("seed", self.seed, minimum=0, maximum=most))
        choice("optimizer", self.optimizer, tuple(OPTIMIZERS))
        keep("learning_rate", _between("learning_rate", self.learning_rate, RATES))
        keep("cluster_std", _between("cluster_std", self.cluster_std, OVERLAPS))

    @property
    def updates_per_epoch(self) -> int:
        """Updates in an epoch, the partial last batch counted."""
        return math.ceil(self.n_train / self.batch_size)

    def changed(self, **values: Any) -> "Setting":
        """Return this setting with other values.

        With another number of samples the share for training stays; a batch size that is too large
        then becomes full.
        """
        # Checked first: what follows from them is calculated.
        n_samples = values.get("n_samples", self.n_samples)
        least: dict[str, Any] = {
            "batch_size": 1,
            "n_samples": n_samples,
            "n_train": values.get("n_train"),
        }
        checked = replace(self, **least)
        if "n_train" in values:
            n_train = checked.n_train
        elif checked.n_samples == self.n_samples:
            n_train = self.n_train
        else:
            # The share for training stays.
            n_train = round(self.n_train * checked.n_samples / self.n_samples)
            fewest = BOUNDS["n_train"][0]
            n_train = min(max(n_train, fewest), checked.n_samples - fewest)
        size = values.get("batch_size", min(self.batch_size, n_train))
        return replace(self, **{**values, "n_train": n_train, "batch_size": size})

    def to_query(self) -> str:
        """Return it as the query of a link, all values written out."""
        return urlencode(asdict(self))

    @classmethod
    def from_query(cls, query: str, start: "Setting | None" = None) -> "Setting":
        """Return the setting of a link's query, with or without the question mark.

        Parameters
        ----------
        query : str
            Such as "?batch_size=32&learning_rate=0.1". Empty values are refused.
        start : Setting or None
            What holds for names that the query does not give; None is the defaults.

        Returns
        -------
        Setting

        Raises
        ------
        ValueError
            If a name is unknown or given twice, or a value is not one of its name's.
        """
        pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
        for name, times in Counter(name for name, _ in pairs).items():
            if times > 1:
                raise ValueError(f"link: expected each name once, received {shown(name)} twice.")
        return _setting_of({name: _setting_from(name, text) for name, text in pairs}, start, "link")

    def to_json(self) -> str:
        """Return it as the text of a file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Setting":
        """Return the setting of a file's text, which may be a stranger's.

        Raises
        ------
        ValueError
            If it is no object of JSON, a name is unknown, or a value is not one of its name's.
        """
        if len(text) > _FILE_BYTES:
            raise ValueError(
                f"file: expected a saved setting of at most {_FILE_BYTES} bytes, received "
                f"{len(text)}."
            )
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = text
        if not isinstance(values, dict):
            raise ValueError(f"file: expected a saved setting, received {shown(values)}.")
        return _setting_of(values, None, "file")

    @classmethod
    def from_parameters(
        cls, *, optimizer: str, momentum: float, hidden_units: list[int], **others: Any
    ) -> "Setting":
        """Return the setting of a notebook's parameters, or of a file in `notebooks/params`.

        Parameters
        ----------
        optimizer : str
            Name of a Keras optimizer.
        momentum : float
            0.9 or 0.
        hidden_units : list of int
            Of one layer.
        **others
            As the attributes of this class.

        Returns
        -------
        Setting

        Raises
        ------
        TypeError, ValueError
            If there are other layers, or no such optimizer, or another value is not as it must be.
        """
        given = {"momentum": momentum} if momentum else {}
        names = [name for name, found in OPTIMIZERS.items() if found == (optimizer, given)]
        if not names:
            known = sorted({name for name, _ in OPTIMIZERS.values()})
            raise ValueError(
                f"optimizer, momentum: expected one of {', '.join(known)} with momentum 0, or SGD "
                f"with 0.9, received {shown(optimizer)} with {shown(momentum)}."
            )
        if not isinstance(hidden_units, list) or len(hidden_units) != 1:
            raise ValueError(
                "hidden_units: expected one hidden layer such as [50], received "
                f"{shown(hidden_units)}."
            )
        return cls(optimizer=names[0], hidden_units=hidden_units[0], **others)


def _within(name: str, value: int) -> int:
    low, high = BOUNDS[name]
    return whole_number(name, value, minimum=low, maximum=high)


def _between(name: str, value: float, bounds: tuple[float, float]) -> float:
    value = positive_number(name, value)
    low, high = bounds
    if not low <= value <= high:
        raise ValueError(f"{name}: expected a number from {low:g} to {high:g}, received {value:g}.")
    return value


def _setting_of(values: dict[str, Any], start: Setting | None, place: str) -> Setting:
    known = [field.name for field in fields(Setting)]
    for name in values:
        if name not in known:
            raise ValueError(
                f"{place}: expected any of {', '.join(known)}, received {shown_name(name)}"
                f"{did_you_mean(name, set(known))}."
            )
    try:
        return Setting(**values) if start is None else start.changed(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from None


def _setting_from(name: str, text: str) -> float | str:
    """Return what a link says of a name as a number where it is one."""
    for kind in (int, float):
        # Digits alone: Python would read underscores and other alphabets' digits as well.
        if text.isascii() and "_" not in text and text == text.strip():
            try:
                return kind(text)
            except ValueError:
                continue
    return text
