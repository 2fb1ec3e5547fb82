"""Progress is shown where somebody watches, and only there."""

import itertools
import os
import pty
import re
import subprocess
import sys
import termios
import time

import nbclient
import nbformat
import pytest

import batchlab as bl
from batchlab.foundation import progress

RUN = "import batchlab as bl; bl.fit(bl.mlp, bl.blobs(), batch_size=1, epochs=200, replicates=9);"
AT_ONCE = "from batchlab.foundation import progress; progress.SECONDS_UNSEEN = 0; "


def in_a_terminal(code):
    """Run Python with standard error on a terminal and return what came there."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            piece = b""
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


def in_a_kernel(*codes):
    """Run cells in a kernel, as papermill and nbval do, and return the outputs of each as text."""
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, codes)])
    # ipykernel logs a warning about its sockets, which is not what is tested here.
    client = nbclient.NotebookClient(notebook, kernel_name="python3")
    client.extra_arguments = ["--log-level=CRITICAL"]
    client.execute()
    return ["".join(each.get("text", "") for each in cell.outputs) for cell in notebook.cells]


def test_a_terminal_shows_a_long_run_and_keeps_nothing_of_it():
    short = RUN.replace("epochs=200, replicates=9", "epochs=2, replicates=2")
    assert short != RUN
    then = "import sys; sys.stderr.write('short'); sys.stderr.flush(); "
    before, shown = in_a_terminal(short + then + AT_ONCE + RUN).split("short")
    assert before == ""
    assert "batch size 1:" in shown
    assert "%" in shown
    assert shown.split("\r")[-1].strip() == ""


def test_a_notebook_shows_progress_only_to_a_person(monkeypatch):
    for name in ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_JUPYTER_IP"):
        monkeypatch.delenv(name, raising=False)
    # Jupyter's server sets it for the kernels that it starts.
    opened = "import os; os.environ['JPY_SESSION_NAME'] = 'notebooks/02-batch.ipynb'"
    unseen, seen = in_a_kernel(AT_ONCE + RUN, f"{opened}\n{RUN}")
    assert "batch size 1" not in unseen
    assert "batch size 1" in seen


# Sweeps


@pytest.fixture
def slow_cells(small, monkeypatch):
    """Cells that are not trained but take a fifth of a second each."""
    history = bl.fit(bl.mlp, small, batch_size=16, epochs=1, keep_weights="none")

    def train_here(cells, **_):
        for cell in cells:
            time.sleep(0.2)
            yield cell, history

    monkeypatch.setattr("batchlab.training.sweep.train_here", train_here)
    monkeypatch.setattr(progress, "SECONDS_UNSEEN", 0)


def counts(shown):
    """Return what a bar has shown first of each number: cells done, in all, seconds left."""
    found = re.findall(r"sweep: +\d+%.*? (\d+)/(\d+) \[00:\d\d<00:(\d\d)", shown)
    rows = [tuple(map(int, numbers)) for numbers in found]
    # Each second the bar is drawn again, whether or not a cell is done.
    return [next(same) for _, same in itertools.groupby(rows, lambda row: row[0])]


def test_a_sweep_shows_cells_done_and_left_and_the_time_they_will_take(small, slow_cells, capsys):
    rates = [rate / 100 for rate in range(1, 13)]
    settings = {"batch_size": 16, "epochs": 1, "progress": True}
    bl.sweep(bl.mlp, small, learning_rate=rates, **settings)
    shown = counts(capsys.readouterr().err)
    assert [done for done, *_ in shown] == list(range(1, 13))
    assert {total for _, total, _ in shown} == {12}
    # It takes at least 2.4 seconds; tqdm shows whole ones.
    assert shown[0][2] >= 2
    assert shown[-1][2] == 0


def test_what_the_store_has_is_done_already(small, slow_cells, capsys, tmp_path):
    settings = {"batch_size": 16, "epochs": 1, "progress": True, "store": tmp_path}
    rates = [rate / 100 for rate in range(1, 12)]
    bl.sweep(bl.mlp, small, learning_rate=rates[:6], **settings)
    capsys.readouterr()
    bl.sweep(bl.mlp, small, learning_rate=rates, **settings)
    shown = counts(capsys.readouterr().err)
    assert [(done, total) for done, total, _ in shown] == [(done, 11) for done in range(7, 12)]


@pytest.fixture
def now(monkeypatch):
    """The clock of progress bars, to be moved by hand."""
    now = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    monkeypatch.setattr(progress, "SECONDS_UNSEEN", 0)
    return now


def test_the_time_left_does_not_count_what_was_done_before(now, capsys):
    bar = progress.progress_bar(11, unit="cell", description="sweep", show=True, done=6)
    with bar:
        now[0] += 10.0
        bar.update()
    assert counts(capsys.readouterr().err) == [(7, 11, 40)]


def test_the_time_left_is_fair_if_cells_come_in_waves(now, capsys):
    with progress.progress_bar(64, unit="cell", description="sweep", show=True) as bar:
        for cell in range(32):
            now[0] += 16.0 if cell % 16 == 0 else 0.2  # sixteen are compiled first
            bar.update()
    (*_, last) = counts(capsys.readouterr().err)
    assert last[:2] == (32, 64)
    assert 37 <= last[2] <= 39  # as long as the first half took


def test_a_sweep_shows_nothing_where_nobody_watches(small, slow_cells, capsys):
    bl.sweep(bl.mlp, small, batch_size=[16, 30], epochs=1)
    bl.sweep(bl.mlp, small, batch_size=[16, 30], epochs=1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_cells_show_no_bars_of_their_own(small, capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_UNSEEN", 0)
    bl.sweep(bl.mlp, small, batch_size=[1, 2], epochs=200, replicates=9, progress=True)
    shown = capsys.readouterr().err
    assert "sweep" in shown
    assert "batch size" not in shown
    assert "weights" not in shown


def test_a_bar_ticks_while_a_unit_takes_long(capfd, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_A_TICK", 0.05)
    for show, seen in ((True, True), (False, False)):
        bar = progress.progress_bar(4, unit="cell", description="sweep", show=show)
        with bar, progress.ticking(bar):
            time.sleep(0.3)
        assert ("0/4" in capfd.readouterr().err) == seen
