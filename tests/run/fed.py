"""A row as a trainer feeds it, and what holds for every sample that is found in one."""

import numpy as np

import glm4viz
from glm4viz.run.sample import CapturedSample
from glm4viz.tokenizer import Tokenizer


def fed(tokenizer: Tokenizer, text: str, trained: list[str]) -> CapturedSample:
    """A batch of one row, in which these texts carry labels."""
    ids = np.array(tokenizer.encode(text, specials=True))
    data, labels, at = text.encode(), np.full(len(ids), -100), 0
    stops = np.cumsum(tokenizer.token_sizes(ids.astype(np.int32)))
    for one in trained:
        at = data.index(one.encode(), at)
        here = (stops > at) & (stops <= at + len(one.encode()))
        assert here.any(), one
        labels[here], at = ids[here], at + len(one.encode())
    (sample,) = glm4viz.from_batch({"input_ids": ids[None], "labels": labels[None]}, tokenizer)
    return sample


def check_columns(sample: CapturedSample) -> None:
    """Spans hold what the tokens hold; all of every content is held, once; masked tokens teach nobody."""
    held: list[bytearray] = [bytearray() for _ in sample.messages]
    for i, (start, stop) in enumerate(sample.spans.tolist()):
        if start >= 0:
            content = str(sample.messages[sample.message_index[i]]["content"]).encode()
            assert content[start:stop] in sample.token_bytes[i]
            assert start == len(held[sample.message_index[i]])
            held[sample.message_index[i]] += content[start:stop]
    assert [bytes(text).decode() for text in held] == [m["content"] for m in sample.messages]
    assert ((sample.owner >= 0) <= sample.trained).all()
    assert (np.diff(sample.pieces) >= 0).all()
