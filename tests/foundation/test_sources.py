"""What a result depends on: the modules behind it are those that are imported with it."""

import json
import subprocess
import sys

import pytest

import batchlab as bl
from batchlab.foundation import sources
from batchlab.foundation.sources import digest_behind, modules_behind, public_modules

LOADED = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name in sys.modules if name.partition(".")[0] == "batchlab"]))
"""


@pytest.mark.parametrize(
    "module",
    ["engine.training", "figures.histories", "ledger.evidence.experiments", "runner.one_notebook"],
)
def test_all_that_is_imported_is_behind_a_module(module):
    command = [sys.executable, "-c", LOADED, f"batchlab.{module}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert set(json.loads(done.stdout)) <= set(modules_behind([f"batchlab.{module}"]))


def test_no_more_is_behind_the_engine_than_it_stands_on():
    behind = modules_behind(["batchlab.engine.training"])
    rooms = {name.split(".")[1] for name in behind if name.count(".")}
    assert rooms == {"engine", "foundation", "histories", "problems"}


def test_public_names_are_found_where_they_are_defined():
    modules = public_modules()
    assert set(modules) == set(bl.__all__)
    assert all(modules_behind([module]) for module in modules.values())
    assert modules["fit"] == "batchlab.training.fit"


def test_a_digest_is_of_the_code_and_of_data_beside_it(tmp_path, monkeypatch):
    (tmp_path / "room").mkdir()
    files = {
        "__init__.py": "",
        "room/__init__.py": "",
        "room/one.py": "from batchlab.room import (\n    two,\n)\n",
        "room/two.py": "def f():\n    from batchlab.room.three import x\n",
        "room/three.py": "x = 1\n",
        "room/other.py": "from batchlab.room import one\n",
        "room/data.nc": "1",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sources.resources, "files", lambda name: tmp_path)
    names = {f"batchlab.room.{name}" for name in ("one", "two", "three")} | {"batchlab.room"}
    names.add("batchlab")
    assert set(modules_behind(["batchlab.room.one"])) == names
    before = digest_behind(["batchlab.room.one"])
    for name in files:
        (tmp_path / name).write_text("# edited\n" + files[name])
        assert (digest_behind(["batchlab.room.one"]) == before) == (name == "room/other.py")
        (tmp_path / name).write_text(files[name])
    assert digest_behind(["batchlab.room.one"]) == before
    (tmp_path / "room" / ".one.py.swp").write_text("of an editor")
    assert digest_behind(["batchlab.room.one"]) == before
