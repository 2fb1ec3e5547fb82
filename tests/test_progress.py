"""Progress is shown where somebody watches, and only there."""

import os
import pty
import subprocess
import sys
import termios

import nbclient
import nbformat
import pytest

RUN = "import batchlab as bl; bl.fit(bl.mlp, bl.blobs(), batch_size=1, epochs=200, replicates=9);"
AT_ONCE = "from batchlab import progress; progress.SECONDS_UNSEEN = 0; "


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


def in_a_kernel(code):
    """Run a cell in a kernel, as papermill and nbval do, and return its outputs as text."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    # ipykernel logs a warning about its sockets, which is not what is tested here.
    client = nbclient.NotebookClient(notebook, kernel_name="python3")
    client.extra_arguments = ["--log-level=CRITICAL"]
    client.execute()
    return "".join(output.get("text", "") for output in notebook.cells[0].outputs)


def test_a_terminal_shows_progress_and_keeps_nothing_of_it():
    shown = in_a_terminal(AT_ONCE + RUN)
    assert "batch size 1:" in shown
    assert "%" in shown
    assert shown.split("\r")[-1].strip() == ""


def test_a_short_run_shows_nothing():
    assert in_a_terminal(RUN.replace("epochs=200", "epochs=2")) == ""


@pytest.mark.parametrize(("opened_by_a_person", "expected"), [(True, True), (False, False)])
def test_a_notebook_shows_progress_only_to_a_person(monkeypatch, opened_by_a_person, expected):
    for name in ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_JUPYTER_IP"):
        monkeypatch.delenv(name, raising=False)
    if opened_by_a_person:  # Jupyter's server sets it for the kernels that it starts
        monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/02-batch.ipynb")
    assert ("batch size 1" in in_a_kernel(AT_ONCE + RUN)) is expected
