"""The token view's Python side: what is put into the blob is what the browser reads out of it."""

import dataclasses
import re
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glm4viz
from glm4viz.layout import PARTS
from glm4viz.reading.reasons import reasons
from glm4viz.ui.web.token_view import TEXTS, TokenView
from glm4viz.ui.web.token_view.wire import encode, pack, unpack
from tests.conftest import CONVERSATIONS

IGNORE = glm4viz.IGNORE


def view_of(sample: glm4viz.LabelledSample, **changed: Any) -> TokenView:
    view = TokenView(
        token_bytes=b"".join(sample.token_bytes),
        sizes=np.array([len(b) for b in sample.token_bytes], np.uint16),
        ids=sample.input_ids,
        labels=sample.labels,
        parts=sample.part_codes,
        messages=sample.message_index,
        owners=sample.owner,
        reasons=reasons(sample),
        part_names=list(PARTS),
        part_texts=list(PARTS),
        reason_texts=["why"],
        roles=[str(message["role"]) for message in sample.messages],
        role_texts={"user": "用户"},
        names={151336: "<|user|>"},
    )
    return dataclasses.replace(view, **changed)


@st.composite
def views(draw: st.DrawFn) -> TokenView:
    """Any arrays that fit together, though no recipe would make them."""
    tokens = draw(st.lists(st.binary(max_size=300), max_size=20))
    count = len(tokens)

    def column(low: int, high: int) -> Any:
        return np.array(draw(st.lists(st.integers(low, high), min_size=count, max_size=count)), np.int32)

    ids = column(0, 2**31 - 1)
    kinds = column(0, 2)  # masked, the input's own id, another
    return TokenView(
        token_bytes=b"".join(tokens),
        sizes=np.array([len(b) for b in tokens], np.int64),
        ids=ids,
        labels=np.choose(kinds, [np.full(count, IGNORE, np.int32), ids, column(0, 200_000)]).astype(np.int32),
        parts=column(0, 255),
        messages=column(-1, 3),
        owners=column(-1, 3),
        reasons=column(0, 255),
        part_names=[],
        part_texts=[],
        reason_texts=[draw(st.text())],
        roles=["user", "assistant"],
        role_texts={},
        names={5: draw(st.text())},
        problems=[{"token": 0, "text": draw(st.text()), "severity": "error"}],
        values=np.array(draw(st.lists(st.floats(width=32), min_size=count, max_size=count)), np.float32) if draw(st.booleans()) else None,
        focus=draw(st.none() | st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))),
    )


def runs(arrays: dict[str, Any], name: str, count: int) -> list[int]:
    lengths = np.diff([*arrays[f"{name}_start"], count])
    return np.repeat(arrays[f"{name}_value"], lengths).tolist() if count else []


def assert_reads_back(view: TokenView) -> None:
    """Every array again, as the browser puts it together."""
    header, arrays = unpack(encode(view))
    count = len(view)
    assert header["tokens"] == count
    assert arrays["text"].tobytes() == view.token_bytes
    for name in ("sizes", "ids", "parts", "reasons"):
        assert arrays[name].tolist() == np.asarray(getattr(view, name)).tolist()
    labels = np.where(arrays["trained"] == 1, arrays["ids"], IGNORE)
    labels[arrays["label_at"]] = arrays["label_id"]
    assert labels.tolist() == view.labels.tolist()
    assert runs(arrays, "messages", count) == view.messages.tolist()
    assert runs(arrays, "owners", count) == view.owners.tolist()
    assert header["reason_texts"] == view.reason_texts
    assert header["problems"] == view.problems
    assert header["names"] == {str(token_id): name for token_id, name in view.names.items()}
    if view.values is not None:
        np.testing.assert_array_equal(arrays["values"], view.values)


@given(views())
def test_a_view_reads_back(view: TokenView) -> None:
    assert_reads_back(view)


@pytest.mark.parametrize("name", list(CONVERSATIONS)[:12])
def test_a_conversation_reads_back(name: str) -> None:
    try:
        samples = glm4viz.label_all(CONVERSATIONS[name], "glm4")
    except glm4viz.errors.Glm4vizError:
        pytest.skip("refused by this recipe")
    for sample in samples:
        assert_reads_back(view_of(sample))


def test_an_unchanged_view_is_the_same_bytes() -> None:
    """Streamlit then sends a reference instead."""
    messages = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "🦙"}]
    first, second = (encode(view_of(glm4viz.label(messages))) for _ in range(2))
    assert first == second
    assert len(first) % 4 == 0


def test_a_wish_changes_the_last_eight_bytes_only() -> None:
    sample = glm4viz.label([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ok"}])
    still, wish = encode(view_of(sample)), encode(view_of(sample, focus=(3, 7)))
    assert still[:-8] == wish[:-8]
    assert struct.unpack("<ii", still[-8:]) == (-1, -1)
    assert struct.unpack("<ii", wish[-8:]) == (3, 7)


def test_arrays_that_do_not_fit_are_refused() -> None:
    view = view_of(glm4viz.label([{"role": "user", "content": "hi"}]))
    with pytest.raises(ValueError, match="labels has"):
        encode(dataclasses.replace(view, labels=view.labels[:-1]))
    with pytest.raises(ValueError, match="add up"):
        encode(dataclasses.replace(view, token_bytes=view.token_bytes + b"x"))
    with pytest.raises(TypeError, match="float64"):
        pack({}, {"x": np.zeros(2)})


def test_the_texts_are_the_same_ones_in_both_languages() -> None:
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()
    for key, text in TEXTS["en"].items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", TEXTS["zh"][key])), key
