"""Import the package under the other Pythons that pyproject.toml promises, warnings as errors.

python tools/pythons.py           makes an environment for each that is found here
python tools/pythons.py FOLDER    tries the project in this folder under the running Python alone
"""

import importlib
import os
import re
import subprocess
import sys
import tomllib
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements.lock"
# What is compiled, but not imported.
BESIDE = ("docs", "tests", "tools")
THIS = f"3.{sys.version_info.minor}"


def project(root: Path) -> dict:
    """Return what pyproject.toml says of the project."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def promised(root: Path) -> list[str]:
    """Return the Pythons that the project is for, 3.11 for instance."""
    written = project(root)["requires-python"]
    bounds = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", written)
    if not bounds:
        raise ValueError(f"requires-python: expected >=3.x,<3.y, received {written}.")
    return [f"3.{minor}" for minor in range(int(bounds[1]), int(bounds[2]))]


def is_python(program: Path, version: str) -> bool:
    """Return whether a program is this Python; a shim of pyenv may be none."""
    says = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([program, "-c", says], capture_output=True, text=True)
    except OSError:
        return False
    return done.stdout.strip() == version


def find(version: str) -> Path | None:
    """Return a Python of this version on the PATH or among those of pyenv, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    folders = [*os.get_exec_path(), *sorted(pyenv.glob(f"{version}*/bin"))]
    programs = (Path(folder, f"python{version}") for folder in folders)
    return next((program for program in programs if is_python(program, version)), None)


def environment(version: str, python: Path, root: Path) -> Path:
    """Return the Python of an environment as locked, which is made if it is missing or old."""
    folder, lock = root / f".venv-{version}", root / LOCK
    # The stamp is the last thing that an installation writes: one that was interrupted is redone.
    stamp, made = folder / f"installed-{LOCK}", folder / "bin" / "python"
    is_new = stamp.exists() and stamp.stat().st_mtime >= lock.stat().st_mtime
    if not (is_new and is_python(made, version)):
        print(f"making the environment {folder.name} from {LOCK} (once) …", flush=True)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        # By uv: it takes seconds where pip takes minutes.
        subprocess.run([*uv, "venv", "--clear", "--python", python, folder], check=True)
        subprocess.run([*uv, "pip", "sync", "--require-hashes", "--python", made, lock], check=True)
        stamp.touch()
    return made


def verdict(root: Path) -> list[str]:
    """Return what was tried under the running Python, and a sentence for each fault it finds."""
    package = project(root)["name"]
    ours = re.compile(rf"{re.escape(package)}(\.|$)")
    modules = sorted(root.glob(f"{package}/**/*.py"))
    beside = sorted(file for folder in BESIDE for file in root.glob(f"{folder}/**/*.py"))
    found = {}  # by what was said: each module that imports a faulty one says the same
    warnings.simplefilter("error")
    for file in modules + beside:
        try:
            compile(file.read_bytes(), file, "exec", dont_inherit=True)
        except SyntaxError as error:
            found[str(error)] = told(file.relative_to(root), error)
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(root))
    for file in modules:
        name = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        # Other packages may warn of themselves, and set filters while they are imported.
        warnings.filterwarnings("error", module=ours.pattern)
        try:
            importlib.import_module(name)
        except Exception as error:
            frames = traceback.walk_tb(error.__traceback__)
            through = [frame.f_globals.get("__name__", "") for frame, _ in frames]
            to_blame = [name, *filter(ours.match, through)][-1]
            found.setdefault(str(error), told(to_blame, error))
    counts = f"{len(modules)} modules imported, {len(beside)} more files compiled"
    return [f"Python {THIS}: {counts}", *found.values()]


def told(where: object, error: Exception) -> str:
    """Return the sentence about a file or module."""
    what = f"{type(error).__name__}: {str(error).rstrip('.')}"
    return f"{where}: expected to suit Python {THIS}, received {what}."


def tried(version: str, root: Path) -> tuple[int, str]:
    """Return whether a Python found faults, 1 or 0, and what it said."""
    python = find(version)
    if python is None:
        return 0, f"Python {version}: skipped, there is none on the PATH or in pyenv"
    try:
        made = environment(version, python, root)
    except subprocess.CalledProcessError as error:
        ended = f"expected uv to install {LOCK}, received status {error.returncode}."
        return 1, f"Python {version}: {ended}"
    done = subprocess.run([made, "-I", __file__, root], capture_output=True, text=True)
    return int(done.returncode != 0), (done.stdout or done.stderr).strip()


def main(root: Path = ROOT) -> int:
    """Try the other Pythons that are promised, beside each other; return 1 if one found faults."""
    others = [version for version in promised(root) if version != THIS]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(tried, others, [root] * len(others)))
    print(*(said for _, said in results), sep="\n")
    return max((status for status, _ in results), default=0)


if __name__ == "__main__":
    if sys.argv[1:]:
        lines = verdict(Path(sys.argv[1]).resolve())
        print(*lines, sep="\n")
        sys.exit(len(lines) > 1)
    sys.exit(main())
