"""Figures of the ledger, by their labels, marks and colours; what notebook 11 has stored."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from made_up import CASES

from batchlab.ledger.claims import CLAIMS, choose_claims
from batchlab.ledger.figures import plot_findings, plot_ledger
from batchlab.ledger.judge import judge, verdict_counts
from batchlab.ledger.rules import CONTRADICTED, REPRODUCED, VERDICTS
from batchlab.ledger.words import findings_table, ledger_page, ledger_summary, reasons

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "11-claims.ipynb"


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def judged():
    """All claims on made-up results: every third is true, the others false."""
    found = []
    for claim in CLAIMS:
        results = CASES[claim.id].results("true" if claim.id % 3 == 0 else "false")
        found.append(judge(claim, [results[part.experiment] for part in claim.parts]))
    return found


def test_every_claim_has_a_tile_and_every_verdict_its_count(judged):
    ax = plot_ledger(judged)
    numbers = [int(re.match(r"\d+", text.get_text())[0]) for text in ax.texts]
    assert numbers == list(range(1, 53))
    tiles = {round(patch.get_x() + 0.96, 2) for patch in ax.patches}
    assert len(ax.patches) == 52 and max(tiles) == 19
    assert [tick.get_text() for tick in ax.get_yticklabels()][1] == "tutorial"
    legend = " ".join(text.get_text() for text in ax.get_legend().get_texts())
    table = verdict_counts(judged)
    for verdict in VERDICTS:
        assert re.search(rf"{verdict}[^:]*: {table.loc['all', verdict]}\b", legend)


def test_marks_tell_verdicts_without_colours(judged):
    ax = plot_ledger(judged)
    shown = {int(re.match(r"\d+", text.get_text())[0]): text.get_text() for text in ax.texts}
    for each in judged:
        marked = {REPRODUCED: "", CONTRADICTED: " ×"}[each.verdict]
        assert shown[each.claim.id] == f"{each.claim.id}{marked}"


def test_no_claims_have_no_tiles():
    with pytest.raises(ValueError, match=r"^judged: expected at least one claim, received none\.$"):
        plot_ledger([])


def test_findings_are_drawn_where_they_are(judged):
    ax = plot_findings(judged, claims=[45, 31])
    rows = [(each, one) for each in judged if each.claim.id in (31, 45) for one in each.findings]
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert len(labels) == len(rows) and labels[-1].startswith("45: ")
    points = [line for line in ax.lines if line.get_marker() not in ("None", "", None)]
    means = [line.get_xdata()[0] for line in points if line.get_alpha() != 0]
    np.testing.assert_allclose(means, [one.effect.mean for _, one in rows])
    low, high = ax.get_xlim()
    assert all(
        low <= bound <= high for _, one in rows for bound in (one.effect.from_, one.effect.to)
    )


def test_the_axis_reaches_to_what_is_claimed(judged):
    ax = plot_findings(judged, claims=[8], logarithmic=True)
    low, high = ax.get_xlim()
    assert low < 44 < high
    assert ax.get_xscale() == "log"


def test_one_part_alone_can_be_drawn(judged):
    both, first = (plot_findings(judged, claims=[33], part=part) for part in (None, 0))
    assert len(both.get_yticks()) == 2 * len(first.get_yticks())
    assert plot_findings(judged, claims=[33], legend=False).get_legend() is None


def test_claims_that_were_not_judged_leave_a_note(judged):
    ax = plot_findings(judged[:3], claims=[45])
    assert [text.get_text() for text in ax.texts] == ["none of these claims was judged"]


def test_words_are_those_of_the_findings(judged):
    table = findings_table(judged)
    assert len(table) == sum(len(each.findings) for each in judged)
    assert table.loc[(45, 1, ""), "verdict"] == REPRODUCED
    page = ledger_page(judged, _Runs())
    assert page.count("<tr>") == 53
    assert "<script" not in page and "512 x 512" in page
    assert "44 (survey)" in reasons(judged, figure="gradients")
    assert reasons(judged, figure="none") == "Nothing is contradicted here."
    assert ledger_summary(judged).startswith("Of 52 claims 17 are reproduced, 0 hold only")


class _Runs:
    """A laboratory that only says on which runs."""

    def runs(self, name):
        return f"runs of {name} & <others>"


def test_of_no_claims_there_is_an_empty_table():
    assert ledger_page([], _Runs()).count("<tr>") == 1
    assert len(findings_table([])) == 0


def test_claims_are_chosen_by_their_ids():
    assert [claim.id for claim in choose_claims([45, 17])] == [17, 45]
    assert choose_claims() == choose_claims([]) == CLAIMS


@pytest.mark.parametrize("ids", [[0], [53], [1.5], ["17"], [True], "17", None, 17])
def test_ids_of_no_claim_are_refused_in_one_sentence(ids):
    with pytest.raises(
        (TypeError, ValueError), match=r"^claims: expected [^\n]*received [^\n]*\.$"
    ):
        choose_claims(ids)


# What is stored


def stored():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pages = [
        output.data["text/html"]
        for cell in code
        if "ledger_page" in cell.source
        for output in cell.outputs
    ]
    rows = [row for page in pages for row in re.findall(r"<tr><td>(\d+)</td>(.*?)</tr>", page)]
    return code, {int(number): row for number, row in rows}


def test_the_stored_ledger_has_a_row_with_a_verdict_for_each_claim():
    _, rows = stored()
    assert sorted(rows) == list(range(1, 53))
    for row in rows.values():
        assert re.search(r"<b>(.*?)</b>", row)[1] in VERDICTS
        assert all(re.split(r"</?td>", row)[1:-1:2])  # no cell is empty


def test_what_the_stored_ledger_contradicts_has_its_reason_and_a_figure():
    code, rows = stored()
    shown = "".join(output.get("text", "") for cell in code for output in cell.outputs)
    contradicted = [claim for claim in CLAIMS if f"<b>{CONTRADICTED}</b>" in rows[claim.id]]
    assert contradicted
    for claim in contradicted:
        assert claim.why and claim.why in shown
        (cell,) = [cell for cell in code if f'figure="{claim.figure}"' in cell.source]
        about = code[max(code.index(cell) - 2, 0) : code.index(cell) + 1]
        assert any("image/png" in output.get("data", {}) for one in about for output in one.outputs)
