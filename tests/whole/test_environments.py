"""pyproject.toml, the locks and environment.yml describe one environment."""

import re

import pytest
import yaml
from environments import CONDA, GPU_LOCK, LOCK, conda_pins, pins, ranges, versions
from packaging.utils import canonicalize_name

LOCKS = pytest.mark.parametrize("lock", [LOCK, GPU_LOCK], ids=lambda lock: lock.name)


def outside(requirements, pinned):
    """Return the requirements that no pin satisfies, or that only some of the pins satisfy."""
    return [
        str(requirement)
        for requirement in requirements
        if not (locked := pinned.get(canonicalize_name(requirement.name)))
        or not all(version in requirement.specifier for version in locked)
    ]


@LOCKS
def test_lock_holds_every_requirement_in_its_range(lock):
    assert outside(ranges(), versions(pins(lock))) == []


def test_gpu_lock_adds_to_the_lock_and_changes_nothing():
    assert outside(ranges(["gpu"]), versions(pins(GPU_LOCK))) == []
    assert pins(LOCK).items() < pins(GPU_LOCK).items()


@LOCKS
def test_every_pin_has_hashes_and_no_address(lock):
    assert "://" not in lock.read_text()
    found = pins(lock)
    assert len(found) > 100
    for pin, hashes in found.items():
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", item) for item in hashes), pin


def test_conda_has_the_versions_of_the_lock():
    *pinned, package = conda_pins()
    assert pinned == list(pins(LOCK))
    assert package == "-e ."
    described = yaml.safe_load(CONDA.read_text())
    assert described["name"] == "batchlab"
    assert "python=3.11" in described["dependencies"]


def test_a_version_out_of_range_or_a_missing_package_is_noticed():
    pinned = versions(pins(LOCK))
    requirements = ranges()
    assert outside(requirements, pinned | {"keras": ["2.15.0"]}) == ["keras<3.16,>=3.13"]
    assert outside(requirements, pinned | {"numpy": ["2.4.0", "1.26.0"]}) == ["numpy>=2.1"]
    del pinned["ruff"]
    assert [line.partition(">")[0] for line in outside(requirements, pinned)] == ["ruff"]
