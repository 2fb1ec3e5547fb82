"""Results kept in netCDF files: data of whoever wrote them, and read as nothing but data."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import psutil
import xarray as xr
from xarray.backends import H5NetCDFStore

from batchlab.foundation.checks import shown
from batchlab.foundation.files import digest

# What the metrics, coordinates and names of a result are made of. HDF5 has types that hold bytes of
# any kind, or refer to other files.
_KINDS = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING)
# How netCDF ties variables to their dimensions: references within the file.
_OF_DIMENSIONS = ("DIMENSION_LIST", "REFERENCE_LIST")
# Compression of HDF5's own. It looks for any other filter in a folder of shared libraries.
_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
_LAYOUTS = (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
_TEXT_BYTES = 64  # of an empty string in Python, and of the array's pointer to it


class NotAResult(ValueError):
    """A file that is refused; `received` says what was found in it."""

    def __init__(self, path: str | os.PathLike[str], received: str):
        super().__init__(f"path: expected a result of fit or sweep in {path}, received {received}.")
        self.received = received


def open_result(path: str | os.PathLike[str]) -> xr.Dataset:
    """Return a result of `fit` or `sweep` from a netCDF file, which may be a stranger's.

    It is read into memory, and the file closed. Reading it runs no code and opens no other file:
    what refers to other files, or would need a plug-in to be read, is refused.

    Parameters
    ----------
    path : path
        A file that ``result.to_netcdf(path, engine="h5netcdf")`` has written, or one of the folder
        that `sweep` takes as `store`.

    Returns
    -------
    xarray.Dataset
        As `fit` or `sweep` returned it.

    Raises
    ------
    TypeError
        If it is not a path.
    OSError
        If there is no such file, or it must not be read.
    ValueError
        If it is damaged, is no netCDF-4 file, holds what no result does (links, groups, virtual
        or external data, objects, unknown filters), or is larger than the free memory.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=32, epochs=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "history.nc"
    ...     history.to_netcdf(path, engine="h5netcdf")
    ...     bl.open_result(path).identical(history)
    True
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise TypeError(f"path: expected the path of a result, received {shown(path)}.")
    result, seal, _ = unsealed(loaded(path))
    if seal and seal != seal_of(result):
        raise NotAResult(path, "numbers other than those that a sweep has written there")
    return result


def loaded(path: str | os.PathLike[str]) -> xr.Dataset:
    """Return what a netCDF file of this library holds, in memory.

    Raises
    ------
    OSError
        If there is no such file, or it must not be read.
    NotAResult
        If it holds anything else, or cannot be read.
    """
    path = Path(path).expanduser()
    try:
        if not path.is_file():  # a pipe or a device could be read for ever
            raise NotAResult(path, _what_is_there(path))
        open(path, "rb").close()
    except OSError as error:
        raise type(error)(
            f"path: expected a result of fit or sweep in {path}, received: {error.strerror}."
        ) from None
    try:
        with h5py.File(path, "r") as file:
            if found := next(_foreign(file), None):
                raise NotAResult(path, found)
            with h5netcdf.File(file, "r", decode_vlen_strings=True) as netcdf:
                result = xr.load_dataset(H5NetCDFStore(netcdf))
    except NotAResult:
        raise
    except Exception as error:  # a file of any kind: each of three libraries has its own errors
        name = type(error).__name__
        raise NotAResult(path, f"a file that cannot be read ({name})") from error
    return result.assign_attrs({name: _plain(value) for name, value in result.attrs.items()})


def sealed(history: xr.Dataset, key: str) -> xr.Dataset:
    """Return a history marked with its key and a digest of all that it holds."""
    return history.assign_attrs(cell=key, seal=seal_of(history))


def unsealed(history: xr.Dataset) -> tuple[xr.Dataset, str, str]:
    """Return a history without its marks; its seal and its key, empty where it has none."""
    attributes = dict(history.attrs)
    seal, key = (str(attributes.pop(name, "")) for name in ("seal", "cell"))
    return history.drop_attrs(deep=False).assign_attrs(attributes), seal, key


def seal_of(history: xr.Dataset) -> str:
    """Return a digest of all that a history holds."""
    variables = sorted(history.variables.items())
    named = [(name, variable.dims, variable.dtype.str) for name, variable in variables]
    # Of a stranger's file an attribute may be an array.
    attributes = json.dumps(history.attrs, sort_keys=True, default=str)
    values = (bytes_of(variable.to_numpy()) for _, variable in variables)
    return digest(repr(named).encode(), attributes.encode(), *values)


def bytes_of(array: np.ndarray) -> bytes:
    """Return an array with its type and shape as bytes."""
    array = np.ascontiguousarray(array)
    return f"{array.dtype.str} {array.shape} ".encode() + array.tobytes()


def _foreign(file: h5py.File) -> Iterator[str]:
    """Yield what a result never holds, without following a link or reading a value."""
    free = psutil.virtual_memory().available
    needed = 0
    for name in file:
        link = file.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            kind = "an external" if isinstance(link, h5py.ExternalLink) else "a soft"
            yield f"{kind} link, {shown(name)}"
            continue
        item = file[name]
        if not isinstance(item, h5py.Dataset):
            yield f"a {type(item).__name__.lower()}, {shown(name)}"
            continue
        # By its own description: asking for the shape of a virtual dataset opens its sources.
        if odd := _odd_storage(item.id.get_create_plist()):
            yield f"{odd}, {shown(name)}"
            continue
        if item.id.get_type().get_class() not in _KINDS:
            yield f"values of type {item.dtype}, {shown(name)}"
        yield from _odd_attributes(item)
        each = max(item.dtype.itemsize, _TEXT_BYTES if item.dtype.hasobject else 0)
        needed += each * (item.size or 0)
        needed = max(needed, each * int(np.prod(item.chunks or 0, dtype=object)))
    yield from _odd_attributes(file)
    if needed > free:
        yield f"arrays of {needed / 1e9:.3g} GB, with {free / 1e9:.3g} GB of memory free"


def _odd_storage(description: h5py.h5p.PropDCID) -> str | None:
    """Return what is odd about where and how a dataset's values are kept."""
    if description.get_layout() not in _LAYOUTS:
        return "a virtual dataset"
    if description.get_external_count():
        return "a dataset kept in another file"
    filters = [description.get_filter(place) for place in range(description.get_nfilters())]
    odd = [number for number, *_ in filters if number not in _FILTERS]
    return f"values behind filter {odd[0]}" if odd else None


def _odd_attributes(item: h5py.Group | h5py.Dataset) -> Iterator[str]:
    size = item.file.id.get_filesize()
    for name in item.attrs:
        kept = item.attrs.get_id(name)
        if kept.get_storage_size() > size:
            yield f"an attribute larger than the file, {shown(name)}"
        elif kept.get_type().get_class() not in _KINDS and name not in _OF_DIMENSIONS:
            yield f"an attribute of type {kept.dtype}, {shown(name)}"


def _what_is_there(path: Path) -> str:
    return "a folder" if path.is_dir() else "something other than a file"


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
