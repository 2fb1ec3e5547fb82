"""The README says what the notebooks say."""

import re

import readme

import batchlab as bl


def test_results_are_those_of_the_notebooks():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.results() in text
    assert readme.with_results(text) == text


def test_the_summary_of_the_ledger_is_that_of_the_notebook():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.ledger() in text
    count, *_, fifth = readme.ledger().strip().splitlines()
    numbers = re.fullmatch(
        r"Of (\d+) claims (\d+) are reproduced, (\d+) hold only under conditions or in part, "
        r"(\d+) are contradicted, and (\d+) cannot be decided here\.",
        count,
    )
    claims, *verdicts = map(int, numbers.groups())
    assert claims == sum(verdicts) == len(bl.CLAIMS)
    assert re.match(r"5\. \*.*\* \(.*, claim \d+\) ", fifth)


def test_a_changed_verdict_would_be_noticed():
    text = readme.README.read_text(encoding="utf-8")
    (reproduced,) = re.findall(r"claims (\d+) are reproduced", text)
    changed = text.replace(f"claims {reproduced} are reproduced", "claims 52 are reproduced")
    assert changed != text
    assert readme.with_results(changed) == text


def test_figure_is_that_of_the_notebook():
    assert readme.FIGURE.read_bytes() == readme.stored_figure()


def test_a_changed_number_would_be_noticed():
    text = readme.README.read_text(encoding="utf-8")
    mean = f"{readme.accuracy_row('04-minibatch', 'full batch (500)')['mean']:.3f}"
    assert mean in readme.results()
    changed = text.replace(f"| {mean} |", "| 0.999 |", 1)
    assert readme.results() not in changed
    assert readme.with_results(changed) == text


def test_links_lead_somewhere_and_every_notebook_is_listed():
    text = readme.README.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    missing = [link for link in links if not (readme.ROOT / link.partition("#")[0]).exists()]
    assert not missing
    notebooks = sorted(path.name for path in (readme.ROOT / "notebooks").glob("*.ipynb"))
    assert [name for name in notebooks if f"notebooks/{name}" not in links] == []


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = readme.README.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    for given, short in (
        ("epochs=200", "epochs=3"),
        ("epoch=[200]", "epoch=[3]"),
        ("seconds=30)", "seconds=90)"),  # on a busy machine
        ("=30)", "=20)"),
    ):
        code = code.replace(given, short)
    names = {}
    exec(code, names)
    assert set(names["table"].index) == {"train_accuracy", "val_accuracy", "train_loss", "val_loss"}
    assert isinstance(names["model"], bl.keras.Model)
    assert names["study"].sizes["batch_size"] == 4
    assert len(list((tmp_path / "sweeps").iterdir())) == 5  # a file a panel, and what was counted
    assert names["scores"].index.tolist() == ["test accuracy", "test loss"]
    assert names["needed"].loc[64, "total"] < 8e9 and names["largest"] > 64
    assert names["ledger"]["verdict"].tolist() == ["reproduced", "contradicted"]
    assert names["split"].index.tolist() == ["weights", "order", "both"]
    assert names["norms"]["norm"].sizes["batch_size"] == 3
    assert names["sharpness"].sizes["epoch"] == 2
    assert names["differences"].index.tolist() == [8, 128, 500]
