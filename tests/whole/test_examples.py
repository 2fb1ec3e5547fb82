"""The examples in the docstrings of the public names are true: doctest runs every one of them."""

import doctest
import inspect

import matplotlib.pyplot as plt
import pytest

import batchlab as bl

CALLABLES = [name for name in bl.__all__ if callable(getattr(bl, name))]
HEADING = "\n\nExamples\n--------\n"


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def docstrings(name):
    """Return the docstrings of a public name, and of a class's own methods and properties."""
    thing = getattr(bl, name)
    found = {name: thing}
    if inspect.isclass(thing):
        # Other attributes are defaults of fields, and have the docstrings of their types.
        found |= {
            f"{name}.{key}": part
            for key, part in vars(thing).items()
            if not key.startswith("_") and (inspect.isroutine(part) or isinstance(part, property))
        }
    return {key: inspect.getdoc(part) or "" for key, part in found.items()}


def run(text, *, name="an example"):
    """Run the examples in a text; return what is wrong with them, in doctest's words."""
    said = []
    # Blanks only: a printed table ends some of its lines in them, and no editor keeps those.
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    runner.run(doctest.DocTestParser().get_doctest(text, {}, name, None, 0), out=said.append)
    return "".join(said)


@pytest.mark.parametrize("name", CALLABLES)
def test_the_docstring_of_every_public_callable_ends_with_an_example(name):
    before, _, section = docstrings(name)[name].partition(HEADING)
    assert ">>> " in section and ">>> " not in before
    assert "\n---" not in section


@pytest.mark.parametrize("name", CALLABLES)
def test_examples_come_out_as_written_and_leave_no_file_behind(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for key, text in docstrings(name).items():
        wrong = run(text, name=key)
        assert not wrong, wrong
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (">>> 1 + 1\n3", "Expected:"),
        (">>> round(2 / 3, 3)\n0.67", "Expected:"),
        (">>> bl.blobs().n_train\n500", "NameError"),
        (">>> import warnings\n>>> warnings.warn('odd')", "UserWarning: odd"),
    ],
)
def test_an_example_that_is_not_true_is_found(text, told):
    assert told in run(text)


def test_an_example_may_break_the_lines_of_a_table():
    assert not run(">>> print('a   b\\n1   2')\na b\n1 2")
