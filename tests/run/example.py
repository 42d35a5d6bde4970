"""Makes the captured batch in sample_data/: `python -m tests.run.example` writes it anew.

Four conversations as a run may have mixed them: two labelled as GLM-4 does it, one of which the length limit cuts before its end; one
labelled over everything, its system text and questions too; and one in which the stop after the answer isn't trained, as when a collator
masks every pad token and pads with the end token. They are padded on the left, as GLM-4's own collator does it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import glm4viz
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.rows.collator import collate
from glm4viz.ui.run.source import EXAMPLE
from glm4viz.ui.samples import FOLDER

LIMIT = 64
Messages = list[dict[str, Any]]


def _chat(*said: str, system: str = "") -> Messages:
    turns = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(said)]
    return [{"role": "system", "content": system}] * bool(system) + turns


GOOD = _chat("书店几点开门？", "每天上午九点开门，晚上八点关门。", "周日也一样吗？", "周日上午十点开门，晚上六点关门。")
CUT = _chat(
    "Can you recommend a book on the history of printing?",
    "Gladly. “The Printing Press as an Agent of Change” by Elizabeth Eisenstein is the classic; for something shorter, take “The Gutenberg "
    "Revolution” by John Man. We have both in stock, the second one in paperback as well, and I can put a copy aside for you until Saturday.",
)
ALL = _chat(
    "Do you ship abroad?", "Yes, to most countries. It takes five to ten days.", system="You are the assistant of a bookshop. Be brief."
)
NO_STOP = _chat("能开发票吗？", "可以。请告诉我抬头和税号。")


def batch() -> dict[str, Any]:
    """input_ids, labels and attention_mask as the model was given them, int32 [4, width]."""
    everything, no_stop = glm4viz.label(ALL), glm4viz.label(NO_STOP)
    all_labels, stop_masked = everything.input_ids.copy(), no_stop.labels.copy()
    all_labels[:2], stop_masked[-1] = IGNORE, IGNORE
    fed = (
        glm4viz.label(GOOD),
        glm4viz.label(CUT, max_length=LIMIT),
        replace(everything, labels=all_labels),
        replace(no_stop, labels=stop_masked),
    )
    rows = collate(fed)
    return {"input_ids": rows.input_ids, "labels": rows.labels, "attention_mask": rows.attention_mask}


def samples() -> Sequence[LabelledSample]:
    return glm4viz.from_batch(batch(), glm4viz.load_tokenizer())


if __name__ == "__main__":
    glm4viz.save_capture(samples(), FOLDER / EXAMPLE)
