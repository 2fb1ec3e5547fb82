"""The live explorer, served for tests as `make app` serves it."""

import contextlib
import http.client
import socket
import subprocess
import sys
import time

import psutil

START_SECONDS = 120
END_SECONDS = 30


@contextlib.contextmanager
def served(notebook, log):
    """Serve a notebook on a free port; yield the server's process and its address.

    At the end it is asked to stop, and must leave no kernel behind.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "batchlab.explorer.voila", str(notebook)]
    with log.open("w") as said:
        server = subprocess.Popen(
            [*command, f"--port={port}", "--no-browser"],
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    process = psutil.Process(server.pid)
    try:
        wait_until_it_answers(server, port, log)
        yield process, f"http://127.0.0.1:{port}"
        kernels = process.children(recursive=True)
        server.terminate()
        server.wait(END_SECONDS)
        _, alive = psutil.wait_procs(kernels, END_SECONDS)
        if alive:
            raise RuntimeError(f"kernels outlive the server: {alive}")
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in [*process.children(recursive=True), process]:
                one.kill()
        server.wait()


def wait_until_it_answers(server, port, log):
    """Wait for a file of the page; the page itself would start a kernel."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError):
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            with contextlib.closing(asked):
                asked.request("GET", "/static/voila.js")
                asked.getresponse()
            return
        time.sleep(0.1)
    raise RuntimeError(f"the explorer does not answer:\n{log.read_text()}")


def listening(process):
    """Return the addresses at which a process and its children can be reached."""
    return {
        connection.laddr.ip
        for one in [process, *process.children(recursive=True)]
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
