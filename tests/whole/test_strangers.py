"""A stranger's result is data: opening it runs no code and reads nothing outside the file."""

import base64
import html
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import h5py
import nbformat
import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import batchlab as bl
from batchlab.histories.netcdf import open_result
from batchlab.runner.headings import heading, plain
from batchlab.runner.pages import write_index

SECRET = np.array([[41.5, 42.5], [43.5, 44.5]])


def rates_study(problem, **changed):
    given = {"batch_size": 60, "learning_rate": [0.1, 0.01], "epochs": 2, "replicates": 2}
    return bl.sweep(bl.mlp, problem, **{**given, **changed})


@pytest.fixture(scope="module")
def kept(small, tmp_path_factory):
    """A folder with the two cells of a sweep, and the sweep."""
    folder = tmp_path_factory.mktemp("kept")
    return folder, rates_study(small, store=folder)


@pytest.fixture
def cell(kept, tmp_path):
    """A cell of a copy of that folder."""
    folder = Path(shutil.copytree(kept[0], tmp_path / "downloaded" / "cells"))
    return min(folder.iterdir())


@pytest.fixture
def secret(tmp_path):
    """A file outside the downloaded folder."""
    path = tmp_path / "elsewhere" / "unshared.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["val_loss"] = SECRET
    path.with_suffix(".raw").write_bytes(SECRET.tobytes())
    return path


# What is opened


def test_a_result_comes_back_as_it_was(small, history, tmp_path):
    study = rates_study(small, optimizer={"a": None, "b": bl.keras.optimizers.Adam()})
    for number, result in enumerate((history, study)):
        path = tmp_path / f"{number}.nc"
        result.to_netcdf(path, engine="h5netcdf")
        opened = open_result(path)
        path.unlink()  # nothing is read later
        assert opened.identical(result)
        for name, value in result.attrs.items():
            assert type(opened.attrs[name]) is type(value), name
    assert bl.evaluate(opened).equals(bl.evaluate(study))


def test_compressed_values_are_read_and_the_file_is_closed(history, tmp_path):
    path = tmp_path / "small.nc"
    packed = {"zlib": True, "shuffle": True, "fletcher32": True}
    encoding = {name: packed for name in history.data_vars}
    history.to_netcdf(path, engine="h5netcdf", encoding=encoding)
    assert open_result(str(path)).identical(history)
    with h5py.File(path, "a") as file:  # which an open file would refuse
        assert file["loss"].compression == "gzip"


def test_a_cell_of_a_store_is_a_result(small, cell):
    opened = open_result(cell)
    expected = bl.fit(
        bl.mlp,
        small,
        batch_size=60,
        epochs=2,
        replicates=2,
        keep_weights="none",
        optimizer=bl.keras.optimizers.SGD(opened.attrs["learning_rate"], momentum=0.9),
    )
    timed = ["compile_seconds", "training_seconds"]
    assert opened.attrs.keys() == expected.attrs.keys()
    assert opened.drop_attrs(deep=False).identical(expected.drop_attrs(deep=False))
    assert {name for name, value in opened.attrs.items() if value != expected.attrs[name]} <= {
        *timed
    }


def test_a_link_that_the_user_made_is_followed(cell, tmp_path):
    link = tmp_path / "link.nc"
    link.symlink_to(cell)
    assert open_result(link).identical(open_result(cell))


# What is not a result


def refused(path, received, kind=ValueError):
    with pytest.raises(kind) as caught:
        open_result(path)
    message = str(caught.value)
    assert "\n" not in message
    assert re.fullmatch(
        rf"path: expected a result of fit or sweep in {re.escape(str(path))}, received:? "
        rf"{received}\.",
        message,
    ), message


@pytest.mark.parametrize("value", [3, None, "", b"a.nc", ["a.nc"]])
def test_what_is_no_path(value):
    with pytest.raises(TypeError, match=r"^path: expected the path of a result, received .*\.$"):
        open_result(value)


def test_what_is_no_file(tmp_path):
    refused(tmp_path / "none.nc", "something other than a file")
    refused(tmp_path, "a folder")
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    refused(tmp_path / "pipe", "something other than a file")
    refused("/dev/zero", "something other than a file")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "a.nc", "something other than a file")


@pytest.mark.parametrize("part", [0, 0.001, 0.5, 0.95])
def test_a_truncated_result(cell, part):
    content = cell.read_bytes()
    cell.write_bytes(content[: int(len(content) * part)])
    refused(cell, r"a file that cannot be read \(\w+\)")


def test_a_changed_number_of_a_sealed_cell(cell):
    with h5py.File(cell, "r+") as file:
        file["val_loss"][0, 0] += 1e-12
    refused(cell, "numbers other than those that a sweep has written there")


def test_a_pickle_is_not_opened_by_running_it(tmp_path):
    class Malice:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / "result.nc"
    path.write_bytes(pickle.dumps({"val_loss": Malice()}))
    refused(path, r"a file that cannot be read \(\w+\)")
    assert not (tmp_path / "ran").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "ran").exists()  # so this was one that would have run


# What a file can be made to do


def external_link(file, secret):
    del file["val_loss"]
    file["val_loss"] = h5py.ExternalLink(str(secret), "/val_loss")


def relative_external_link(file, secret):
    file["more"] = h5py.ExternalLink(os.path.relpath(secret, Path(file.filename).parent), "/")


def soft_link(file, secret):
    file["more"] = h5py.SoftLink("/val_loss")


def link_in_a_group(file, secret):
    file.create_group("more")["val_loss"] = h5py.ExternalLink(str(secret), "/val_loss")


def a_group_in_itself(file, secret):
    group = file.create_group("more")
    group["more"] = group


def external_values(file, secret):
    del file["val_loss"]
    raw = [(str(secret.with_suffix(".raw")), 0, SECRET.nbytes)]
    file.create_dataset("val_loss", SECRET.shape, "f8", external=raw)


def virtual(file, secret):
    del file["val_loss"]
    layout = h5py.VirtualLayout(SECRET.shape, "f8")
    layout[:] = h5py.VirtualSource(str(secret), "val_loss", SECRET.shape)
    file.create_virtual_dataset("val_loss", layout)


def growing_virtual(file, secret):
    layout = h5py.VirtualLayout(SECRET.shape, "f8", maxshape=(None, 2))
    source = h5py.VirtualSource(str(secret), "val_loss", SECRET.shape, maxshape=(None, 2))
    layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
    file.create_virtual_dataset("more", layout)


def pickled_values(file, secret):
    file["more"] = np.void(pickle.dumps([1.0]))


def pickled_attribute(file, secret):
    file.attrs["more"] = np.void(pickle.dumps([1.0]))


def pickled_attribute_of_a_variable(file, secret):
    file["val_loss"].attrs["more"] = np.void(pickle.dumps([1.0]))


def ragged_values(file, secret):
    file.create_dataset("more", (2,), h5py.vlen_dtype("f8"))


def references(file, secret):
    file.create_dataset("more", (1,), h5py.ref_dtype)[0] = file["val_loss"].ref


def records(file, secret):
    file["more"] = np.zeros(2, [("a", "f8"), ("b", "S4")])


def named_type(file, secret):
    file["more"] = np.dtype("f8")


def too_large(file, secret):
    file.create_dataset("more", (10**15,), "f8", fillvalue=1.0)


def too_large_in_pieces(file, secret):
    file.create_dataset("more", (10**9, 10**9), "f8", chunks=(100, 100), compression="gzip")


def too_many_in_all(file, secret):
    for number in range(64):
        file.create_dataset(f"more {number}", (10**11,), "i1")


def too_many_texts(file, secret):
    file.create_dataset("more", (10**13,), h5py.string_dtype())


HOSTILE = {
    external_link: "an external link, 'val_loss'",
    relative_external_link: "an external link, 'more'",
    soft_link: "a soft link, 'more'",
    link_in_a_group: "a group, 'more'",
    a_group_in_itself: "a group, 'more'",
    external_values: "a dataset kept in another file, 'val_loss'",
    virtual: "a virtual dataset, 'val_loss'",
    growing_virtual: "a virtual dataset, 'more'",
    pickled_values: r"values of type \|V\d+, 'more'",
    pickled_attribute: r"an attribute of type \|V\d+, 'more'",
    pickled_attribute_of_a_variable: r"an attribute of type \|V\d+, 'more'",
    ragged_values: "values of type object, 'more'",
    references: "values of type object, 'more'",
    records: r"values of type \[.*\], 'more'",
    named_type: "a datatype, 'more'",
    too_large: r"arrays of 8e\+06 GB, with .* GB of memory free",
    too_large_in_pieces: r"arrays of 8e\+09 GB, with .* GB of memory free",
    too_many_in_all: r"arrays of 6.4e\+03 GB, with .* GB of memory free",
    too_many_texts: r"arrays of 6.4e\+05 GB, with .* GB of memory free",
}


def spoil(path, make, secret):
    """Put such a thing into a file; return what is said of it."""
    with h5py.File(path, "r+") as file:
        make(file, secret)
    return HOSTILE[make]


@pytest.mark.parametrize("make", HOSTILE)
def test_a_hostile_result_is_refused_in_one_sentence(cell, secret, make):
    refused(cell, spoil(cell, make, secret))


def test_a_small_file_that_is_read_in_large_pieces_is_refused(cell, monkeypatch):
    with h5py.File(cell, "r+") as file:
        file.create_dataset("more", (1,), "f8", chunks=(10**6,), maxshape=(None,))
    free = psutil.virtual_memory()._replace(available=7 * 10**6)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    refused(cell, "arrays of 0.008 GB, with 0.007 GB of memory free")


@pytest.mark.parametrize("make", [external_link, external_values, virtual, too_large])
def test_a_hostile_cell_of_a_store_is_computed_again(small, kept, cell, secret, make):
    path, received = cell, spoil(cell, make, secret)
    with pytest.warns(UserWarning) as caught:
        study = rates_study(small, store=path.parent)
    (warning,) = caught
    assert re.fullmatch(
        rf"store: expected a finished cell in {re.escape(str(path))}, received {received}; it is "
        r"computed again\.",
        str(warning.message),
    )
    timed = ["compile_seconds", "training_seconds"]
    assert study.drop_vars(timed).identical(kept[1].drop_vars(timed))
    open_result(path)  # and what is there now is a result


@pytest.mark.parametrize("make", [external_link, external_values, virtual])
def test_these_files_do_lead_outside(cell, secret, make):
    """Read without suspicion, they give away what is in the other file."""
    spoil(cell, make, secret)
    with h5py.File(cell) as file:
        np.testing.assert_array_equal(file["val_loss"], SECRET)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to see what is opened")
def test_the_file_outside_is_not_even_opened(cell, secret, tmp_path):
    makers = external_link, relative_external_link, external_values, virtual, growing_virtual
    cells = [Path(shutil.copy(cell, cell.parent / f"{make.__name__}.nc")) for make in makers]
    for path, make in zip(cells, makers, strict=True):
        spoil(path, make, secret)
    code = """
        import sys
        from batchlab.histories.netcdf import open_result
        for path in sys.argv[1:]:
            try:
                open_result(path)
            except ValueError as error:
                print(error)
    """
    trace = tmp_path / "trace"
    watched = ["strace", "-f", "-e", "trace=file", "-s", "4096", "-o", trace]
    ended = subprocess.run(
        [*watched, sys.executable, "-c", textwrap.dedent(code), *cells],
        capture_output=True,
        text=True,
    )
    if "ptrace" in ended.stderr:
        pytest.skip("no process can be watched here")
    said = ended.stdout.splitlines()
    assert len(said) == len(cells)
    opened = trace.read_text()
    for line, path in zip(said, cells, strict=True):
        assert line.startswith(f"path: expected a result of fit or sweep in {path}, received")
        assert str(path) in opened
    assert secret.stem not in opened


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a compiler to make a plug-in")
def test_a_plug_in_is_not_loaded(cell, tmp_path):
    """HDF5 loads a shared library for a filter that it does not know."""
    plugins, ran = tmp_path / "plugins", tmp_path / "ran"
    plugins.mkdir()
    source = tmp_path / "filter.c"
    source.write_text(
        "#include <stdio.h>\n"
        f'__attribute__((constructor)) void run(void) {{ fclose(fopen("{ran}", "w")); }}\n'
    )
    library = plugins / "libfilter.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    with h5py.File(cell, "r+") as file:
        description = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        description.set_chunk((4,))
        description.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1,))
        space = h5py.h5s.create_simple((4,))
        more = h5py.h5d.create(file.id, b"more", h5py.h5t.NATIVE_DOUBLE, space, description)
        more.write_direct_chunk((0,), np.ones(4).tobytes())

    def read_by(code):
        ended = subprocess.run(
            [sys.executable, "-c", code, cell],
            env={**os.environ, "HDF5_PLUGIN_PATH": str(plugins)},
            capture_output=True,
            text=True,
        )
        return ended.stderr

    said = read_by(
        "import sys; from batchlab.histories.netcdf import open_result; open_result(sys.argv[1])"
    )
    assert said.endswith(f"in {cell}, received values behind filter 32001, 'more'.\n")
    assert not ran.exists()
    read_by("import sys, h5py; h5py.File(sys.argv[1])['more'][()]")
    assert ran.exists()  # so this plug-in would have run


def test_attributes_are_not_evaluated(cell, tmp_path):
    ran = tmp_path / "ran"
    code = f"__import__('os').mkdir({str(ran)!r})"
    with h5py.File(cell, "r+") as file:
        for mark in "seal", "cell":
            del file.attrs[mark]
        for name in "optimizer_settings", "batch_size_schedule", "problem", "epochs":
            file.attrs[name] = code
        file["val_loss"].attrs["units"] = code
        file.attrs["many"] = np.arange(3)
    opened = open_result(cell)
    assert opened.attrs["optimizer_settings"] == code
    bl.evaluate(opened)
    assert not ran.exists()


@pytest.mark.parametrize("mark", ["seal", "cell"])
def test_marks_of_another_type_are_no_seal(small, cell, mark):
    with h5py.File(cell, "r+") as file:
        file.attrs[mark] = np.arange(3)
        file.attrs["more"] = np.arange(3)
    refused(cell, "numbers other than those that a sweep has written there")
    with pytest.warns(UserWarning, match="something other than what a sweep has written there"):
        rates_study(small, store=cell.parent)


# A stranger's notebook, of which the index shows the title, a line and a figure


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and so on").decode()


def card_of(folder, cells, metadata=None):
    """Return the card of a notebook, and whether it counts as failed."""
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (folder / "01-strange.ipynb").write_text(json.dumps(notebook))
    index, failed = write_index(folder, ["01-strange.ipynb"])
    page = index.read_text(encoding="utf-8")
    return page[page.index("<li>") : page.index("</li>")], failed == ["01-strange"]


def showing(png, **changed):
    return {"cell_type": "code", "outputs": [{"data": {"image/png": png}}], **changed}


def test_the_index_shows_a_strangers_notebook_as_text(tmp_path):
    script = "<script>alert(1)</script>"
    title = f"# {script} \"quoted\" 'twice' $title\n\n<img src=x onerror=alert(1)> is a line."
    outputs = [new_output("display_data", {"image/png": png}) for png in (f'"{script}', PNG)]
    cells = [new_markdown_cell(title), new_code_cell(outputs=outputs, execution_count=1)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01-strange.ipynb")
    index, failed = write_index(tmp_path, ["01-strange.ipynb"])
    assert failed == []
    page = index.read_text()
    card = page[page.index("<li>") : page.index("</li>")]
    shown = html.escape(script)
    assert card.count(shown) == 2  # as title, and as text in place of the image
    assert "<script" not in page
    assert re.findall(r"<(\w+)", card) == ["li", "img", "div", "h2", "a", "p", "p", "a", "a"]
    image = re.search(r"<img[^>]*>", card)[0]
    assert re.findall(r" (\w+)=", image) == ["src", "alt"]
    assert f'src="data:image/png;base64,{PNG}"' in image


@pytest.mark.parametrize(
    "png",
    [
        7,
        {"a": "b"},
        [PNG, 7],
        "",
        "no base64!",
        PNG[:-1],
        f'{PNG}" onerror="alert(1)',
        "é",
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
    ],
)
def test_the_index_shows_the_first_figure_that_is_one(tmp_path, png):
    card, failed = card_of(tmp_path, [showing(png)])
    assert "<img" not in card
    card, failed = card_of(tmp_path, [showing(png), showing(PNG)])
    assert f'base64,{PNG}"' in card
    assert not failed


def test_a_figure_in_several_lines_is_one(tmp_path):
    card, _ = card_of(tmp_path, [showing([f"{PNG[:8]}\n", f"{PNG[8:]}\n"])])
    assert f'base64,{PNG}"' in card


@pytest.mark.parametrize(
    "cell",
    [
        7,
        None,
        [],
        {},
        {"cell_type": "markdown"},
        {"cell_type": "markdown", "source": 7},
        {"cell_type": "markdown", "source": ["# a", 7]},
        {"cell_type": ["markdown"], "source": "# a"},
        {"cell_type": "code", "outputs": 7},
        {"cell_type": "code", "outputs": {"data": 7}},
        {"cell_type": "code", "outputs": [7, {"data": [7]}, {}]},
    ],
)
def test_what_is_no_cell_has_no_title_and_hides_no_figure(tmp_path, cell):
    card, failed = card_of(tmp_path, [cell, showing(PNG)])
    assert '<a href="01-strange.html">01-strange</a>' in card
    assert f'base64,{PNG}"' in card
    assert not failed


@pytest.mark.parametrize("seconds", ["3", "<b>", None, True, [3], -1, float("nan"), 10**400])
def test_seconds_that_are_none_are_not_shown(tmp_path, seconds):
    card, failed = card_of(tmp_path, [], {"papermill": {"duration": seconds}})
    assert card.endswith('<a href="01-strange.ipynb">notebook</a></p>\n</div>\n')
    assert not failed
    card, _ = card_of(tmp_path, [], {"papermill": {"duration": 3}})
    assert card.endswith(" · 3.0 s</p>\n</div>\n")


@pytest.mark.parametrize("metadata", [[], 7, "papermill", {"papermill": []}, {"papermill": 7}])
def test_metadata_that_is_none_says_nothing(tmp_path, metadata):
    cell = {"cell_type": "markdown", "source": "# Title\n\nA line. Another."}
    card, failed = card_of(tmp_path, [cell], metadata)
    assert '<a href="01-strange.html">Title</a>' in card
    assert "<p>A line.</p>" in card
    assert not failed


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "{", "{}", '{"cells": 7}', '{"cells": {}}', "[" * 100_000, b"\xff"]
)
def test_a_file_without_cells_is_a_notebook_that_failed(tmp_path, text):
    text = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "01-strange.ipynb").write_bytes(text)
    index, failed = write_index(tmp_path, ["01-strange.ipynb"])
    assert failed == ["01-strange"]
    assert "not executed to its end" in index.read_text()


def test_half_a_character_is_shown_as_a_question_mark(tmp_path):
    card, _ = card_of(tmp_path, [{"cell_type": "markdown", "source": "# A \ud800 title"}])
    assert ">A ? title</a>" in card


@pytest.mark.parametrize(
    "text", ["[", "[a", "[a](", "[a](b(", "*", "# ", "# a\n", "a b\n", "(", " "]
)
def test_a_title_of_any_text_takes_no_time(text):
    started = time.process_time()
    for many in (text * 50_000, f"# a{text * 50_000}b", f"# a\nb{text * 50_000}c"):
        heading(many, "name")
        plain(many)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# A *title*\nand a\nline\n\nMore.", ("A title", "and a\nline")),
        ("Before.\n\n# Title  \n \n  A line.  \n  \nMore.", ("Title", "A line.")),
        ("#  [Title](a_(b).html) of [x]", ("Title of [x]", "")),
        ("## Section", ("name", "")),
        ("# \n\nText.", ("name", "")),
        ("# ``\n\nText.", ("name", "Text.")),
    ],
)
def test_the_heading_is_the_first_title_and_the_paragraph_below_it(markdown, expected):
    assert heading(markdown, "name") == expected
