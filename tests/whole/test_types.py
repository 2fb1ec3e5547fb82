"""The library passes mypy, and mypy tells a caller of a wrong argument."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CALLS = """import batchlab as bl

bl.fit(bl.mlp, bl.blobs(), batch_size=32, epochs=5)
bl.fit(bl.mlp, bl.blobs(), batch_size=32, epochs="five")
"""


def test_a_wrong_argument_is_an_error_of_mypy_and_all_else_is_none(tmp_path):
    calls = tmp_path / "calls.py"
    calls.write_text(CALLS, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "batchlab", str(calls)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    errors = [line for line in found.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 1, found.stdout + found.stderr
    assert "calls.py:4: error: " in errors[0]
    assert '"epochs"' in errors[0] and '"str"' in errors[0]
