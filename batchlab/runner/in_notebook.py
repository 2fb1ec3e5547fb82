"""Inside a notebook: check the parameters that papermill has put in place of the defaults."""

import ast
import sys
from collections.abc import Sequence
from pathlib import Path

from batchlab.runner.catalogue import declared_in
from batchlab.runner.values import briefly, check_given, check_plain, declarations, literal_value

# The first line of the cell that papermill injects behind the cell of parameters.
_INJECTED = "# Parameters"


def check_parameters() -> None:
    """Check the parameters that were injected into this notebook, if any were.

    Papermill runs a notebook with whatever it is given: of a misspelled name it only warns, and
    the defaults run; a value of another type goes wrong later or not at all. Call this in the
    cell behind the parameters. It looks at the two cells that ran before, and does nothing
    where nothing was injected or outside a notebook. A name that another notebook in the current
    folder declares is passed over, since one file of parameters serves them all.

    Raises
    ------
    ValueError
        If a name is not one that the cell of parameters declares, or if what was injected is
        more than names and plain values: code, which has run already.
    TypeError
        If a value is not a str, int, float, bool or a list of them, or not of the default's
        type.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.check_parameters()
    """
    # A shell that runs this has imported IPython; nobody else has to.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    *before, current = shell.user_ns.get("In") or [""]
    cells = [source for source in before if source.strip() and source != current]
    if cells and _is_injected(cells[-1]):
        _check(cells.pop(), cells)


def _is_injected(source: str) -> bool:
    return source.lstrip().partition("\n")[0].rstrip() == _INJECTED


def _check(injected: str, earlier: Sequence[str]) -> None:
    # In an interactive session the cell may have been run several times.
    defaults = next((source for source in reversed(earlier) if not _is_injected(source)), "")
    given: dict[str, object] = {}
    for statement in ast.parse(injected).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in given:
                # What is no literal is shown as it is written, and refused as not plain.
                read = literal_value(value)
                given[name] = _Code(_as_written(value, injected)) if read is None else read
            case _:
                raise ValueError(
                    "expected parameters, each a name with a plain value, "
                    f"received {briefly(_as_written(statement, injected))}"
                )
    known = declarations(defaults)
    undeclared = given.keys() - known.keys()
    # A file of parameters serves the notebooks of a folder, in which this one runs.
    others = undeclared & declared_in(Path.cwd()) if undeclared else set()
    for name in others:
        check_plain(name, given.pop(name))
    check_given(given, known, notebook="this notebook")


def _as_written(node: ast.AST, source: str) -> str:
    return ast.get_source_segment(source, node) or ""


class _Code:
    """An expression, to be shown and not to be run."""

    def __init__(self, source: str):
        self._source = source

    def __repr__(self) -> str:
        return self._source
