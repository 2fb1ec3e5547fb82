"""The three descriptions of the environment, read alike; run it to write environment.yml."""

import re
import tomllib
from collections import defaultdict
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
GPU_LOCK = ROOT / "requirements-gpu.lock"
CONDA = ROOT / "environment.yml"

HEADER = """\
# Written by `make lock`: the versions of requirements.lock, for conda.
name: batchlab
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def ranges(extras=("app", "cluster", "notebooks", "site", "test")):
    """Return the direct requirements of pyproject.toml, those that build it among them."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = pyproject["project"]
    lines = [*project["dependencies"], *pyproject["build-system"]["requires"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def pins(path):
    """Return the pins of a lock file, `name==version ; marker`, each with its hashes."""
    found, pin = {}, ""
    for line in path.read_text().splitlines():
        text = line.removesuffix("\\").strip()
        if text.startswith("--hash="):
            found[pin].append(text.removeprefix("--hash="))
        elif text and not text.startswith("#"):
            pin = text
            found[pin] = []
    return found


def conda_pins():
    """Return what environment.yml has pip install."""
    described = yaml.safe_load(CONDA.read_text())["dependencies"]
    return next(item["pip"] for item in described if isinstance(item, dict))


def versions(lines):
    """Return each package's pinned versions; another one may hold for another Python."""
    found = defaultdict(list)
    for requirement in map(Requirement, lines):
        version = re.fullmatch(r"==([^*]+)", str(requirement.specifier))[1]
        found[canonicalize_name(requirement.name)].append(version)
    return dict(found)


def write_conda():
    """Write environment.yml from the lock."""
    lines = [*pins(LOCK), "-e ."]
    CONDA.write_text(HEADER + "".join(f"      - {line}\n" for line in lines))


if __name__ == "__main__":
    write_conda()
