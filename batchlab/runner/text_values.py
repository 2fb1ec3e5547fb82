"""Text from a command line, turned into a plain value by the type of the default."""

import contextlib
import re
from collections.abc import Set

import yaml

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf)")
_TRUTHS = {"true": True, "True": True, "false": False, "False": False}
_ANY = frozenset({bool, int, float, str})
_PLAIN_TEXT = "tag:yaml.org,2002:str"


def typed_value(text: str, default: object) -> object:
    """Return the value that a text stands for where a value like `default` is expected.

    Parameters
    ----------
    text : str
        A number, ``true`` or ``false``, a list such as ``[4, 8]``, or any text.
    default : object
        A default that is a text takes `text` as it is; None is anything.

    Returns
    -------
    str, int, float, bool or a list of them
        The text itself if it stands for no value of that type: a check tells.

    Examples
    --------
    >>> typed_value("64", 32), typed_value("64", 0.5), typed_value("64", "SGD")
    (64, 64.0, '64')
    >>> typed_value("[1e-3, 2]", [0.1])
    [0.001, 2.0]
    >>> typed_value("yes", False), typed_value("6.5", 32)
    ('yes', '6.5')
    """
    if isinstance(default, str):
        return text
    if isinstance(default, list):
        return _list(text, {type(item) for item in default} or _ANY)
    if type(default) in _ANY:
        return _scalar(text, {type(default)})
    return _list(text, _ANY) if text.startswith("[") else _scalar(text, _ANY)


def _list(text: str, kinds: Set[type]) -> object:
    try:
        # The nodes alone: YAML's own values would make `no` false and `1e-3` a text.
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
    if not isinstance(node, yaml.SequenceNode) or not node.flow_style:
        return text
    if not all(
        isinstance(item, yaml.ScalarNode) and item.tag == _PLAIN_TEXT for item in node.value
    ):
        return text
    return [item.value if item.style else _scalar(item.value, kinds) for item in node.value]


def _scalar(text: str, kinds: Set[type]) -> object:
    if bool in kinds and text in _TRUTHS:
        return _TRUTHS[text]
    # Python reads no whole number of more than 4,300 digits.
    with contextlib.suppress(ValueError):
        if int in kinds and _WHOLE.fullmatch(text):
            return int(text)
        if float in kinds and _NUMBER.fullmatch(text):
            return float(text)
    return text
