"""Read a table from a CSV or a Parquet file, refused before it is read if it cannot serve."""

import csv
import gzip
import io
import os
import re
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import pandas as pd

from batchlab.foundation.checks import shown
from batchlab.foundation.files import placed
from batchlab.problems.readers.column_names import Names, checked_names
from batchlab.problems.readers.free_memory import check_fits

if TYPE_CHECKING:
    from pyarrow import parquet

SEPARATORS = ",;\t|"
MISSING = ("?",)  # beside what pandas takes for missing: a habit of the UCI repository
_HEAD = 2**16
_SAMPLED_ROWS = 200
_CSV = re.compile(r"\.(csv|tsv|txt)(\.gz)?$", re.IGNORECASE)
_PARQUET = re.compile(r"\.(parquet|pq)$", re.IGNORECASE)


class Header(NamedTuple):
    """What the beginning of a text file says: its columns, and what separates them."""

    columns: list[str]
    separator: str


def is_path(data: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether this is the path of a file."""
    return isinstance(data, str | os.PathLike)


def stem(data: str | os.PathLike[str]) -> str:
    """Return a file's name without its folder and its endings."""
    name = Path(data).name
    return _PARQUET.sub("", _CSV.sub("", name))


def read_table(data: str | os.PathLike[str], target: object, drop: Names) -> pd.DataFrame:
    """Return the table in a file, without the columns to drop.

    Parameters
    ----------
    data : path
        Ends in .csv, .tsv or .txt, may be compressed (.csv.gz), or in .parquet.
    target, drop
        Names of columns, which are looked up in the header before the rest is read.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    OSError
        If there is no such file, or it cannot be opened.
    TypeError, ValueError
        If it is of another kind, damaged, without rows or without these columns, or would not fit
        into free memory.
    """
    path = placed(data)
    if os.path.isdir(path):
        raise IsADirectoryError(f"data: expected a file, received the folder {shown(str(path))}.")
    if not os.path.isfile(path):  # false, too, of what is too long for a name
        raise FileNotFoundError(
            "data: expected a file, or the name of one of scikit-learn's data sets such as "
            f"'digits', found no file {shown(path.name)} in {shown(str(path.parent))}."
        )
    reader: Callable[[Path, object, Names], pd.DataFrame]
    if _CSV.search(path.name):
        reader = _read_text
    elif _PARQUET.search(path.name):
        reader = _read_parquet
    else:
        raise ValueError(
            "data: expected a file that ends in .csv, .tsv, .txt (or these with .gz) or .parquet, "
            f"received {shown(path.name)}."
        )
    if not path.stat().st_size:
        raise ValueError(f"data: expected a table, received the empty file {shown(path.name)}.")
    frame = reader(path, target, drop)
    if not len(frame):
        raise ValueError(f"data: expected rows, received none in {shown(path.name)}.")
    return frame


def _read_text(path: Path, target: object, drop: Names) -> pd.DataFrame:
    packed = path.suffix.lower() == ".gz"
    head, share = _head(path, packed)
    columns, separator = _header(head)
    _, dropped = checked_names(columns, target, drop)

    def read(source: Path | io.StringIO, **settings: Any) -> pd.DataFrame:
        return pd.read_csv(
            source,
            sep=separator,
            header=0,
            names=columns,
            index_col=False,
            na_values=list(MISSING),
            skipinitialspace=True,
            encoding="utf-8-sig",
            **settings,
        )

    try:
        with warnings.catch_warnings():
            # Rows longer than the header, which pandas would cut.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            if share < 1:
                check_fits(f"{shown(path.name)}, a table", _text_size(head, read) / share)
            # All columns, since of some alone pandas does not notice rows that are too long.
            frame = read(path, low_memory=False, compression="gzip" if packed else None)
            return frame.drop(columns=dropped)
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise ValueError(
            f"data: expected rows of {len(columns)} values as the first line of "
            f"{shown(path.name)} has, received others: {_first_line(error)}"
        ) from error
    except UnicodeDecodeError as error:
        raise _not_text(path) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, error) from error


def _text_size(head: str, read: Callable[..., pd.DataFrame]) -> float:
    """Return the bytes that the beginning of a file takes as a table."""
    lines = head.splitlines(keepends=True)[:-1]
    try:
        sample = read(io.StringIO("".join(lines[:_SAMPLED_ROWS])))
    except ValueError:  # a text over several lines may be cut in the middle
        return 8 * len(head)
    return sample.memory_usage(deep=True).sum() / max(1, len(sample)) * len(lines)


def _head(path: Path, packed: bool) -> tuple[str, float]:
    """Return the beginning of a text file, and what share of the file it is."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            if packed:
                # What is unpacked of the first bytes, so that these can be set against all of them.
                unpacking = zlib.decompressobj(wbits=31)
                packed_bytes = file.read(_HEAD // 4)
                raw = unpacking.decompress(packed_bytes, 4 * _HEAD)
                read = len(packed_bytes) - len(unpacking.unconsumed_tail)
            else:
                raw = file.read(_HEAD)
                read = len(raw)
    except zlib.error as error:
        raise _damaged(path, error) from error
    # The last character may be cut in the middle.
    text = raw.decode("utf-8-sig", errors="replace").removesuffix("�")
    if "\0" in text or "�" in text:
        raise _not_text(path)
    if not text.strip():
        raise ValueError(f"data: expected a table, received {shown(path.name)}, which is blank.")
    return text, read / size


def _header(head: str) -> Header:
    """Return the names in the first line, by the separator that makes the most of it."""
    found = {each: _names_in_head(head, each) for each in SEPARATORS}
    separator = max(found, key=lambda each: len(found[each]))
    columns = found[separator]
    if len(columns) == 1 and len(columns[0].split()) > 1:
        separator, columns = r"\s+", columns[0].split()
    return Header(columns, separator)


def _names_in_head(head: str, separator: str) -> list[str]:
    lines = csv.reader(io.StringIO(head.lstrip()), delimiter=separator, skipinitialspace=True)
    try:
        names = next(lines)
    except csv.Error:
        return [""]
    return [name.strip() or f"Unnamed: {at}" for at, name in enumerate(names)]


def _read_parquet(path: Path, target: object, drop: Names) -> pd.DataFrame:
    # Only here: it takes its time to load, and most data are not in this format.
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            columns = [str(name) for name in file.schema_arrow.names]
            # An index that pandas has written beside the columns is none of them.
            columns = [name for name in columns if not re.match(r"__index_level_\d+__$", name)]
            _, dropped = checked_names(columns, target, drop)
            kept = [name for name in columns if name not in dropped]
            check_fits(f"{shown(path.name)}, a table", _parquet_size(file, len(kept)))
            return file.read(columns=kept).to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _parquet_size(file: "parquet.ParquetFile", n_columns: int) -> int:
    metadata = file.metadata
    groups = [metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups)]
    return max(sum(groups), metadata.num_rows * n_columns * 8)


def _damaged(path: Path, error: BaseException) -> ValueError:
    return ValueError(
        f"data: expected a whole file in the format of its ending, received {shown(path.name)}, "
        f"which cannot be read: {_first_line(error)}"
    )


def _not_text(path: Path) -> ValueError:
    return ValueError(f"data: expected text in UTF-8, received {shown(path.name)}, which is not.")


def _first_line(error: BaseException) -> str:
    line = str(error).strip().partition("\n")[0]
    return line if line.endswith(".") else f"{line}."
