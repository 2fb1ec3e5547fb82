"""The first use imports NumPy, Keras and TensorFlow: Ctrl-C, and no standard error, stop none."""

import contextlib
import io
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import batchlab as bl
from batchlab.foundation import interrupts, progress
from batchlab.foundation.interrupts import imported_whole

RUN = "print(bl.fit(bl.mlp, bl.blobs(60, n_train=40), batch_size=20, epochs=1).sizes['epoch'])"
# Presses Ctrl-C when one of these modules is about to be imported.
PRESS = """
    import os, signal, sys

    class Press:
        def find_spec(self, name, path=None, target=None):
            if name in sys.argv[1:]:
                sys.argv.remove(name)
                os.kill(os.getpid(), signal.SIGINT)

    sys.meta_path.insert(0, Press())
    import batchlab as bl
"""


def python(code, *arguments, **settings):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        timeout=200,
        **settings,
    )


FIRST = f"""{PRESS}
    try:
        bl.fit
    except KeyboardInterrupt:
        print("interrupted", "tensorflow" in sys.modules, "batchlab.training.fit" in sys.modules)
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    {RUN}
"""


@pytest.mark.parametrize(
    "moment",
    [
        ["numpy._core.overrides"],
        ["tensorflow.python.trackable.data_structures", "tensorflow.python.data", "tensorflow"],
        ["pandas._libs.tslibs", "matplotlib.pyplot", "xarray.core"],
    ],
    ids=lambda moment: moment[0],
)
def test_ctrl_c_in_the_first_import_stops_the_call_and_the_next_one_works(moment):
    ended = python(FIRST, *moment, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stdout.split("\n")) == (
        0,
        ["interrupted True True", "True", "1", ""],
    ), ended.stderr


def test_an_import_that_hangs_can_be_stopped_and_the_next_call_says_what_to_do():
    code = f"""{PRESS}
    from batchlab.foundation import interrupts
    interrupts.PATIENCE = 0
    for _ in range(2):
        try:
            bl.fit
        except BaseException as error:
            print(type(error).__name__, error)
    print(hasattr(bl, "nonsense"))
    """
    moments = "keras", "tensorflow.python.trackable.data_structures"
    ended = python(code, *moments, stderr=subprocess.PIPE)
    assert ended.stdout.splitlines() == [
        "KeyboardInterrupt ",
        "ImportError imports: expected modules that were imported whole, received some whose "
        "import was interrupted; start Python anew (in a notebook, restart the kernel).",
        "False",
    ], ended.stderr


@contextlib.contextmanager
def handled_by(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_users_own_sees_ctrl_c_once_at_the_end():
    seen = []

    def own(number, frame):
        seen.append(number)

    with handled_by(own):
        with imported_whole():
            with imported_whole():
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            assert seen == []
        assert seen == [signal.SIGINT]


def test_ctrl_c_is_not_lost_where_the_import_fails():
    with handled_by(signal.default_int_handler), pytest.raises(KeyboardInterrupt) as caught:
        with imported_whole():
            signal.raise_signal(signal.SIGINT)
            raise ModuleNotFoundError("keras")
    assert isinstance(caught.value.__context__, ModuleNotFoundError)


def test_a_press_much_later_goes_through(monkeypatch):
    monkeypatch.setattr(interrupts._Later, "torn", False)
    monkeypatch.setattr(interrupts, "PATIENCE", 0)
    with handled_by(signal.default_int_handler):
        with pytest.raises(KeyboardInterrupt), imported_whole():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("it went on")
        with pytest.raises(ImportError, match=r"^imports: expected .*\.$"), imported_whole():
            raise AttributeError("partially initialized module")
        with imported_whole():
            assert bl.fit is bl.fit
        with pytest.raises(AttributeError, match="nonsense"):
            _ = bl.nonsense


def test_a_handler_installed_by_the_body_stays():
    def own(number, frame):
        pytest.fail("nobody pressed")

    with handled_by(signal.default_int_handler):
        with imported_whole():
            signal.signal(signal.SIGINT, own)
        assert signal.getsignal(signal.SIGINT) is own
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_the_system_does_with_it_stays(handler):
    with handled_by(handler), imported_whole():
        assert signal.getsignal(signal.SIGINT) == handler


def test_another_thread_sets_no_handler():
    found = []

    def work():
        with imported_whole():
            found.append(signal.getsignal(signal.SIGINT))

    with handled_by(signal.default_int_handler):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [signal.default_int_handler]


# Standard error that is none


CLOSED = {
    "all streams, by the shell": ("012", ""),
    "the stream alone": ("", "sys.stderr.close()"),
    "another kind": ("", "sys.stderr = object()"),
}


def without(closed, *command, **settings):
    """Run Python with these descriptors closed before it starts, as ``2>&-`` does."""
    start = "import os, sys; [os.close(int(n)) for n in sys.argv[1]]; os.execv(sys.executable, "
    start += "[sys.executable, *sys.argv[2:]])"
    given = [sys.executable, "-c", start, closed, *command]
    return subprocess.run(given, capture_output=True, text=True, timeout=200, **settings)


@pytest.mark.parametrize("case", CLOSED)
def test_no_standard_error_changes_nothing(case, tmp_path):
    closed, inside = CLOSED[case]
    code = f"""
        import sys
        {inside}
        import batchlab as bl
        history = bl.fit(bl.mlp, bl.blobs(60, n_train=40), batch_size=20, epochs=1)
        open(sys.argv[1], "w").write(str(history.sizes["epoch"]))
        sys.stderr = sys.__stderr__  # Python itself flushes it at the end
    """
    told = tmp_path / "told"
    ended = without(closed, "-c", textwrap.dedent(code), told)
    assert ended.returncode == 0, ended.stderr
    assert told.read_text() == "1"


def test_no_file_takes_the_number_of_a_closed_standard_error(tmp_path):
    code = """
        import os, sys
        import batchlab as bl
        bl.fit
        with open(sys.argv[1], "w"):
            os.write(2, b"what TensorFlow logs")
    """
    told = tmp_path / "told"
    assert without("2", "-c", textwrap.dedent(code), told).returncode == 0
    assert told.read_text() == ""


def test_a_users_file_that_has_that_number_is_left_alone(tmp_path):
    code = """
        import os, sys
        from batchlab.foundation.backend import _standard_error_held_back
        file = open(sys.argv[1], "w")
        if file.fileno() != 2:  # opened before TensorFlow was imported, it would be so by itself
            os.dup2(file.fileno(), 2)
        try:
            with _standard_error_held_back():
                os.write(2, b"the user's, ")
                raise ValueError
        except ValueError:
            file.write("whole")
    """
    told = tmp_path / "told"
    assert without("2", "-c", textwrap.dedent(code), told).returncode == 0
    assert told.read_text() == "the user's, whole"


@pytest.mark.parametrize("closed", ["2", "1", "02", "012"])
@pytest.mark.parametrize(("command", "status", "stream"), [("list", 0, 1), ("run nonsense", 2, 2)])
def test_the_command_line_without_streams(closed, command, status, stream):
    ended = without(closed, "-m", "batchlab", *command.split())
    said = {1: ended.stdout, 2: ended.stderr}
    assert ended.returncode == status, said
    assert "Traceback" not in said[1] + said[2]
    assert bool(said[stream]) == (str(stream) not in closed)


def test_nobody_watches_where_there_is_no_standard_error(monkeypatch):
    closed = io.StringIO()
    closed.close()
    for stream in None, object(), closed:
        monkeypatch.setattr(sys, "stderr", stream)
        assert not progress.watched()
