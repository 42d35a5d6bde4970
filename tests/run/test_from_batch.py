"""A batch becomes samples with exactly its ids and labels; padding, packing and shifts are recognised."""

from collections import UserDict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.errors import BatchError, TokenizerError
from tests.run.tokenizers import of_bytes

TOK = of_bytes("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<pad>")
IM_END, EOS, PAD = (TOK.special_ids[name] for name in ("<|im_end|>", "<|endoftext|>", "<pad>"))
TEXT = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>"
IDS = TOK.encode(TEXT, specials=True)
LABELS = [-100] * (len(IDS) - 6) + IDS[-6:]
T = len(IDS)


def one(batch: Any, **options: Any) -> Any:
    (sample,) = glm4viz.from_batch(batch, TOK, **options)
    return sample


# What is a batch ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "batch",
    [
        {"input_ids": IDS, "labels": LABELS},
        {"input_ids": [IDS], "labels": [LABELS], "num_items_in_batch": 6},
        UserDict(input_ids=np.array([IDS]), labels=np.array([LABELS])),
        SimpleNamespace(input_ids=np.array(IDS, np.int16), labels=np.array([LABELS], np.float32)),
        [{"input_ids": IDS, "labels": LABELS}],
        {"tokens": [IDS], "labels": [LABELS], "attention_mask": np.ones((1, 1, T, T))},
    ],
)
def test_any_form_of_a_batch(batch: Any) -> None:
    sample = one(batch)
    assert sample.input_ids.tolist() == IDS
    assert sample.labels.tolist() == LABELS
    assert sample.input_ids.dtype == sample.labels.dtype == np.int32
    assert [m["content"] for m in sample.messages] == ["Hi", "Hello"]


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    ids, labels = torch.tensor([IDS]), torch.tensor([LABELS])
    sample = one({"input_ids": ids, "labels": labels, "attention_mask": torch.ones(1, T, dtype=torch.bfloat16), "weights": torch.full((1, T), 0.5, dtype=torch.bfloat16, requires_grad=True)})  # fmt: skip
    assert sample.labels.tolist() == LABELS
    assert set(sample.weights[sample.trained].tolist()) == {0.5}
    rows = glm4viz.from_batch({"input_ids": [ids[0], ids[0, :4]], "labels": [labels[0], labels[0, :4]]}, TOK)
    assert [len(row) for row in rows] == [T, 4]


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"labels": [LABELS]}, "no input_ids"),
        (3, "no batch"),
        ({"input_ids": [IDS], "labels": [LABELS[:-1]]}, "In row 0, labels has"),
        ({"input_ids": [IDS], "labels": [LABELS, LABELS]}, "labels has 2 rows"),
        ({"input_ids": [IDS], "labels": [LABELS], "attention_mask": [[1]]}, "attention_mask has 1 entries"),
        ({"input_ids": [IDS], "position_ids": [[1]]}, "position_ids"),
        ({"input_ids": [[1, -200]]}, "-200"),
        ({"input_ids": [[1, 1 << 40]]}, "can't be a token's id"),
        ({"input_ids": [[1]], "labels": [[-1]]}, "can't be a token's id"),
        ({"input_ids": [["a"]]}, "isn't numbers"),
        ({"input_ids": [[0.5]]}, "isn't numbers"),
        ({"input_ids": np.zeros((1, 2, 3), int)}, "dimensions"),
        ({"input_ids": [IDS], "cu_seqlens": [0, 5, 3]}, "cu_seqlens must go up"),
        ({"input_ids": [IDS], "cu_seqlens": [0, T + 1]}, "cu_seqlens must go up"),
        ({"input_ids": [IDS], "seq_lens": [[T, 1]]}, "seq_lens doesn't add up"),
    ],
)
def test_what_is_no_batch_is_said_in_words(batch: Any, said: str) -> None:
    with pytest.raises(BatchError, match=said) as caught:
        glm4viz.from_batch(batch, TOK)
    assert caught.value.sentence("zh") != caught.value.sentence("en")


def test_tokenizers_of_others() -> None:
    with pytest.raises(TokenizerError, match="slow"):
        glm4viz.from_batch({"input_ids": IDS}, SimpleNamespace(convert_ids_to_tokens=None))
    with pytest.raises(TokenizerError, match="no tokenizer"):
        glm4viz.from_batch({"input_ids": IDS}, 5)
    assert one({"input_ids": IDS, "labels": LABELS}).tokenizer is TOK
    assert glm4viz.from_batch({"input_ids": IDS}, SimpleNamespace(tokenizer=TOK))[0].tokenizer is TOK  # a processor


def test_ids_that_the_tokenizer_lacks_are_said() -> None:
    sample = one({"input_ids": [*IDS, 5000], "labels": [*LABELS, 5000]})
    assert sample.token_bytes[-1] == b"<token 5000>"
    assert any("5000" in warning for warning in sample.warnings)


# Labels, masks, weights -----------------------------------------------------------------------------------------------


def test_labels_from_masks() -> None:
    mask = [int(label != -100) for label in LABELS]
    for name in ("loss_mask", "assistant_masks", "completion_mask"):
        assert one({"input_ids": [IDS], name: [mask]}).labels.tolist() == LABELS
    both = one({"input_ids": [IDS], "completion_mask": [[1] * T], "assistant_masks": [mask]})
    assert both.labels.tolist() == LABELS
    weighed = one({"input_ids": [IDS], "loss_mask": [[0.5 * on for on in mask]]})
    assert weighed.labels.tolist() == LABELS
    assert set(weighed.weights[weighed.trained].tolist()) == {0.5}
    nothing = one({"input_ids": [IDS]})
    assert not nothing.trained.any()
    assert any("neither labels" in warning for warning in nothing.warnings)


def test_a_loss_mask_beside_labels_masks_them() -> None:
    sample = one({"input_ids": [IDS], "labels": [IDS], "loss_mask": [[0] * (T - 6) + [1] * 6]})
    assert sample.labels.tolist() == LABELS
    assert any("loss_mask of 0" in warning for warning in sample.warnings)


def test_weights_of_tokens_and_of_sequences() -> None:
    scale = np.linspace(0, 1, T).astype(np.float32)
    sample = one({"input_ids": [IDS], "labels": [LABELS], "loss_scale": [scale]})
    assert sample.weights.tolist() == np.where(sample.trained, scale, 0).tolist()
    rows = glm4viz.from_batch({"input_ids": [IDS, IDS], "labels": [LABELS, LABELS], "weights": [1.0, 3.0]}, TOK)
    assert [set(row.weights[row.trained].tolist()) for row in rows] == [{1.0}, {3.0}]


def test_shifted_labels_are_recognised() -> None:
    shifted = [*LABELS[1:], -100]
    sample = one({"input_ids": [IDS], "labels": [shifted]})
    assert sample.labels.tolist() == LABELS
    assert any("already shifted" in warning for warning in sample.warnings)
    assert one({"input_ids": [IDS], "labels": [shifted]}, shifted=False).labels.tolist() == shifted
    whole = one({"input_ids": [IDS[:-1]], "labels": [IDS[1:]]})
    assert whole.labels.tolist() == [-100, *IDS[1:-1]]
    assert any(str(IDS[-1]) in warning for warning in whole.warnings)
    assert not any("shifted" in warning for warning in one({"input_ids": [IDS], "labels": [LABELS]}).warnings)


def test_labels_that_fit_both_ways_are_taken_as_they_stand() -> None:
    ids = [65] * 20
    sample = one({"input_ids": [ids], "labels": [ids]})
    assert sample.labels.tolist() == ids
    assert any("shifted=True" in warning for warning in sample.warnings)
    assert one({"input_ids": [ids], "labels": [ids]}, shifted=True).labels.tolist() == [-100, *ids[1:]]


def test_shifted_masks_and_weights() -> None:
    mask = [*(int(label != -100) for label in LABELS[1:]), 0]
    assert one({"input_ids": [IDS], "loss_mask": [mask]}, shifted=True).labels.tolist() == LABELS
    scale = [*(2.0 * on for on in mask[:-1]), 0]
    sample = one({"input_ids": [IDS], "labels": [[*LABELS[1:], -100]], "loss_scale": [scale]})
    assert set(sample.weights[sample.trained].tolist()) == {2.0}


# Padding --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "right"), [(0, 3), (2, 0), (2, 3)])
@pytest.mark.parametrize("masked", [True, False], ids=["mask", "no mask"])
def test_padding_is_taken_off_and_counted(left: int, right: int, masked: bool) -> None:
    batch: dict[str, Any] = {"input_ids": [[PAD] * left + IDS + [PAD] * right], "labels": [[-100] * left + LABELS + [-100] * right]}
    if masked:
        batch["attention_mask"] = [[0] * left + [1] * T + [0] * right]
    sample = one(batch)
    assert sample.padding == (left, right)
    assert sample.input_ids.tolist() == IDS
    assert sample.positions.tolist() == list(range(left, left + T))


def test_padding_that_is_also_the_end_token() -> None:
    """The one end that an answer may have stays; a trained one always does; the rest is padding."""
    ids = TOK.encode("<|im_start|>assistant\nHello", specials=True)
    masked, n = [-100] * len(ids), len(ids)
    whole = one({"input_ids": [ids + [EOS] * 4], "labels": [masked + [EOS] + [-100] * 3]})
    assert (len(whole), whole.padding) == (n + 1, (0, 3))
    unknown = one({"input_ids": [ids + [EOS] * 4], "labels": [ids + [-100] * 4]})
    assert (len(unknown), unknown.padding) == (n + 1, (0, 3))
    assert not unknown.trained[-1]
    ended = one({"input_ids": [IDS + [EOS] * 4], "labels": [LABELS + [-100] * 4]})
    assert (len(ended), ended.padding) == (T, (0, 4))
    alone = one({"input_ids": [[*ids, EOS]], "labels": [[*ids, -100]]})
    assert (len(alone), alone.padding) == (n + 1, (0, 0))


def test_trained_padding_stays_and_is_an_error() -> None:
    sample = one({"input_ids": [IDS + [PAD] * 2], "labels": [LABELS + [PAD] * 2], "attention_mask": [[1] * T + [0, 0]]})
    assert (len(sample), sample.padding) == (T + 2, (0, 0))
    assert sample.parts[-2:].tolist() == ["padding"] * 2
    from glm4viz.readers.capture import as_conversation

    assert "padding-trained" in {finding.rule for finding in glm4viz.lint(as_conversation(sample), "captured")}


def test_a_row_of_nothing_but_padding_is_no_sequence() -> None:
    batch = {"input_ids": [IDS, [PAD] * T], "labels": [LABELS, [-100] * T], "attention_mask": [[1] * T, [0] * T]}
    assert [sample.row for sample in glm4viz.from_batch(batch, TOK)] == [0]
    del batch["attention_mask"]
    assert [sample.row for sample in glm4viz.from_batch(batch, TOK)] == [0]


# Packing --------------------------------------------------------------------------------------------------------------

PACKED = {"input_ids": [IDS + IDS[:-1] + [PAD] * 3], "labels": [LABELS + LABELS[:-1] + [-100] * 3]}
POSITIONS = [*range(T), *range(T - 1)]


@pytest.mark.parametrize(
    "marks",
    [
        {"position_ids": [[*POSITIONS, 0, 0, 0]]},
        {"position_ids": [[*POSITIONS, 0, 1, 2]]},
        {"position_ids": np.array([[[*POSITIONS, 0, 0, 0]]] * 3)},
        {"position_ids": [[*POSITIONS, *range(T - 1, T + 2)]]},
        {"cu_seq_lens_q": [0, T, 2 * T - 1], "position_ids": [list(range(2 * T + 2))]},
        {"cu_seqlens": np.array([[0, T, 2 * T - 1, 2 * T + 2]])},
        {"seq_lens": [[T, T - 1, 3]]},
        {"seq_idx": [[0] * T + [1] * (T - 1) + [2] * 3]},
        {"attention_mask": [[1] * T + [2] * (T - 1) + [0] * 3]},
        {"attention_mask": [[1] * (2 * T - 1) + [0] * 3], "position_ids": [[*POSITIONS, 1, 1, 1]]},
    ],
    ids=lambda marks: "+".join(marks),
)
def test_packed_rows_are_divided(marks: dict[str, Any]) -> None:
    first, second = glm4viz.from_batch(PACKED | marks, TOK)
    assert first.input_ids.tolist() == IDS
    assert first.labels.tolist() == LABELS
    assert second.input_ids.tolist() == IDS[:-1]
    assert [(s.row, s.segment, s.padding) for s in (first, second)] == [(0, 0, (0, 0)), (0, 1, (0, 3))]


def test_positions_of_an_image_don_t_divide() -> None:
    text = [0, 1, 2, 2, 2, 2, *range(4, T - 2)]
    assert len(glm4viz.from_batch({"input_ids": [IDS], "labels": [LABELS], "position_ids": np.array([[text]] * 3)}, TOK)) == 1


def test_packing_that_isn_t_marked_is_pointed_out() -> None:
    from glm4viz.readers.capture import as_conversation

    system = TOK.encode("<|im_start|>system\nBe kind.<|im_end|>\n", specials=True)
    ids = [*system, *IDS, *system, *IDS]
    sample = one({"input_ids": ids, "labels": [-100] * (len(ids) - 6) + IDS[-6:]})
    assert "packing-unmarked" in {finding.rule for finding in glm4viz.lint(as_conversation(sample), "captured")}


@pytest.mark.slow
def test_a_fast_tokenizer_of_transformers() -> None:
    """Its own pad token is what padding is, even where other special tokens stand in a run."""
    transformers = pytest.importorskip("transformers")
    import tokenizers

    alphabet = {c: i for i, c in enumerate(sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()))}
    engine = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=alphabet, merges=[]))
    engine.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = tokenizers.decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=engine, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    batch = fast([TEXT, TEXT[:-10]], padding=True, return_tensors="np")
    batch["labels"] = np.where(batch["attention_mask"] == 1, batch["input_ids"], -100)
    for form in (batch, {name: batch[name] for name in ("input_ids", "labels")}):
        long, short = glm4viz.from_batch(form, fast)
        assert b"".join(long.token_bytes).decode() == TEXT
        assert short.padding == (0, len(long) - len(short))
        assert [(m["role"], m["content"]) for m in long.messages] == [("user", "Hi"), ("assistant", "Hello")]
    stop = fast.convert_tokens_to_ids("<|im_end|>")
    (sample,) = glm4viz.from_batch({"input_ids": [batch["input_ids"][0].tolist() + [stop] * 3]}, fast)
    assert sample.padding == (0, 0)
