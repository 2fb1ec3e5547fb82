"""tools/pythons.py: what another Python dislikes is told in a sentence, on a made-up package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import pythons  # noqa: E402

# Warns as `importlib.abc` does of Traversable: whoever imports the name is to blame.
MOVED = """
import warnings
warnings.warn("I am old", DeprecationWarning)
def __getattr__(name):
    if name == "Moved":
        warnings.warn("'elsewhere.Moved' is deprecated", DeprecationWarning, stacklevel=2)
        return int
    raise AttributeError(name)
"""


@pytest.fixture
def made_up(tmp_path):
    """Return a project whose package has no fault yet."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "tiny"\nrequires-python = ">=3.11,<3.14"\n'
    )
    (tmp_path / "elsewhere.py").write_text(MOVED)
    for name in ("tiny", "tiny/below", "docs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "tiny" / "first.py").write_text("import elsewhere\nfrom . import second\n")
    (tmp_path / "tiny" / "second.py").write_text("from .below import third\n")
    (tmp_path / "tiny" / "below" / "third.py").write_text("import elsewhere\n")
    (tmp_path / "docs" / "page.py").write_text("import nothing_of_this_name\n")
    return tmp_path


def tried(root):
    """Return the exit status and the lines that a try under this Python prints."""
    done = subprocess.run(
        [sys.executable, TOOLS / "pythons.py", root], capture_output=True, text=True
    )
    return done.returncode, done.stdout.splitlines()


def test_a_package_without_fault_passes_whatever_others_warn_of_themselves(made_up):
    status, (said,) = tried(made_up)
    assert status == 0
    assert said == f"Python {pythons.THIS}: 5 modules imported, 2 more files compiled"


def test_a_deprecated_import_is_one_line_and_names_module_python_and_warning(made_up):
    (made_up / "tiny" / "below" / "third.py").write_text("from elsewhere import Moved\n")
    status, (_, said) = tried(made_up)
    assert status == 1
    assert said == (
        f"tiny.below.third: expected to suit Python {pythons.THIS}, "
        "received DeprecationWarning: 'elsewhere.Moved' is deprecated."
    )


def test_a_file_beside_the_package_is_compiled(made_up):
    (made_up / "docs" / "page.py").write_text("x = 1\nis_one = x is 1\n")
    status, (_, said) = tried(made_up)
    assert status == 1
    assert said.startswith(f"docs/page.py: expected to suit Python {pythons.THIS}, received Syntax")
    assert "line 2" in said


def test_a_missing_package_is_a_fault(made_up):
    (made_up / "tiny" / "first.py").write_text("import nothing_of_this_name\n")
    status, (_, said) = tried(made_up)
    assert status == 1
    assert said.startswith("tiny.first: ") and "ModuleNotFoundError" in said


def test_a_python_that_is_not_here_is_told_and_skipped(made_up, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(made_up))
    monkeypatch.setenv("PYENV_ROOT", str(made_up))
    for version in ("3.11", "3.12", "3.13"):  # as pyenv's shims are where none is chosen
        shim = made_up / f"python{version}"
        shim.write_text("#!/bin/sh\nexit 127\n")
        shim.chmod(0o755)
    assert pythons.main(made_up) == 0
    others = [version for version in ("3.11", "3.12", "3.13") if version != pythons.THIS]
    assert capsys.readouterr().out.splitlines() == [
        f"Python {version}: skipped, there is none on the PATH or in pyenv" for version in others
    ]


def test_a_python_is_found_on_the_path_and_in_pyenv(tmp_path, monkeypatch):
    version, place = pythons.THIS, tmp_path / "versions" / f"{pythons.THIS}.1" / "bin"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert pythons.find(version) is None
    place.mkdir(parents=True)
    (place / f"python{version}").symlink_to(sys.executable)
    assert pythons.find(version) == place / f"python{version}"
    (tmp_path / f"python{version}").symlink_to(sys.executable)
    assert pythons.find(version) == tmp_path / f"python{version}"


def test_what_one_python_dislikes_fails_the_whole(made_up, monkeypatch, capsys):
    (made_up / "tiny" / "first.py").write_text("from elsewhere import Moved\n")
    monkeypatch.setattr(pythons, "THIS", "3.14")
    monkeypatch.setattr(pythons, "find", lambda version: Path(sys.executable))
    monkeypatch.setattr(pythons, "environment", lambda version, python, root: python)
    assert pythons.main(made_up) == 1
    assert capsys.readouterr().out.count("tiny.first: ") == 3


def test_an_environment_that_cannot_be_made_fails_in_a_sentence(made_up, monkeypatch, capfd):
    (made_up / pythons.LOCK).write_text("nothing-of-this-name @ file:///nowhere.whl\n")
    monkeypatch.setattr(pythons, "find", lambda version: made_up / "no-python")
    assert pythons.main(made_up) == 1
    assert f"expected uv to install {pythons.LOCK}, received status" in capfd.readouterr().out


def test_an_environment_is_made_once_and_again_when_the_lock_changed(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(pythons, "is_python", lambda program, version: True)
    monkeypatch.setattr(subprocess, "run", lambda command, check: made.append(command[4]))
    (tmp_path / pythons.LOCK).touch()
    (tmp_path / ".venv-3.12").mkdir()
    for expected in (["venv", "pip"], []):
        made.clear()
        pythons.environment("3.12", Path("python3.12"), tmp_path)
        assert made == expected
    stamp = tmp_path / ".venv-3.12" / f"installed-{pythons.LOCK}"
    later = stamp.stat().st_mtime + 10
    os.utime(tmp_path / pythons.LOCK, (later, later))
    pythons.environment("3.12", Path("python3.12"), tmp_path)
    assert made == ["venv", "pip"]


def test_only_a_range_of_pythons_is_read(made_up):
    assert pythons.promised(made_up) == ["3.11", "3.12", "3.13"]
    (made_up / "pyproject.toml").write_text('[project]\nname = "tiny"\nrequires-python = "~=3.1"\n')
    with pytest.raises(ValueError, match=r"^requires-python: expected .*, received ~=3.1\.$"):
        pythons.promised(made_up)
