"""Text becomes a value by the type of the default, and a cell of code is read, never run."""

import math

import pytest

from batchlab.runner.text_values import typed_value
from batchlab.runner.values import check_given, declarations


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [
        ("64", 32, 64),
        ("-1", 32, -1),
        ("64.0", 32, "64.0"),
        ("1e3", 32, "1e3"),
        ("1_000", 32, "1_000"),
        ("９", 32, "９"),
        ("9" * 5000, 32, "9" * 5000),
        (" 6", 32, " 6"),
        ("inf", 32, "inf"),
        ("64", 0.5, 64.0),
        ("1e-3", 0.5, 0.001),
        (".5", 0.5, 0.5),
        ("-inf", 0.5, -math.inf),
        ("0x10", 0.5, "0x10"),
        ("1+1", 0.5, "1+1"),
        ("true", False, True),
        ("False", True, False),
        ("yes", False, "yes"),
        ("1", False, "1"),
        ("", False, ""),
        ("Adam", "SGD", "Adam"),
        ("64", "SGD", "64"),
        ("true", "SGD", "true"),
        ("", "SGD", ""),
        ('it\'s "so"\n', "SGD", 'it\'s "so"\n'),
        ("2026-11-21", "SGD", "2026-11-21"),
        ("[8, 500]", [4], [8, 500]),
        ("[]", [4], []),
        ("[1e-3, 2, nan]", [0.1], [0.001, 2.0, math.nan]),
        ("[2]", [4, 0.5], [2]),
        ("[SGD, 'a, b', \"5\", 5]", ["x"], ["SGD", "a, b", "5", "5"]),
        ("[8, full]", [4, "full"], [8, "full"]),
        ("[yes, no]", [False], ["yes", "no"]),
        ("[2026-11-21]", [4], ["2026-11-21"]),
        ("[1, a, true]", [], [1, "a", True]),
        ("8, 500", [4], "8, 500"),
        ("(8, 500)", [4], "(8, 500)"),
        ("- 8", [4], "- 8"),
        ("[[1]]", [4], "[[1]]"),
        ("[{a: 1}]", [4], "[{a: 1}]"),
        ("[!!int 8]", [4], "[!!int 8]"),
        ("&a [*a]", [4], "&a [*a]"),
        ("[8", [4], "[8"),
        ("[" * 5000, [4], "[" * 5000),
        ("__import__('os')", None, "__import__('os')"),
        ("7", None, 7),
        ("[7]", None, [7]),
    ],
)
def test_a_text_is_read_by_the_type_of_the_default(text, default, value):
    found = typed_value(text, default)
    assert repr(found) == repr(value)


def test_declarations_are_read_with_types_and_comments():
    source = """\
import math  # not a parameter
batch_size = 32  # samples per update = a batch
rates = [
    0.1,  # large
    0.01,
]  # step sizes
sizes = [4, "full"]
limit = float("inf")
width: int = 5
product = 2 * 4
"""
    found = declarations(source)
    assert list(found) == ["batch_size", "rates", "sizes", "limit", "width", "product"]
    shown = {name: (one.kind, one.default, one.comment) for name, one in found.items()}
    assert shown == {
        "batch_size": ("int", 32, "samples per update = a batch"),
        "rates": ("list[float]", [0.1, 0.01], "step sizes"),
        "sizes": ("list[int | str]", [4, "full"], ""),
        "limit": ("float", math.inf, ""),
        "width": ("int", 5, ""),
        "product": ("any", None, ""),
    }
    assert found["rates"].source == "[0.1, 0.01]"


def test_declarations_are_not_run(tmp_path):
    made = tmp_path / "made"
    found = declarations(f"n = open({str(made)!r}, 'w')")
    assert found["n"].default is None
    assert not made.exists()


def test_a_cell_that_is_not_python_gets_one_sentence():
    with pytest.raises(ValueError, match="expected a cell of parameters in Python; ") as caught:
        declarations("%matplotlib inline")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("batchsize", "received batchsize; did you mean batch_size?"), ("a=1;b", "received 'a=1;b'")],
)
def test_an_undeclared_name_is_shown_beside_the_declared_ones(name, shown):
    known = declarations("batch_size = 32\nseed = 0")
    with pytest.raises(ValueError, match=r"a parameter of 04-x \(batch_size, seed\)") as caught:
        check_given({name: 1}, known, notebook="04-x")
    assert str(caught.value).endswith(shown)


def test_half_a_character_is_refused():
    with pytest.raises(ValueError, match="expected text of Unicode for name"):
        check_given({"name": "\udcff"}, declarations("name = 'x'"), notebook="04-x")
