"""Batches as the model is given them: padding, truncation, packing, weights, evaluation leaks, and DataManager's columns."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glm4viz
from glm4viz.errors import ConversationError, RecipeRejects
from glm4viz.labelling.single import label, label_all
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.rows.collator import collate
from glm4viz.rows.data_manager import EXAMPLE, map_columns
from glm4viz.rows.leak import answer_in_input
from glm4viz.rows.packing import pack
from glm4viz.rows.truncation import curve_by_labelling, cut, kept, truncation_curve, what_dies
from glm4viz.rows.weights import MEANS, loss_weights
from tests.strategies import conversations as any_conversations

Messages = list[dict[str, Any]]
CHAT: Messages = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "你好"},
    {"role": "assistant", "content": "你好！有什么可以帮您？"},
    {"role": "user", "content": "Bye"},
    {"role": "assistant", "content": "Goodbye!"},
]
SHORT: Messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]
CALL: Messages = [
    {"role": "user", "content": "天气"},
    {"role": "assistant", "content": "我查一下。"},
    {"role": "assistant", "metadata": "weather", "content": "{}"},
    {"role": "observation", "content": "晴"},
    {"role": "assistant", "content": "晴。"},
]


def samples(*conversations: Messages) -> list[LabelledSample]:
    return [label(messages) for messages in conversations or (CHAT, SHORT, CALL)]


# Padding --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("multiple", [None, 8])
def test_collate_is_hugging_face_s(side: Any, multiple: int | None) -> None:
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<pad>": 0, "a": 1}, unk_token="a"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", padding_side=side)
    theirs = transformers.DataCollatorForSeq2Seq(tokenizer, padding="longest", pad_to_multiple_of=multiple, return_tensors="np")
    batch = samples()
    expected = theirs([{"input_ids": s.input_ids.tolist(), "labels": s.labels.tolist()} for s in batch])
    ours = collate(batch, side, multiple, pad_id=0)
    for name in ("input_ids", "labels", "attention_mask"):
        np.testing.assert_array_equal(getattr(ours, name), expected[name])
    assert ours.padding_share == pytest.approx(1 - expected["attention_mask"].mean())


def test_positions_start_at_the_first_token() -> None:
    batch = samples()
    rows = collate(batch)
    for row, sample in enumerate(batch):
        real = rows.attention_mask[row] == 1
        np.testing.assert_array_equal(rows.position_ids[row][real], np.arange(len(sample)))
        np.testing.assert_array_equal(rows.input_ids[row][real], sample.input_ids)
        assert set(rows.sample_index[row][real]) == {row}
        assert (rows.labels[row][~real] == IGNORE).all()
    np.testing.assert_array_equal(rows.spread([s.labels for s in batch], IGNORE), rows.labels)


def test_nothing_collates_to_nothing() -> None:
    assert collate([]).shape == (0, 0)
    assert collate([]).padding_share == 0
    assert pack([], 8).shape == (0, 8)
    assert loss_weights(collate([])).sample.shape == (0,)


# Truncation -----------------------------------------------------------------------------------------------------------


@given(st.lists(any_conversations, min_size=1, max_size=3))
@settings(max_examples=30)
@pytest.mark.slow
def test_the_curve_is_what_labelling_with_each_limit_gives(given_: list[Messages]) -> None:
    batch = glm4viz.label_batch(given_)
    curve = truncation_curve(batch)
    for length in range(1, len(curve.lengths) + 2):
        again = [label(messages, max_length=length) for i, messages in enumerate(given_) if i not in batch.errors]
        assert curve.at(length) == kept(again)


@pytest.mark.parametrize("recipe", ["glm4", "glm4@c0a6d1e", "glm4-combine@dfe4601", "glm4v@dfe4601", "chatglm3", "xtuner", "trl"])
def test_the_curve_of_every_recipe_that_cuts_right(recipe: str) -> None:
    whole = [sample for messages in (CHAT, SHORT) for sample in label_all(messages, recipe)]
    curve = truncation_curve(whole)
    tried = curve_by_labelling([CHAT, SHORT], glm4viz.recipes()[recipe], curve.lengths.tolist())
    for name in ("answers", "stops", "samples", "tokens"):
        np.testing.assert_array_equal(getattr(curve, name), getattr(tried, name), err_msg=name)


def test_boundaries_are_where_something_dies() -> None:
    curve = truncation_curve(samples(CHAT))
    assert curve.whole == (2, 2, 1, int(label(CHAT).trained.sum()))
    for length in range(2, len(curve.lengths) + 1):
        changed = curve.at(length)[:3] != curve.at(length - 1)[:3]
        assert (length in curve.boundaries) == changed
    assert curve.at(curve.enough) == curve.whole != curve.at(curve.enough - 1)
    assert truncation_curve([]).enough == 0
    assert curve.at(0) == (0, 0, 0, 0)
    assert curve.at(10_000) == curve.whole


def test_what_dies_is_the_difference() -> None:
    batch = samples()
    curve = truncation_curve(batch)
    for length in range(1, len(curve.lengths) + 1):
        dying = what_dies(batch, length)
        left = curve.at(length)
        assert curve.whole.answers - left.answers == sum(len(loss.answers) for loss in dying)
        assert curve.whole.stops - left.stops == sum(len(loss.stops) for loss in dying)
        assert curve.whole.samples - left.samples == sum(loss.dead for loss in dying)
        assert curve.whole.tokens - left.tokens == sum(loss.trained for loss in dying)
    assert what_dies(batch, len(curve.lengths)) == []


def test_cut_is_labelling_with_a_limit() -> None:
    for length in range(1, 30):
        for one, messages in zip(cut(samples(), length), (CHAT, SHORT, CALL), strict=True):
            again = label(messages, max_length=length)
            np.testing.assert_array_equal(one.input_ids, again.input_ids)
            np.testing.assert_array_equal(one.labels, again.labels)


# Packing --------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.integers(1, 90), st.sampled_from(["first-fit-decreasing", "sequential"]))
@settings(max_examples=40)
def test_packing_keeps_every_sample_whole_and_once(picked: list[int], length: int, method: Any) -> None:
    batch = [samples()[i] for i in picked]
    packed = pack(batch, length, method)
    assert sorted(i for held in packed.bins for i in held) == list(range(len(batch)))
    for row, held in enumerate(packed.bins):
        at = 0
        for i in held:
            stop = at + min(len(batch[i]), length)
            np.testing.assert_array_equal(packed.input_ids[row, at:stop], batch[i].input_ids[:length])
            np.testing.assert_array_equal(packed.labels[row, at:stop], batch[i].labels[:length])
            np.testing.assert_array_equal(packed.position_ids[row, at:stop], np.arange(stop - at))
            assert (packed.foreign[row, at:stop] == at).all()
            at = stop
        assert (packed.sample_index[row, at:] == -1).all()
        seen = packed.attention(row)
        np.testing.assert_array_equal((seen == 2).sum(1), packed.foreign[row, :at])
    assert packed.dropped == sum(max(len(sample) - length, 0) for sample in batch)
    assert packed.used == pytest.approx((packed.sample_index >= 0).mean())
    assert packed.crossings == 0, "GLM-4 never trains a sample's first token"
    if method == "sequential":
        assert [i for held in packed.bins for i in held] == list(range(len(batch)))


def test_longest_first_needs_fewer_rows() -> None:
    long, short = label(CHAT), label(SHORT)
    batch = [short, long, short, long]
    length = len(long) + len(short)
    assert len(pack(batch, length).bins) == 2
    assert pack(batch, length).used == 1
    with pytest.raises(ValueError, match="positive"):
        pack(batch, 0)


def test_a_label_that_another_sample_predicts_is_counted() -> None:
    batch = [label(SHORT, "llamafactory-train-on-prompt")] * 2
    assert (batch[0].labels[0] != IGNORE) == (pack(batch, 100).crossings == 1)


# Weights --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("packed", [False, True])
def test_weights_add_up_to_one(mean: Any, packed: bool) -> None:
    rows = pack(samples(), 60) if packed else collate(samples())
    found = loss_weights(rows, mean)
    assert found.token.sum() == pytest.approx(1)
    assert found.sample.sum() == pytest.approx(1)
    assert (found.token > 0).sum() == found.trained.sum() == (rows.labels != IGNORE).sum()


def test_weights_are_what_torch_s_cross_entropy_gives() -> None:
    torch = pytest.importorskip("torch")
    rows = collate(samples())
    logits = torch.randn(*rows.shape, 50, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor(np.where(rows.labels == IGNORE, IGNORE, rows.labels % 50)).long()
    shifted = logits[:, :-1].reshape(-1, 50), labels[:, 1:].reshape(-1)
    each = torch.nn.functional.cross_entropy(*shifted, ignore_index=IGNORE, reduction="none").reshape(labels[:, 1:].shape).numpy()
    expected = float(torch.nn.functional.cross_entropy(*shifted, ignore_index=IGNORE))
    assert (loss_weights(rows, "token").token[:, 1:] * each).sum() == pytest.approx(expected, rel=1e-5)
    per_sample = [row[kept].mean() for row, kept in zip(each, rows.labels[:, 1:] != IGNORE, strict=True)]
    assert (loss_weights(rows, "sample").token[:, 1:] * each).sum() == pytest.approx(np.mean(per_sample), rel=1e-5)


def test_a_long_answer_dominates_only_per_token() -> None:
    long: Messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "word " * 200}]
    rows = collate(samples(SHORT, long))
    assert loss_weights(rows, "token").sample[1] > 0.95
    np.testing.assert_allclose(loss_weights(rows, "sample").sample, [0.5, 0.5])
    np.testing.assert_allclose(loss_weights(pack(rows.samples, 1000), "row").sample, loss_weights(rows, "token").sample)


def test_nothing_trained_weighs_nothing() -> None:
    found = loss_weights(collate(samples([{"role": "user", "content": "hi"}])))
    assert found.token.sum() == 0
    assert found.sample.tolist() == [0]


# Evaluation -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("messages", [CHAT, SHORT, CALL])
def test_only_combine_leaks_the_answer(messages: Messages) -> None:
    for recipe in ("glm4", "glm4@dfe4601"):
        assert not any(answer_in_input(*pair).any() for pair in glm4viz.eval_pairs(messages, recipe))
    ((inputs, outputs),) = glm4viz.eval_pairs(messages, "glm4-combine@dfe4601")
    leak = answer_in_input(inputs, outputs)
    assert leak.sum() == len(outputs) - 1, "all but the appended <|user|>"
    assert [token for token, leaked in zip(inputs, leak, strict=True) if leaked] == outputs[:-1]
    ((inputs, outputs),) = glm4viz.eval_pairs(messages, "glm4-combine@dfe4601", max_input_length=4)
    assert not answer_in_input(inputs, outputs).any(), "the input is cut before the answer"


# DataManager ----------------------------------------------------------------------------------------------------------


def test_nulls_are_filled_in_and_become_a_word_or_a_crash() -> None:
    pytest.importorskip("datasets")
    found = map_columns()
    assert found.columns == ("messages",)
    assert found.mapped_columns == ("input_ids", "labels")
    assert found.batches == (2,)
    assert "[0].messages[0].metadata" in found.filled
    assert "[1].messages[0].tools[0].function.parameters.properties.day" in found.filled
    assert isinstance(found.samples[0], LabelledSample)
    assert b"<|user|>None\n" in b"".join(found.samples[0].token_bytes)
    combined = map_columns(recipe="glm4-combine@dfe4601")
    assert combined.mapped_columns == ()
    assert all(isinstance(sample, RecipeRejects) and "TypeError" in str(sample) for sample in combined.samples)


def test_a_system_message_with_null_tools_stops_the_script() -> None:
    pytest.importorskip("datasets")
    found = map_columns([[{"role": "system", "content": "Be brief."}, *SHORT], EXAMPLE[1]])
    assert isinstance(found.samples[0], RecipeRejects)
    assert "TypeError" in str(found.samples[0])


def test_the_json_loader_and_what_no_table_can_hold() -> None:
    pytest.importorskip("datasets")
    found = map_columns([SHORT, CHAT], loader="json")
    assert found.filled == ()
    assert found.loaded == [SHORT, CHAT]
    with pytest.raises(ConversationError, match="datasets"):
        map_columns([[{"role": "user", "content": "a"}], [{"role": "user", "content": {"b": 1}}]])
