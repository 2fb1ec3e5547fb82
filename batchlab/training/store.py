"""A folder of finished cells, one netCDF file each, found again by what they were made of."""

import contextlib
import io
import json
import os
import platform
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import h5netcdf
import xarray as xr
from xarray.backends import H5NetCDFStore

from batchlab.engine.history import version_attributes
from batchlab.engine.identity import identity
from batchlab.engine.training import Training
from batchlab.foundation.backend import keras_settings
from batchlab.foundation.files import digest
from batchlab.foundation.sources import digest_behind
from batchlab.histories.netcdf import (
    NotAResult,
    bytes_of,
    loaded,
    seal_of,
    sealed,
    unsealed,
)
from batchlab.problems.problem import Problem
from batchlab.training.grid import Cell

# It decides the numbers of a history, with all that it imports.
ENGINE = "batchlab.engine.training"


class Store:
    """A folder of finished cells.

    Parameters
    ----------
    folder : path
        Made if missing.

    Raises
    ------
    TypeError
        If it is not a path.
    OSError
        If it cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):
            raise TypeError(f"store: expected the path of a folder or None, received {folder!r}.")
        self._folder = Path(folder).expanduser()
        with self._writing():
            self._folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self._folder).close()

    def read(self, key: str) -> xr.Dataset | None:
        """Return a cell as it was written, or None if there is none that can be trusted.

        Warns
        -----
        UserWarning
            If there is a file in its place that is not it, whole and unchanged.
        """
        path = self._path(key)
        if not path.exists():
            return None
        if path.is_dir():  # it may hold anything, so it is not replaced
            raise IsADirectoryError(
                f"store: expected a finished cell or nothing in {path}, received a folder."
            )
        try:
            kept = loaded(path)
        except NotAResult as error:
            received = error.received
        except OSError:
            received = "a file that cannot be opened"
        else:
            history, *marks = unsealed(kept)
            if marks == [seal_of(history), key]:
                return history
            received = "something other than what a sweep has written there"
        warnings.warn(
            f"store: expected a finished cell in {path}, received {received}; it is computed "
            "again.",
            stacklevel=2,
        )
        return None

    def write(self, key: str, history: xr.Dataset) -> None:
        """Keep a cell: the file is there whole, or as it was before."""
        # In memory first: HDF5 itself tells of a full disk in its destructors, again and again. And
        # not by `to_netcdf`, which takes a lock on a Dask cluster, if there is one, by a file name.
        image = io.BytesIO()
        with h5netcdf.File(image, "w") as file:
            sealed(history, key).dump_to_store(H5NetCDFStore(file))
        with self._writing():
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".part")
            try:
                with open(handle, "wb") as file:
                    file.write(image.getbuffer())
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(temporary, 0o666 & ~_umask())
                os.replace(temporary, self._path(key))
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def found_or(self, make: Callable[[], xr.Dataset], *, key: str) -> xr.Dataset:
        """Return the cell of a key; one that is not there is made, and kept."""
        found = self.read(key)
        if found is None:
            found = make()
            self.write(key, found)
        return found

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise type(error)(
                f"store: expected a folder that can be written to, received {str(self._folder)!r}: "
                f"{error.strerror}."
            ) from error

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.nc"


class Keys:
    """The keys of the cells of a sweep: a digest of all that their numbers depend on."""

    def __init__(self):
        self._engine = digest_behind([ENGINE])
        self._problems: dict[int, str] = {}
        self._starts: dict[str, str] = {}

    def of(self, cell: Cell, training: Training) -> str:
        """Return the key of a cell.

        Parameters
        ----------
        cell : Cell
        training : Training
            Of this cell or of another with the same model and problem.

        Raises
        ------
        ValueError
            If the settings of the model, the loss or the optimizer do not say all about them.
        """
        described = identity(training.model, training.loss, cell.optimizer)
        if described is None:
            raise ValueError(
                "store: expected a model, a loss and an optimizer of Keras's own classes, whose "
                "settings say all about them; received others, which a sweep can train, but not "
                "find again."
            )
        run = cell.run
        made_of = {
            "engine": self._engine,
            "versions": {**version_attributes(), "python_version": None},
            "problem": self._problem(cell.problem),
            "model": described,
            "starts": self._first_and_last(cell, training),
            "optimizer": [cell.optimizer[0].__qualname__, cell.optimizer[1]],
            "batch_sizes": run.batch_sizes.sizes,
            "held": run.budget.held,
            "records": list(run.budget.records),
            "weight_seeds": list(run.weight_seeds),
            "order_seeds": list(run.order_seeds),
            "seed": run.seed,
            "keep_weights": run.keep_weights,
            "device": run.device,
            "train_samples": run.train_samples,
        }
        return digest(json.dumps(made_of, sort_keys=True, default=str).encode())

    def _first_and_last(self, cell: Cell, training: Training) -> str:
        """Return a digest of the weights that the first and the last replicate start from.

        The settings of a model do not say from where `build` may have loaded them.
        """
        if cell.model not in self._starts:
            both = [*training.starts_of(0), *training.starts_of(-1)]
            self._starts[cell.model] = digest(*(bytes_of(v) for part in both for v in part))
        return self._starts[cell.model]

    def _problem(self, problem: Problem) -> str:
        if id(problem) not in self._problems:
            arrays = [problem.x_train, problem.y_train, problem.x_test, problem.y_test]
            if problem.n_validation:
                arrays += problem.held_out[1:]
            about = problem.name, problem.n_classes, problem.bayes_accuracy, problem.target_scales
            self._problems[id(problem)] = digest(repr(about).encode(), *map(bytes_of, arrays))
        return self._problems[id(problem)]


def measurement_key(made_of: Mapping[str, object], module: str, *, machine: bool = False) -> str:
    """Return the key of something measured with this version of the library.

    Parameters
    ----------
    made_of : mapping of str to values that JSON knows
        What tells it from other measurements.
    module : str
        The one that measures: it and all that it imports decide the numbers.
    machine : bool
        Whether it is to be found again on this machine only.

    Returns
    -------
    str
    """
    about = {
        **made_of,
        "library": digest_behind([module]),
        "versions": version_attributes(),
        "keras": keras_settings(),
    }
    if machine:
        about["machine"] = [platform.node(), platform.machine(), os.cpu_count()]
    return digest(json.dumps(about, sort_keys=True).encode())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
