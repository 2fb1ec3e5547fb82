"""The reference: a page for each group of public names; autodoc writes it from docstrings."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

# What has no docstring of its own.
_DESCRIBED = {
    "CLAIMS": "All claims of the ledger, in the order of their numbers: a tuple of immutable "
    "records, each with its statement, the quantities that decide it and the rule.",
    "keras": "Keras itself, as the library imports it: quiet, and on TensorFlow. Its reference is "
    "Keras's own.",
    "__version__": "The version, as text.",
}


def groups(path: Path, public: Iterable[str]) -> dict[str, dict]:
    """Return the groups of public names.

    Parameters
    ----------
    path : pathlib.Path
        A TOML file with a table for each group: `title`, `about` and `names`.
    public : iterable of str
        The names that must stand in it, each once.

    Returns
    -------
    dict of str to dict

    Raises
    ------
    ValueError
        If a name is missing, is there twice, or is not public.
    """
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    listed = [name for group in found.values() for name in group["names"]]
    twice = {name for name in listed if listed.count(name) > 1}
    wrong = sorted(twice | (set(public) ^ set(listed)))
    if wrong:
        raise ValueError(
            f"expected every public name once in {path.name}, found otherwise: {', '.join(wrong)}"
        )
    return found


def group_page(group: dict) -> str:
    """Return the page of a group.

    Parameters
    ----------
    group : dict

    Returns
    -------
    str
        reStructuredText, which autodoc's directives are written in.
    """
    title = group["title"]
    listed = "".join(f"   {name}\n" for name in group["names"] if name not in _DESCRIBED)
    table = f".. autosummary::\n   :nosignatures:\n\n{listed}\n"
    entries = "\n".join(map(_entry, group["names"]))
    return (
        f"{title}\n{'=' * len(title)}\n\n{group['about']}\n\n"
        f".. currentmodule:: batchlab\n\n{table}\n{entries}"
    )


def _entry(name: str) -> str:
    heading = f"{name}\n{'-' * len(name)}\n\n"
    if name in _DESCRIBED:
        return f"{heading}.. py:data:: {name}\n\n   {_DESCRIBED[name]}\n"
    if name[0].isupper():
        return f"{heading}.. autoclass:: {name}\n   :members:\n"
    return f"{heading}.. autofunction:: {name}\n"
