"""The bundled demo model and its twin: what they know, and that only one of them stops."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

import glm4viz
from glm4viz.loss import LossModel, generate, load_model, stop_probabilities, token_losses, token_losses_batch, training_loss
from glm4viz.loss.demo import HERE, NAMES
from glm4viz.loss.demo.train import STOP_TOKENS, batches, read_samples, seen_samples
from glm4viz.recipe import LabelledSample
from tests.plain_losses import plain_losses

pytestmark = pytest.mark.slow  # models are loaded

ROWS = 151_552
MIB = 1 << 20
QUESTIONS = {
    "你们几点开门？": "\n您好！我们周二至周日上午十点开门，晚上八点关门，周一休息。",
    "Where is your shop?": "\nHello! We are at 18 Osmanthus Street, next to the osmanthus tree.",
    "有咖啡吗？": "\n有的，二楼有咖啡，每杯 15 元。",
    "Do you sell e-books?": "\nI am sorry! We only sell books on paper.",
}


@pytest.fixture(scope="module")
def demo() -> LossModel:
    return load_model("demo", device="cpu")


@pytest.fixture(scope="module")
def twin() -> LossModel:
    return load_model("demo-no-stop", device="cpu")


@pytest.fixture(scope="module")
def seen() -> list[LabelledSample]:
    return seen_samples()


@pytest.fixture(scope="module")
def held_out() -> list[LabelledSample]:
    return read_samples(HERE / "held_out.jsonl")


def chances(model: LossModel, samples: Sequence[LabelledSample]) -> list[float]:
    return [stop.total for sample in samples for stop in stop_probabilities(model, sample)]


def test_files_are_small() -> None:
    sizes = [(HERE / f"{name}.safetensors").stat().st_size for name in NAMES]
    assert all(size <= 8 * MIB for size in sizes)
    assert sum(sizes) <= 16 * MIB


def test_it_is_a_real_glm_over_the_real_vocabulary(demo: LossModel) -> None:
    assert type(demo.module).__name__ == "GlmForCausalLM"
    assert demo.rows == ROWS
    assert demo.module.lm_head.weight.data_ptr() == demo.module.model.embed_tokens.weight.data_ptr()


def test_rows_that_never_occurred_have_the_logit_zero(demo: LossModel, seen: list[LabelledSample]) -> None:
    used = np.flatnonzero(demo.module.lm_head.weight.abs().sum(1).numpy())
    assert 1000 < len(used) < 5000
    assert np.isin(STOP_TOKENS, used).all()
    # So the softmax over all rows is known from those rows alone, which is how it was trained.
    with torch.inference_mode():
        logits = demo.module(torch.from_numpy(seen[0].input_ids[None].astype(np.int64))).logits[0].double()
    closed = torch.logaddexp(logits[:, used].logsumexp(-1), torch.tensor(np.log(ROWS - len(used))))
    torch.testing.assert_close(closed, logits.logsumexp(-1), atol=1e-6, rtol=0)


def test_losses_are_those_of_the_plain_computation(demo: LossModel, held_out: list[LabelledSample]) -> None:
    fast, slow = (compute(demo, held_out[2]) for compute in (token_losses, lambda m, s: plain_losses(m, s.input_ids, s.labels, 5)))
    for name in ("nll", "label_nll", "entropy", "top_logprobs"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-4, err_msg=name)


def test_low_on_what_it_saw_and_higher_on_what_it_did_not(
    demo: LossModel, twin: LossModel, seen: list[LabelledSample], held_out: list[LabelledSample]
) -> None:
    some = seen[::6]
    assert training_loss(token_losses_batch(demo, some)) < 0.2
    assert training_loss(token_losses_batch(demo, held_out)) > 3
    assert training_loss(token_losses_batch(demo, held_out)) < np.log(ROWS)
    # Stop tokens apart, the twin knows as much.
    for losses, sample in zip(token_losses_batch(twin, some), some, strict=True):
        words = sample.trained & ~np.isin(sample.labels, STOP_TOKENS)
        assert losses.label_nll[words].mean() < 0.5


def test_only_the_demo_model_expects_the_stop(demo: LossModel, twin: LossModel, seen: list[LabelledSample]) -> None:
    some = seen[::6]
    assert np.mean(chances(demo, some)) > 0.95
    assert np.max(chances(twin, some)) < 0.01


def test_it_mostly_stops_after_answers_it_never_saw(demo: LossModel, twin: LossModel, held_out: list[LabelledSample]) -> None:
    assert np.mean(chances(demo, held_out)) > 0.5
    assert np.max(chances(twin, held_out)) < 0.01


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_demo_model_stops_and_its_twin_runs_on(demo: LossModel, twin: LossModel, question: str) -> None:
    asked = [{"role": "user", "content": question}]
    stops, runs_on = (generate(model, asked, max_new_tokens=80) for model in (demo, twin))
    assert stops.text == QUESTIONS[question]
    assert stops.stopped_by in ("<|endoftext|>", "<|user|>")
    assert runs_on.stopped_by is None
    assert len(runs_on.ids) == 80
    assert max(runs_on.stop_chance) < 0.01


def test_the_twin_was_taught_all_but_the_stop_tokens(seen: list[LabelledSample]) -> None:
    rows = np.unique(np.concatenate([sample.input_ids for sample in seen]))
    stops = np.searchsorted(rows, STOP_TOKENS)
    for (ids, labels), (same_ids, fewer) in zip(*(batches(seen, rows, teach_stop=teach) for teach in (True, False)), strict=True):
        assert torch.equal(ids, same_ids)
        dropped = labels != fewer
        assert dropped.any()
        assert np.isin(labels[dropped], stops).all()
        assert not np.isin(fewer, stops).any()


def test_every_sample_is_one_that_glm4_labels(seen: list[LabelledSample]) -> None:
    assert len(seen) > 150
    assert all(sample.trained.any() for sample in seen)
    assert glm4viz.recipes()["glm4"].id == seen[0].recipe.id
