"""Plain values: the only ones that a parameter may have, and the cells of code that declare them.

Code is read here, never run: nothing that this module returns has been evaluated but literals.
"""

import ast
import io
import reprlib
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batchlab.foundation.checks import did_you_mean, shown_name

_ALLOWED = (str, int, float, bool)
_NOUNS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
}


@dataclass(frozen=True)
class Declared:
    """A name in a cell of parameters.

    Parameters
    ----------
    default : object
        None if it is not written as a literal.
    source : str
        The default as it is written, on one line.
    comment : str
        What stands behind it, without ``#``.
    """

    default: object
    source: str
    comment: str

    @property
    def kind(self) -> str:
        """The default's type, as an annotation would have it; ``any`` if it is not known."""
        if isinstance(self.default, list):
            kinds = sorted({type(item).__name__ for item in self.default})
            return f"list[{' | '.join(kinds)}]" if kinds else "list"
        return "any" if self.default is None else type(self.default).__name__


def declarations(source: str) -> dict[str, Declared]:
    """Return what a cell of parameters declares.

    Parameters
    ----------
    source : str
        The cell's code: assignments to names, each with a comment on its last line.

    Returns
    -------
    dict of str to Declared
        In their order.

    Raises
    ------
    ValueError
        If it is not Python.

    Examples
    --------
    >>> declarations("n = 3  # samples")
    {'n': Declared(default=3, source='3', comment='samples')}
    """
    comments = {}
    try:
        body = ast.parse(source).body
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.string.lstrip("#").strip()
    except (SyntaxError, ValueError, RecursionError, tokenize.TokenError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"expected a cell of parameters in Python; {reason}") from error
    found = {}
    for statement in body:
        for name, value in _assignments(statement):
            written = ast.get_source_segment(source, value) or ""
            text = ast.unparse(value) if "\n" in written else written
            comment = comments.get(statement.end_lineno or 0, "")
            found[name] = Declared(literal_value(value), text, comment)
    return found


def _assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, value


def literal_value(node: ast.expr) -> object:
    """Return the value of a literal, or None for any other expression.

    Parameters
    ----------
    node : ast.expr
        ``float("nan")`` counts as a literal too: so papermill writes what has none.
    """
    # Within a list as well, which is why `literal_eval` is not enough.
    if isinstance(node, ast.List):
        items = [literal_value(item) for item in node.elts]
        return None if any(item is None for item in items) else items
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
        texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
        return float(str(texts[0])) if texts in (["nan"], ["inf"], ["-inf"]) else None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def check_given(
    given: Mapping[str, object], declared: Mapping[str, Declared], *, notebook: str
) -> None:
    """Check that a notebook declares these names, with defaults of the same types.

    Parameters
    ----------
    given : mapping of str to object
    declared : mapping of str to Declared
    notebook : str
        What to call the notebook in a sentence.

    Raises
    ------
    ValueError
        If the notebook does not declare a name.
    TypeError
        If a value is not plain, or not of the default's type; an int may stand for a float, and
        a list's items for any of the default's.
    """
    for name, value in given.items():
        if name not in declared:
            raise ValueError(
                f"expected a parameter of {notebook} ({', '.join(declared) or 'none'}), "
                f"received {shown_name(name)}{did_you_mean(name, declared)}"
            )
        check_plain(name, value)
        default = declared[name].default
        if not _fits(value, default):
            raise TypeError(
                f"expected {_NOUNS[type(default)]} for {name}, like its default "
                f"{briefly(default)}, received {briefly(value)}"
            )


def check_plain(name: str, value: object, place: str = "") -> None:
    """Check that a value is a str, int, float, bool or a list of them.

    Parameters
    ----------
    name : str
    value : object
    place : str
        What the sentence begins with.

    Raises
    ------
    TypeError
        If it is not.
    ValueError
        If a text holds what no file can.
    """
    items = value if isinstance(value, list) else [value]
    if not all(type(item) in _ALLOWED for item in items):
        allowed = "str, int, float, bool or a list of them"
        raise TypeError(f"{place}expected {allowed} for {name}, received {briefly(value)}")
    for item in items:
        # Half of a character of UTF-16: from bytes of another encoding, or by an escape.
        if isinstance(item, str) and any("\ud800" <= letter <= "\udfff" for letter in item):
            raise ValueError(
                f"{place}expected text of Unicode for {name}, received {briefly(value)}"
            )


def briefly(value: object) -> str:
    """Return a value for a sentence: on one line, and short."""
    # Bounded in depth as well: a small file of aliases can describe an astronomical list.
    return " ".join(reprlib.repr(value).split())


def _fits(value: object, default: object) -> bool:
    if isinstance(default, list):
        return isinstance(value, list) and (
            not default or all(any(_fits(item, one) for one in default) for item in value)
        )
    if type(default) not in _NOUNS:
        return True
    return type(value) is type(default) or (type(default) is float and type(value) is int)
