"""A manifest says what is finished; it is data, and whoever wrote it decides nothing else."""

import json
import os
import threading

import pytest

from batchlab.runner import manifest
from batchlab.runner.manifest import ManifestError

ABOUT = {"made_of": {"n": 1}, "seconds": 2.5, "finished": "2026-11-21T19:00:00+00:00"}


@pytest.fixture
def folder(tmp_path):
    """A folder with the files of a notebook."""
    for ending in "ipynb", "html":
        (tmp_path / f"01-x.{ending}").write_text(ending)
    return tmp_path


def finish(folder, name="01-x"):
    entry = manifest.describe(folder, name, ABOUT)
    with manifest.locked(folder):
        manifest.write(folder, name, entry)
    return entry


def test_what_is_written_is_read_again(folder):
    assert manifest.read(folder) == {}
    entry = finish(folder)
    assert manifest.read(folder) == {"01-x": entry}
    assert manifest.is_whole(folder, "01-x", entry)
    assert sorted(os.listdir(folder)) == ["01-x.html", "01-x.ipynb", "manifest.json"]


@pytest.mark.parametrize("ending", ["ipynb", "html"])
def test_a_file_that_is_not_as_it_was_is_noticed(folder, ending):
    entry = finish(folder)
    file = folder / f"01-x.{ending}"
    text = file.read_text()
    for other in "", text[:-1], text.upper(), f"{text} ":
        file.write_text(other)
        assert not manifest.is_whole(folder, "01-x", entry)
    file.unlink()
    assert not manifest.is_whole(folder, "01-x", entry)
    (folder / "elsewhere").write_text(text)
    file.symlink_to(folder / "elsewhere")
    assert not manifest.is_whole(folder, "01-x", entry)


def test_files_of_another_name_are_never_looked_at(folder):
    entry = finish(folder)
    (folder / "other").write_text("ipynb")
    files = dict(entry["files"])
    files["../other"] = files.pop("01-x.ipynb")
    assert not manifest.is_whole(folder, "01-x", {**entry, "files": files})


GOOD = {**ABOUT, "files": {}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        "{}",
        "\xff",
        "[" * 100_000,
        "9" * 5000,
        '{"version": 1}',
        '{"version": 2, "runs": {}}',
        '{"version": "1", "runs": {}}',
        '{"version": 1, "runs": []}',
        '{"version": 1, "runs": {"01-x": null}}',
        '{"version": 1, "runs": {"01-x": {}}}',
        json.dumps({"version": 1, "runs": {"01-x": {**GOOD, "seconds": "1; rm -rf /"}}}),
        json.dumps({"version": 1, "runs": {"01-x": {**GOOD, "seconds": float("nan")}}}),
        json.dumps({"version": 1, "runs": {"01-x": {**GOOD, "seconds": -1}}}),
        json.dumps({"version": 1, "runs": {"01-x": {**GOOD, "files": "01-x.ipynb"}}}),
        json.dumps({"version": 1, "runs": {"01-x": {**GOOD, "made_of": [1]}}}),
        json.dumps({"version": 1, "runs": {"01-x": {**GOOD, "made_of": {"n": float("nan")}}}}),
        '{"version": 1, "runs": {"01-x": ' + '{"made_of": ' * 500 + "1" + "}" * 502,
    ],
)
def test_a_damaged_manifest_gets_one_sentence_and_is_replaced(folder, text):
    file = folder / "manifest.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ManifestError, match="expected a manifest of `batchlab run` in ") as caught:
        manifest.read(folder)
    assert str(caught.value).endswith("everything is run anew, and it is replaced")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(file))
    assert list(manifest.read(finish(folder) and folder)) == ["01-x"]


def test_a_manifest_that_is_a_link_or_a_pipe_is_replaced_and_its_target_left_alone(folder):
    elsewhere = folder / "elsewhere.json"
    elsewhere.write_text('{"version": 1, "runs": {}}')
    file = folder / "manifest.json"
    file.symlink_to(elsewhere)
    with pytest.raises(ManifestError, match="no plain file"):
        manifest.read(folder)
    finish(folder)
    assert elsewhere.read_text() == '{"version": 1, "runs": {}}'
    assert not file.is_symlink()
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ManifestError, match="no plain file"):
        manifest.read(folder)


def test_two_that_write_at_once_lose_nothing(folder):
    names = [f"{number:02}-x" for number in range(40)]
    for name in names:
        for ending in "ipynb", "html":
            (folder / f"{name}.{ending}").write_text(name)

    def write(some):
        for name in some:
            finish(folder, name)

    threads = [threading.Thread(target=write, args=[names[part::4]]) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(manifest.read(folder)) == names
