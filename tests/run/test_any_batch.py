"""Whatever the batch: its samples and their padding make it again."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import glm4viz
from tests.run.test_from_batch import IM_END, PAD, TOK

tokens = st.integers(0, 257) | st.sampled_from([IM_END, TOK.special_ids["<|im_start|>"]])


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Any]:
    rows = draw(
        st.lists(
            st.lists(st.lists(st.tuples(tokens, st.booleans()), min_size=1, max_size=9), min_size=1, max_size=3), min_size=1, max_size=3
        )
    )
    left = draw(st.booleans())
    width = max(sum(map(len, row)) for row in rows) + draw(st.integers(0, 2))
    made: dict[str, Any] = {"input_ids": [], "labels": [], "attention_mask": [], "position_ids": []}
    for row in rows:
        own = [token for sequence in row for token in sequence]
        pad = [0] * (width - len(own))

        def padded(values: list[int], fill: int, pad: list[int] = pad) -> list[int]:
            filled = [fill for _ in pad]
            return filled + values if left else values + filled

        made["input_ids"].append(padded([token for token, _ in own], PAD))
        made["labels"].append(padded([token if on else -100 for token, on in own], -100))
        made["attention_mask"].append(padded([1] * len(own), 0))
        made["position_ids"].append(padded([i for sequence in row for i in range(len(sequence))], 0))
    return made


@given(batches())
@settings(max_examples=150, deadline=None)
def test_samples_and_padding_make_the_batch_again(batch: dict[str, Any]) -> None:
    samples = glm4viz.from_batch(batch, TOK, shifted=False)
    for name, fill, column in (("input_ids", PAD, "input_ids"), ("labels", -100, "labels"), ("position_ids", 0, "positions")):
        again: list[list[int]] = [[] for _ in batch["input_ids"]]
        for sample in samples:
            again[sample.row] += [fill] * sample.padding[0] + getattr(sample, column).tolist() + [fill] * sample.padding[1]
        assert again == batch[name], name
    bare = glm4viz.from_batch({name: batch[name] for name in ("input_ids", "labels")}, TOK, shifted=False)
    for row, ids, labels in zip(bare, batch["input_ids"], batch["labels"], strict=True):
        assert [PAD] * row.padding[0] + row.input_ids.tolist() + [PAD] * row.padding[1] == ids
        assert [-100] * row.padding[0] + row.labels.tolist() + [-100] * row.padding[1] == labels
