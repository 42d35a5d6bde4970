"""Per-token losses against the plain computation, on tiny random checkpoints that go through the real loading path."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import glm4viz
from glm4viz.errors import ModelError, VocabularyMismatch
from glm4viz.loss import (
    Cancelled,
    LossModel,
    load_model,
    token_losses,
    token_losses_batch,
    training_loss,
)
from glm4viz.loss import head as head_module
from glm4viz.loss import model as model_module
from glm4viz.recipe import LabelledSample
from tests.loss.models import CONVERSATION, SMALL, check_against_plain, save_random

pytestmark = pytest.mark.slow  # models are loaded

# The numbers ---------------------------------------------------------------------------------------------------------


def test_a_sample_equals_the_plain_computation(model: LossModel, sample: LabelledSample) -> None:
    assert sample.trained.any()
    assert not sample.trained.all()
    check_against_plain(model, sample, sample.input_ids, sample.labels, 5)


@pytest.mark.parametrize("chunk", [1, 2, 7, 1000])
@pytest.mark.parametrize("k", [0, 1, 5, 64])
def test_no_chunk_changes_a_number(small: LossModel, chunk: int, k: int) -> None:
    ids = np.random.default_rng(chunk).integers(0, SMALL, 40)
    check_against_plain(small, ids, ids, np.full(40, -100), k, chunk=chunk)


def test_labels_may_differ_from_ids(small: LossModel, sample: LabelledSample) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, SMALL, len(sample)).astype(np.int32)
    labels = np.where(rng.random(len(ids)) < 0.5, rng.integers(0, SMALL, len(ids)), -100).astype(np.int32)
    changed = dataclasses.replace(sample, input_ids=ids, labels=labels)
    check_against_plain(small, changed, ids, labels, 3)


def test_more_alternatives_than_tokens(tmp_path: Path) -> None:
    tiny = load_model(save_random(tmp_path / "tiny", "glm", 3), device="cpu")
    losses = token_losses(tiny, [0, 1, 2], top_k=5)
    assert sorted(losses.top_ids[1].tolist()) == [-1, -1, 0, 1, 2]
    assert np.isnan(losses.top_logprobs[1, 3:]).all()
    assert np.exp(losses.top_logprobs[1, :3]).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("tokens", [0, 1])
def test_nothing_predicts_the_first_token(small: LossModel, tokens: int) -> None:
    losses = token_losses(small, [7] * tokens)
    assert len(losses) == tokens
    assert np.isnan(losses.nll).all()
    assert losses.top_ids.shape == (tokens, 5)
    assert (losses.rank == -1).all()
    assert math.isnan(training_loss(losses))


def test_training_loss_is_the_models_own(model: LossModel, sample: LabelledSample) -> None:
    def own(sample: LabelledSample) -> float:
        ids, labels = (torch.from_numpy(column[None].astype(np.int64)) for column in (sample.input_ids, sample.labels))
        return float(model.module(input_ids=ids, labels=labels).loss)

    # A recipe that trains everything has a label at position 0 too, which the model never uses.
    everything = dataclasses.replace(sample, labels=sample.input_ids)
    for one in (sample, everything):
        assert training_loss(token_losses(model, one)) == pytest.approx(own(one), abs=1e-4)
    both = token_losses_batch(model, [sample, everything])
    counts = [int((~np.isnan(one.label_nll)).sum()) for one in both]
    expected = np.average([own(sample), own(everything)], weights=counts)
    assert training_loss(both) == pytest.approx(expected, abs=1e-4)


def test_padding_changes_no_number(model: LossModel, sample: LabelledSample) -> None:
    short = glm4viz.label(CONVERSATION[1:3])
    samples: list[LabelledSample | list[int]] = [sample, short, [5], glm4viz.label(CONVERSATION * 3), []]
    for together, given in zip(token_losses_batch(model, samples), samples, strict=True):
        alone = token_losses(model, given)
        for field in dataclasses.fields(alone):
            if field.name != "top_ids":
                np.testing.assert_allclose(getattr(together, field.name), getattr(alone, field.name), atol=1e-5, err_msg=field.name)


def test_bfloat16_is_scored_in_float32(tmp_path: Path) -> None:
    half = load_model(save_random(tmp_path / "half", "glm", SMALL), device="cpu", dtype="bfloat16")
    assert half.dtype == torch.bfloat16
    ids = np.arange(50) * 5
    with half.running():
        hidden = half.hidden_states([ids])[0][:-1].double()
        logprobs = torch.log_softmax(hidden @ half.module.lm_head.weight.double().T, -1)
    expected = -logprobs.gather(1, torch.from_numpy(ids[1:, None]))[:, 0]
    np.testing.assert_allclose(token_losses(half, ids).nll[1:], expected, atol=1e-5)


# Ids, progress, memory -----------------------------------------------------------------------------------------------


def test_stand_in_ids_are_not_on_this_vocabulary(model: LossModel) -> None:
    foreign = glm4viz.label([m for m in CONVERSATION if m["role"] != "system"], recipe="xtuner-internlm2")
    with pytest.raises(VocabularyMismatch, match="not on this vocabulary") as raised:
        token_losses(model, foreign)
    assert "词表" in raised.value.sentence("zh")


@pytest.mark.parametrize("ids", [[0, SMALL], [0, -1], [0, -100]])
def test_foreign_ids(small: LossModel, ids: list[int]) -> None:
    with pytest.raises(VocabularyMismatch):
        token_losses(small, ids)


def test_foreign_labels(small: LossModel, sample: LabelledSample) -> None:
    zeros = np.zeros(len(sample), np.int32)
    with pytest.raises(VocabularyMismatch):
        token_losses(small, dataclasses.replace(sample, input_ids=zeros, labels=zeros + SMALL))


@pytest.mark.parametrize("ids", [[[1, 2]], [1.5, 2.0]])
def test_ids_must_be_flat_and_whole(small: LossModel, ids: Any) -> None:
    with pytest.raises(ValueError, match="flat list"):
        token_losses(small, ids)


def test_progress_rises_to_one(small: LossModel) -> None:
    told: list[float] = []
    token_losses_batch(small, [[1] * 30, [2] * 50], chunk=4, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    assert len(told) > 15


@pytest.mark.parametrize("after", [0, 1, 4])
def test_cancel(small: LossModel, after: int) -> None:
    told: list[float] = []
    with pytest.raises(Cancelled):
        token_losses(small, [1] * 100, chunk=4, progress=told.append, cancelled=lambda: len(told) >= after)
    assert len(told) == after
    assert len(token_losses(small, [1, 2])) == 2  # the model is free again


def test_out_of_memory_shrinks_the_chunk(small: LossModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, sizes, real = list(range(60)), list[int](), head_module._Scorer.score
    expected = token_losses(small, ids)

    def score(self: Any, hidden: torch.Tensor, *rest: Any) -> None:
        sizes.append(len(hidden))
        if len(hidden) > 3:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        real(self, hidden, *rest)

    monkeypatch.setattr(head_module._Scorer, "score", score)
    np.testing.assert_allclose(token_losses(small, ids).nll, expected.nll, atol=1e-5)
    assert max(sizes) > 3


def test_out_of_memory_for_one_token_is_a_sentence(small: LossModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(head_module._Scorer, "score", score)
    with pytest.raises(ModelError, match="Out of memory"):
        token_losses(small, [1, 2, 3])


def test_a_sample_that_will_not_fit_is_a_sentence(small: LossModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "free_memory", lambda _: small.activation_bytes(50))
    assert len(token_losses(small, [1] * 50)) == 50
    with pytest.raises(ModelError, match="for 51 tokens"):
        token_losses(small, [1] * 51)


def test_other_errors_are_not_taken_for_memory(small: LossModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(*_: Any) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(head_module._Scorer, "score", score)
    with pytest.raises(RuntimeError, match="shapes differ"):
        token_losses(small, [1, 2, 3])


def test_logits_of_a_long_sample_never_stand_in_memory(small: LossModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, real = list[int](), head_module._Scorer.__init__

    def init(self: Any, model: LossModel, size: int, top_k: int) -> None:
        sizes.append(size)
        real(self, model, size, top_k)

    monkeypatch.setattr(head_module._Scorer, "__init__", init)
    token_losses(small, np.zeros(3000, np.int64))
    assert sum(sizes) <= 256
