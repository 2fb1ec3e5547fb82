"""Docstrings as they are meant, where Sphinx would read markup into plain words."""

import inspect
import re

from sphinx.application import Sphinx

_STARRED = re.compile(r"(?<=[ (])\*(?=\w+[,) ])")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, before and after napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", _star, priority=400)
    app.connect("autodoc-process-docstring", _as_written, priority=600)
    return {"parallel_read_safe": True}


def _star(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list) -> None:
    """Take the star of an unpacked shape, as in ``(batch, *feature_shape)``, for a star."""
    # Examples are shown as they are: there the backslash would be seen.
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else _STARRED.sub(r"\\*", line)
        for line in lines
    ]


def _as_written(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list
) -> None:
    """Keep the sentence of a property, which napoleon would cut into a type and the rest."""
    if what == "property":
        lines[:] = (inspect.getdoc(obj) or "").splitlines()
