"""Every recipe against arrays that the original code made (tests/golden; the conversations were written for this purpose)."""

from typing import Any

import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from tests.conftest import CONVERSATIONS, ROWS

EVALUATIONS = {"glm4-eval": "glm4", "glm4-combine-eval@dfe4601": "glm4-combine@dfe4601"}


def name(row: dict[str, Any]) -> str:
    return f"{row['recipe']}-{row['conversation']}-{row.get('cut') or row.get('max_input_length') or 'uncut'}"


LABELLED = [row for row in ROWS if row["recipe"] in glm4viz.recipes()]
EVALUATED = [row for row in ROWS if row["recipe"] in EVALUATIONS]


@pytest.mark.parametrize("row", LABELLED, ids=name)
def test_ids_and_labels_are_the_originals(row: dict[str, Any]) -> None:
    messages, max_length = CONVERSATIONS[row["conversation"]], row["max_length"]
    if "input_ids" not in row:
        with pytest.raises(RecipeRejects):
            glm4viz.label(messages, row["recipe"], max_length=max_length)
        return
    sample = glm4viz.label(messages, row["recipe"], max_length=max_length)
    assert sample.input_ids.tolist() == row["input_ids"]
    assert sample.labels.tolist() == row["labels"]


@pytest.mark.parametrize("row", EVALUATED, ids=name)
def test_evaluation_pairs_are_the_originals(row: dict[str, Any]) -> None:
    limits = {limit: row[limit] for limit in ("max_input_length", "max_output_length")}
    pairs = glm4viz.eval_pairs(CONVERSATIONS[row["conversation"]], EVALUATIONS[row["recipe"]], **limits)
    assert [inputs for inputs, _ in pairs] == row["input_ids"]
    assert [outputs for _, outputs in pairs] == row["output_ids"]


def test_no_row_is_forgotten() -> None:
    assert {row["recipe"] for row in ROWS} == {row["recipe"] for row in LABELLED + EVALUATED}
