"""A notebook is executed whole or not at all, and a failure is in plain sight."""

import base64
import re
import signal
import subprocess
import sys
import textwrap
import time
from html.parser import HTMLParser

import pytest
from small_notebooks import files, printed, write

from batchlab.__main__ import main
from batchlab.runner import execution
from batchlab.runner.execution import ExecutionError, execute
from batchlab.runner.pages import write_index
from batchlab.runner.parameters import check_declared, parameters_from

FIGURE = base64.b64encode(b"\x89PNG\r\n\x1a\n not really").decode()
SHOW_FIGURE = (
    "from IPython.display import display\n"
    f"display({{'image/png': '{FIGURE}', 'text/plain': 'figure'}}, raw=True)"
)


@pytest.fixture
def notebook(tmp_path):
    """Return a function that writes a notebook into a folder of notebooks."""

    def in_folder(*sources, name="01-example.ipynb", folder="notebooks", **about):
        return write(tmp_path / folder / name, *sources, **about)

    return in_folder


def test_success_leaves_the_notebook_and_its_page(notebook, tmp_path, capsys):
    path = notebook("import os\nprint(n, os.path.basename(os.getcwd()))")
    before = path.read_bytes()
    out = tmp_path / "new" / "outputs"

    assert main(["run", str(path), "--output", str(out)]) == 0

    assert files(out) == ["01-example.html", "01-example.ipynb", "index.html", "manifest.json"]
    assert printed(out / "01-example.ipynb") == "3 notebooks\n"
    assert str(tmp_path) not in (out / "01-example.ipynb").read_text()
    assert path.read_bytes() == before
    running, done, _, headings, row, _, opened = capsys.readouterr().out.splitlines()
    assert running == "running 01-example …"
    assert done.split()[:2] == ["done", "01-example"]
    assert done.endswith(" s")
    assert headings.split() == ["notebook", "parameters", "seconds", "result", "where"]
    name, seconds, result, where = row.split()
    assert (name, result, where) == ("01-example", "done", str(out / "01-example.ipynb"))
    assert 0 < float(seconds) < 60
    assert opened == f"Open {out / 'index.html'}"


class Fetched(HTMLParser):
    """What a page loads, and the texts in place of its images."""

    def __init__(self):
        super().__init__()
        self.sources, self.images = [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in {"script", "link", "img"}:
            self.sources += [attrs[name] for name in ("src", "href") if name in attrs]
        if tag == "img":
            self.images.append(attrs["alt"])


def test_page_fetches_nothing(notebook, tmp_path):
    page = execute(notebook(SHOW_FIGURE), tmp_path).with_suffix(".html")
    fetched = Fetched()
    fetched.feed(page.read_text())
    assert fetched.sources == [f"data:image/png;base64,{FIGURE}"]
    assert fetched.images == ["Figure of cell [2]; the text beside it says what it shows"]


def test_a_picture_that_describes_itself_is_described_on_the_page(notebook, tmp_path):
    said = {"image/png": {"alt": 'test set from 0.5 to 0.8, "<b>"'}}
    code = SHOW_FIGURE.replace("raw=True", f"raw=True, metadata={said!r}")
    assert code != SHOW_FIGURE
    page = execute(notebook(code), tmp_path).with_suffix(".html")
    fetched = Fetched()
    fetched.feed(page.read_text())
    assert fetched.images == [said["image/png"]["alt"]]


def test_parameters_take_the_place_of_the_defaults(notebook, tmp_path):
    path = notebook("print(n)")
    assert printed(execute(path, tmp_path / "outputs", {"n": 5})) == "5\n"


@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"m": 1}, ValueError, r"expected a parameter of 01-example \(n\), received m"),
        ({"n = 1; x": 1}, ValueError, "expected a parameter"),
        ({"n": (1, 2)}, TypeError, r"expected str, int, .* for n, received \(1, 2\)"),
        (
            {"n": True},
            TypeError,
            "expected a whole number for n, like its default 3, received True",
        ),
    ],
)
def test_undeclared_or_unfit_parameters_are_refused(notebook, tmp_path, parameters, error, match):
    with pytest.raises(error, match=match):
        execute(notebook("print(n)"), tmp_path / "outputs", parameters)


# Parameters and their types


@pytest.mark.parametrize(
    ("default", "fit", "unfit"),
    [
        ("3", [4, -1, 10**30], [4.0, True, "4", [4]]),
        ("0.5", [0.1, 1, float("nan")], [True, "0.1", "1e-3", [0.1]]),
        ("True", [False], [0, "False", [True]]),
        ('"SGD"  # a name', ["Adam", ""], [1, True, ["Adam"]]),
        ("[50]", [[], [1, 2]], [50, [1.5], [True], ["50"]]),
        ("[0.1, 0.2]", [[], [1], [0.3, 2]], [0.1, "0.1", ["0.1"], [False]]),
        ('[4, "full"]', [[1, 2], ["full"], []], [[0.5], "full", [True]]),
        ("[]", [[], [1, "a", True]], [1, "[]"]),
        ("[\n    1,  # one\n    2,\n]", [[3]], [3, [0.5]]),
        ("None", [1, "a", [True]], []),
        ("2 * 4", [1, "a", [True]], []),
    ],
)
def test_a_value_has_the_type_of_the_default(notebook, default, fit, unfit):
    path = notebook("print(n)", parameters=f"n = {default}")
    for value in fit:
        check_declared(path, {"n": value})
    for value in unfit:
        with pytest.raises(TypeError, match=r"expected .* for n, like its default") as caught:
            check_declared(path, {"n": value})
        assert "\n" not in str(caught.value)


# Files of parameters


@pytest.fixture
def pair(notebook):
    """Two notebooks in one folder that share some of their parameters."""
    first = notebook("print(n, rate)", parameters="n = 3\nrate = 0.1")
    second = notebook("print(n, sizes)", name="02-next.ipynb", parameters="n = 3\nsizes = [1]")
    return first, second


def test_one_file_serves_the_notebooks_of_a_folder(pair, tmp_path, capsys):
    file, out = tmp_path / "both.yaml", tmp_path / "outputs"
    file.write_text("# of a source\nn: 7  # samples\nrate: 2\nsizes: [4, 8]\n")
    names = [str(path) for path in pair]
    assert main(["run", *names, "--jobs", "2", "-o", str(out), "--params", str(file)]) == 0
    assert printed(out / "01-example.ipynb") == "7 2\n"
    assert printed(out / "02-next.ipynb") == "7 [4, 8]\n"
    text = (out / "index.html").read_text()
    assert "<title>batchlab: both</title>" in text
    assert "<h1>batchlab: both</h1>" in text
    assert capsys.readouterr().err == ""


def test_a_neighbour_that_cannot_be_read_does_not_matter(pair, tmp_path):
    pair[1].write_text(pair[1].read_text()[:100])
    file = tmp_path / "file.yaml"
    file.write_text("n: 7")
    assert parameters_from(file, pair[0]) == {"n": 7}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected a mapping of names to values, received None"),
        ("- 1\n- 2", "expected a mapping of names to values, received [1, 2]"),
        ("just words", "expected a mapping of names to values, received 'just words'"),
        ("n: [1, 2", "line 1: expected YAML; expected ',' or ']', but got"),
        ("n: 1\n  rate: 2", "line 2: expected YAML; mapping values are not allowed"),
        ("n: 1\n---\nn: 2", "expected YAML; but found another document"),
        ("n: !!python/object/apply:os.getcwd []", "expected YAML; could not determine"),
        ("n: \x00", "expected YAML; "),
        ("[" * 5000, "expected YAML; "),
        (f"n: {'9' * 5000}", "expected YAML; "),
        ("1: 2", "expected names of parameters, received 1"),
        ("yes: 2", "expected names of parameters, received True"),
        ("n: 1\nrate: 0.1\nn: 2", "expected n once, received it 2 times"),
        ("n:", "expected str, int, float, bool or a list of them for n, received None"),
        ("n: 2026-11-21", "for n, received datetime.date(2026, 11, 21)"),
        ("n: [2026-11-21]", "for n, received [datetime.date(2026, 11, 21)]"),
        ("n: {a: 1}", "for n, received {'a': 1}"),
        ("n: [[1]]", "for n, received [[1]]"),
        ("n: !!set {1}", "for n, received {1}"),
        ("n: &n [*n]", "for n, received [[[[[[[...]]]]]]]"),
        ("raet: 0.1", "received raet; did you mean rate?"),
        ("unheard_of: 1", "expected a parameter of a notebook in"),
        ("n: yes", "expected a whole number for n, like its default 3, received True"),
        ("n: 1e3", "expected a whole number for n, like its default 3, received '1e3'"),
        ("rate: no", "expected a number for rate, like its default 0.1, received False"),
        ("rate: [0.1]", "expected a number for rate, like its default 0.1, received [0.1]"),
    ],
)
def test_a_file_that_is_not_one_of_parameters_gets_one_sentence(
    pair, tmp_path, capsys, text, sentence
):
    file, out = tmp_path / "wrong.yaml", tmp_path / "outputs"
    file.write_text(text)
    assert main(["run", str(pair[0]), "-o", str(out), "--params", str(file)]) == 2
    shown = capsys.readouterr().err
    assert sentence in shown
    assert shown.count("\n") == 1
    assert len(shown) < 400
    assert str(file) in shown or "like its default" in shown
    assert not out.exists()


def test_a_small_file_that_describes_an_astronomical_list_is_refused_at_once(pair, tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    file = tmp_path / "wrong.yaml"
    file.write_text("\n".join(lines))
    with pytest.raises(TypeError, match=r"for a1, received \[\[1, 1, 1"):
        parameters_from(file, pair[0])


def test_a_file_that_cannot_be_read_gets_one_sentence(pair, tmp_path, capsys):
    for wrong in tmp_path / "none.yaml", tmp_path:
        assert main(["run", str(pair[0]), "-o", str(tmp_path / "o"), "--params", str(wrong)]) == 2
        shown = capsys.readouterr().err
        assert shown.startswith("Error: expected")
        assert f"a file of parameters, received {wrong}" in shown
        assert shown.count("\n") == 1


def test_failing_cell_is_shown_and_the_earlier_output_stays(notebook, tmp_path, capsys):
    out = tmp_path / "outputs"
    good = execute(notebook("print('good')"), out).read_bytes()
    path = notebook("print('bad')", "size = n - 3\n1 / size", "print('never')")

    assert main(["run", str(path), "--output", str(out)]) == 1

    shown = capsys.readouterr().err
    assert "FAILED  01-example, cell 4 of 5: ZeroDivisionError: division by zero" in shown
    assert "    size = n - 3\n    1 / size" in shown
    assert "ZeroDivisionError                         Traceback" in shown
    assert "\x1b" not in shown
    assert str(out / "01-example.failed.ipynb") in shown
    assert files(out) == [
        *("01-example.failed.ipynb", "01-example.html", "01-example.ipynb", "index.html")
    ]
    assert (out / "01-example.ipynb").read_bytes() == good
    assert printed(out / "01-example.failed.ipynb") == "bad\n"

    execute(notebook("print('good again')"), out)
    assert files(out) == ["01-example.html", "01-example.ipynb", "index.html"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os\nos._exit(1)", "the kernel died"),
        ("raise SystemExit", "it ended the notebook before its last cell"),
        ("import time\ntime.sleep(60)", "it took more than 2 seconds"),
    ],
)
def test_a_notebook_that_ends_early_leaves_nothing(notebook, tmp_path, source, reason):
    out = tmp_path / "outputs"
    with pytest.raises(ExecutionError, match=f"01-example, cell 3 of 4: {reason}"):
        execute(notebook(source, "print(n)"), out, cell_timeout=2)
    assert files(out) == ["01-example.failed.ipynb"]


def test_a_kernel_that_does_not_start_is_tried_again(notebook, tmp_path, monkeypatch):
    calls = []
    run = execution.papermill.execute_notebook

    def fail_once(*args, **kwargs):
        calls.append(args)
        if len(calls) == 1:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return run(*args, **kwargs)

    monkeypatch.setattr(execution.papermill, "execute_notebook", fail_once)
    assert execute(notebook("print(n)"), tmp_path).exists()
    assert len(calls) == 2


def test_a_kernel_that_never_starts_is_said_so(notebook, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("Address already in use")

    monkeypatch.setattr(execution.papermill, "execute_notebook", fail)
    out = tmp_path / "outputs"
    with pytest.raises(ExecutionError, match="01-example: the kernel did not start: Address"):
        execute(notebook("print(n)"), out)
    assert files(out) == []


def test_paths_may_hold_spaces_and_braces(notebook, tmp_path):
    path = notebook("print(n)", name="01 {n} {}.ipynb", folder="note {books}")
    out = tmp_path / "out {puts} {0}"
    assert printed(execute(path, out, {"n": 4})) == "4\n"
    assert files(out) == ["01 {n} {}.html", "01 {n} {}.ipynb"]


def test_mistyped_paths_get_one_sentence(notebook, tmp_path, capsys):
    path = notebook("print(n)")
    torn = path.with_name("02-torn.ipynb")
    torn.write_text(path.read_text()[:100])
    for wrong, out, sentence in [
        (tmp_path / "none.ipynb", tmp_path, "expected a notebook, found no file"),
        (torn, tmp_path, "expected a notebook, but"),
        (path, path.parent, "expected an output folder other than the notebook's own"),
    ]:
        assert main(["run", str(wrong), "-o", str(out)]) == 2
        shown = capsys.readouterr().err
        assert shown.startswith(f"Error: {sentence}")
        assert shown.count("\n") == 1


LATE_FAILURES = {
    "a figure": (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.figure().suptitle('$x_{$')",
        "ParseException|ValueError",
    ),
    "an answer": (
        "class Shown:\n    def _repr_html_(self): raise KeyError('late')\nShown()",
        "KeyError: 'late'",
    ),
}


@pytest.mark.parametrize("kind", LATE_FAILURES)
def test_what_fails_while_it_is_shown_is_reported_with_its_own_cell(notebook, tmp_path, kind):
    """Of a figure the kernel calls that cell done, and the cells below it run."""
    code, error = LATE_FAILURES[kind]
    path = notebook("print('before')", code, "print('after')", "print(1 / n)")
    with pytest.raises(ExecutionError) as caught:
        execute(path, tmp_path / "outputs")
    first, _, rest = str(caught.value).partition("\n")
    assert re.match(rf"FAILED  01-example, cell 4 of 6: ({error})", first)
    assert textwrap.indent(code, "    ") in rest
    assert "print('after')" not in rest


@pytest.mark.parametrize("link", ["a link", "a hard link", "a link to the folder", "the output"])
def test_a_notebook_is_not_replaced_by_its_own_result(notebook, tmp_path, capsys, link):
    original = notebook("print(n)", folder="original")
    before = original.read_bytes()
    path, out = tmp_path / "links" / original.name, original.parent
    path.parent.mkdir()
    if link == "a link":
        path.symlink_to(original)
    elif link == "a hard link":
        path.hardlink_to(original)
    elif link == "a link to the folder":
        path = original
        out = tmp_path / "out"
        out.symlink_to(original.parent, target_is_directory=True)
    else:
        path = original
        out = tmp_path / "links"
        (out / original.name).symlink_to(original)
    there = files(original.parent)
    for run in (lambda: main(["run", str(path), "-o", str(out)])), (lambda: execute(path, out)):
        with pytest.raises(ValueError, match=r"^expected an output folder "):
            if run() == 2:
                raise ValueError(capsys.readouterr().err.removeprefix("Error: "))
    assert original.read_bytes() == before
    assert files(original.parent) == there
    assert execute(path, tmp_path / "elsewhere").exists()  # and a link is executed


def test_what_a_failure_left_is_no_place_for_the_results_of_its_link(notebook, tmp_path):
    kept = notebook("1 / 0", name="01-example.failed.ipynb", folder="out")
    path = tmp_path / "links" / "01-example.ipynb"
    path.parent.mkdir()
    path.hardlink_to(kept)
    with pytest.raises(ValueError, match=r"^expected an output folder without .* itself, "):
        execute(path, kept.parent)


def test_the_page_of_a_notebook_is_not_that_of_all(notebook, tmp_path):
    with pytest.raises(ValueError, match=r"^expected a notebook whose page is not that of all, "):
        execute(notebook("print(n)", name="Index.ipynb"), tmp_path / "out")


def test_a_run_that_is_stopped_leaves_nothing(notebook, tmp_path):
    """Of Ctrl-C see test_cli.py."""
    begun = tmp_path / "begun"
    path = notebook(f"open({str(begun)!r}, 'w')\nimport time\ntime.sleep(60)")
    out = tmp_path / "outputs"
    command = [sys.executable, "-m", "batchlab", "run", str(path), "-o", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, shown = process.communicate(timeout=30)
    assert process.returncode == 130
    assert shown == "stopped\n"
    assert files(out) == []


def test_index_links_titles_lines_and_figures(notebook, tmp_path, capsys):
    out = tmp_path / "outputs"
    first, second = notebook(SHOW_FIGURE), notebook("print(n)", name="02 plain #.ipynb")
    for path in first, second:
        execute(path, out)

    assert main(["index", "-o", str(out), str(first), str(second)]) == 0

    index = out / "index.html"
    assert capsys.readouterr().out == f"Open {index}\n"
    text = index.read_text()
    assert '<a href="01-example.html">Batches: why?</a>' in text
    assert '<a href="01-example.ipynb">' in text
    assert '<a href="02%20plain%20%23.html">' in text
    assert "<p>The n of a page &amp; its size.</p>" in text
    assert text.count("<img") == 1
    assert (
        f'<img src="data:image/png;base64,{FIGURE}" alt="The first figure of Batches: why?">'
        in (text)
    )
    assert text.index("01-example") < text.index("02%20plain")


def test_index_says_what_failed(notebook, tmp_path, capsys):
    out = tmp_path / "outputs"
    path = notebook("print(n)")
    execute(path, out)
    (out / "01-example.failed.ipynb").write_text("{}")
    assert write_index(out, [path, "02-absent.ipynb"])[1] == ["01-example", "02-absent"]
    assert main(["index", "-o", str(out), str(path)]) == 1
    assert "FAILED  01-example" in capsys.readouterr().err
    assert "not executed to its end at the last run" in (out / "index.html").read_text()
