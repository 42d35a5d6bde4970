"""The rows of a capture, laid out as the batch had them."""

import numpy as np
import pytest

import glm4viz
from glm4viz.recipe import IGNORE
from glm4viz.rows.collator import PAD_ID
from glm4viz.rows.fed import as_fed

CHAT = "[gMASK]<sop><|user|>\nHi<|assistant|>\nHello<|user|>"


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_stands_where_it_stood(tok: glm4viz.Tokenizer, side: str) -> None:
    short, long = tok.encode(CHAT, specials=True), tok.encode(CHAT + "\nBye", specials=True)
    pad = [PAD_ID] * (len(long) - len(short))
    rows = [pad + short if side == "left" else short + pad, long]
    seen = [[0] * len(pad) + [1] * len(short), [1] * len(long)]
    if side == "right":
        seen[0].reverse()
    labels = np.where(np.array(seen) == 1, rows, IGNORE)
    laid = as_fed(glm4viz.from_batch({"input_ids": rows, "labels": labels, "attention_mask": seen}, tok))
    np.testing.assert_array_equal(laid.input_ids, rows)
    np.testing.assert_array_equal(laid.attention_mask, seen)


def test_packed_sequences_share_their_row(tok: glm4viz.Tokenizer) -> None:
    one = tok.encode(CHAT, specials=True)
    positions = [[*range(len(one)), *range(len(one))]]
    samples = glm4viz.from_batch({"input_ids": [one * 2], "labels": [one * 2], "position_ids": positions}, tok)
    laid = as_fed(samples)
    assert laid.shape == (1, 2 * len(one))
    np.testing.assert_array_equal(laid.input_ids, [one * 2])
    np.testing.assert_array_equal(laid.position_ids, positions)
    np.testing.assert_array_equal(laid.sample_index[0], [0] * len(one) + [1] * len(one))
    np.testing.assert_array_equal(as_fed(samples[1:]).input_ids, [one])  # what isn't given leaves no hole
