"""A notebook is executed whole or not at all, and a failure is in plain sight."""

import base64
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from batchlab import execution
from batchlab.__main__ import main
from batchlab.execution import ExecutionError, execute
from batchlab.pages import write_index

HEADING = "# Batches: *why*?\n\nThe `n` of [a page](x.html)\n& its size.\n\nMore."
FIGURE = base64.b64encode(b"\x89PNG not really").decode()
SHOW_FIGURE = (
    "from IPython.display import display\n"
    f"display({{'image/png': '{FIGURE}', 'text/plain': 'figure'}}, raw=True)"
)


@pytest.fixture
def notebook(tmp_path):
    """Return a function that writes a notebook of code cells below a heading and parameters."""

    def write(*sources, name="01-example.ipynb", folder="notebooks"):
        cells = [new_markdown_cell(HEADING), new_code_cell("n = 3  # samples")]
        cells[1].metadata["tags"] = ["parameters"]
        cells += [new_code_cell(source) for source in sources]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
        return path

    return write


def printed(path):
    """Return all that the cells of an executed notebook printed."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_success_leaves_the_notebook_and_its_page(notebook, tmp_path, capsys):
    path = notebook("import os\nprint(n, os.path.basename(os.getcwd()))")
    before = path.read_bytes()
    out = tmp_path / "new" / "outputs"

    assert main(["run", str(path), str(out)]) == 0

    assert files(out) == ["01-example.html", "01-example.ipynb"]
    assert printed(out / "01-example.ipynb") == "3 notebooks\n"
    assert str(tmp_path) not in (out / "01-example.ipynb").read_text()
    assert path.read_bytes() == before
    running, done = capsys.readouterr().out.splitlines()
    assert running == "running 01-example …"
    assert done.split()[:2] == ["done", "01-example"]
    assert done.endswith(" s")


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


def test_parameters_take_the_place_of_the_defaults(notebook, tmp_path):
    path = notebook("print(n)")
    assert printed(execute(path, tmp_path / "outputs", {"n": [1, 2]})) == "[1, 2]\n"


@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"m": 1}, ValueError, r"expected a parameter of 01-example \(n\), received m"),
        ({"n = 1; x": 1}, ValueError, "expected a parameter"),
        ({"n": (1, 2)}, TypeError, r"expected str, int, .* for n, received \(1, 2\)"),
    ],
)
def test_undeclared_or_unfit_parameters_are_refused(notebook, tmp_path, parameters, error, match):
    with pytest.raises(error, match=match):
        execute(notebook("print(n)"), tmp_path / "outputs", parameters)


def test_failing_cell_is_shown_and_the_earlier_output_stays(notebook, tmp_path, capsys):
    out = tmp_path / "outputs"
    good = execute(notebook("print('good')"), out).read_bytes()
    path = notebook("print('bad')", "size = n - 3\n1 / size", "print('never')")

    assert main(["run", str(path), str(out)]) == 1

    shown = capsys.readouterr().err
    assert "FAILED  01-example, cell 4 of 5: ZeroDivisionError: division by zero" in shown
    assert "    size = n - 3\n    1 / size" in shown
    assert "ZeroDivisionError                         Traceback" in shown
    assert "\x1b" not in shown
    assert str(out / "01-example.failed.ipynb") in shown
    assert files(out) == ["01-example.failed.ipynb", "01-example.html", "01-example.ipynb"]
    assert (out / "01-example.ipynb").read_bytes() == good
    assert printed(out / "01-example.failed.ipynb") == "bad\n"

    execute(notebook("print('good again')"), out)
    assert files(out) == ["01-example.html", "01-example.ipynb"]


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
        assert main(["run", str(wrong), str(out)]) == 2
        shown = capsys.readouterr().err
        assert shown.startswith(sentence)
        assert shown.count("\n") == 1


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_nothing(notebook, tmp_path, stop):
    begun = tmp_path / "begun"
    path = notebook(f"open({str(begun)!r}, 'w')\nimport time\ntime.sleep(60)")
    out = tmp_path / "outputs"
    command = [sys.executable, "-m", "batchlab", "run", str(path), str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(stop)
        _, shown = process.communicate(timeout=30)
    assert process.returncode == 130
    assert shown == "stopped\n"
    assert files(out) == []


def test_index_links_titles_lines_and_figures(notebook, tmp_path, capsys):
    out = tmp_path / "outputs"
    first, second = notebook(SHOW_FIGURE), notebook("print(n)", name="02 plain #.ipynb")
    for path in first, second:
        execute(path, out)

    assert main(["index", str(out), str(first), str(second)]) == 0

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
    assert main(["index", str(out), str(path)]) == 1
    assert "FAILED  01-example" in capsys.readouterr().err
    assert "not executed to its end at the last run" in (out / "index.html").read_text()
