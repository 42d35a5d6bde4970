"""What is made of per-token losses: the summary, stop probabilities, a generation, the command."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.loss import (
    LossModel,
    generate,
    load_model,
    loss_summary,
    stop_probabilities,
    token_losses,
    training_loss,
)
from glm4viz.recipe import LabelledSample
from tests.loss.models import CONVERSATION, ROWS, check_against_plain, save_random
from tests.plain_losses import plain_losses

pytestmark = pytest.mark.slow  # models are loaded

# What is made of them ------------------------------------------------------------------------------------------------


def test_summary(model: LossModel, sample: LabelledSample) -> None:
    losses = token_losses(model, sample)
    summary = loss_summary(sample, losses)
    assert summary.training_loss == pytest.approx(training_loss(losses))
    assert summary.total == pytest.approx(summary.training_loss * summary.trained)
    for groups in (summary.roles, summary.messages):
        assert sum(group.share for group in groups) == pytest.approx(1)
        assert sum(group.trained for group in groups) == summary.trained
    assert [group.role for group in summary.roles] == ["system", "user", "assistant"]
    for m, group in enumerate(summary.messages):
        inside = [i for i in range(1, len(sample)) if sample.message_index[i] == m and sample.input_ids[i] < 151_329]
        nats = sum(float(losses.nll[i]) for i in inside)
        text = "".join(("", "\n", str(sample.messages[m].get("metadata", "")), sample.messages[m]["content"]))
        assert group.ordinary == len(inside)
        assert group.perplexity == pytest.approx(math.exp(nats / len(inside)), rel=1e-4)
        assert group.bits_per_byte == pytest.approx(nats / math.log(2) / len(text.encode()), rel=1e-4)
        owned = [float(losses.label_nll[i]) for i in range(1, len(sample)) if sample.owner[i] == m]
        assert group.loss == pytest.approx(sum(owned), rel=1e-4)
    assert math.isnan(summary.messages[0].mean)


def test_summary_of_a_sample_without_loss(model: LossModel) -> None:
    masked = glm4viz.label(CONVERSATION[:2])
    summary = loss_summary(masked, token_losses(model, masked))
    assert math.isnan(summary.training_loss)
    assert all(math.isnan(group.share) for group in summary.roles)


def test_weighed_labels_count_with_their_weight(model: LossModel, sample: LabelledSample) -> None:
    weights = np.where(np.arange(len(sample)) % 2, 2.0, 0.5).astype(np.float32)
    plain, weighed = token_losses(model, sample), token_losses(model, replace(sample, label_weights=weights))
    counted = ~np.isnan(plain.label_nll)
    assert np.array_equal(plain.label_nll[counted], weighed.label_nll[counted])
    expected = float((plain.label_nll * weights)[counted].sum()) / int(counted.sum())
    assert training_loss(weighed) == pytest.approx(expected, rel=1e-5)
    summary = loss_summary(replace(sample, label_weights=weights), weighed)
    assert summary.training_loss == pytest.approx(expected, rel=1e-5)
    assert sum(group.share for group in summary.messages) == pytest.approx(1)


def test_stop_probabilities(model: LossModel, sample: LabelledSample) -> None:
    found = stop_probabilities(model, sample)
    logprobs = plain_losses(model, sample.input_ids, sample.labels, 1).logprobs
    assert [stop.message_index for stop in found] == [2, 4]
    assert [stop.position for stop in found] == [int(np.flatnonzero(sample.message_index == m)[-1]) for m in (2, 4)]
    for stop in found:
        assert [one.id for one in stop.each] == [151_329, 151_336, 151_338]
        expected = np.exp(logprobs[stop.position, [one.id for one in stop.each]])
        np.testing.assert_allclose([one.probability for one in stop.each], expected, atol=1e-6)
    assert stop_probabilities(model, glm4viz.label(CONVERSATION[:2])) == []


def test_generate_is_greedy(model: LossModel) -> None:
    messages = CONVERSATION[:2]
    made = generate(model, messages, max_new_tokens=8)
    prompt = [*glm4viz.label(messages).input_ids[:-1].tolist(), 151_337]
    out = model.module.generate(
        torch.tensor([prompt]), max_new_tokens=8, do_sample=False, eos_token_id=[151_329, 151_336, 151_338], pad_token_id=151_329
    )
    expected = [i for i in out[0, len(prompt) :].tolist() if i not in (151_329, 151_336, 151_338)]
    assert made.ids.tolist() == expected
    assert len(made.stop_chance) == len(made.ids) + (made.stopped_by is not None)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", ["glm", "glm4"])
def test_cuda(tmp_path: Path, sample: LabelledSample, kind: str) -> None:
    directory = save_random(tmp_path / kind, kind, ROWS)
    assert load_model(directory).dtype == torch.bfloat16
    on_gpu = load_model(directory, device="cuda", dtype="float32")
    check_against_plain(on_gpu, sample, sample.input_ids, sample.labels, 5)
    on_cpu = token_losses(load_model(directory, device="cpu"), sample)
    np.testing.assert_allclose(token_losses(on_gpu, sample).nll, on_cpu.nll, atol=1e-3)


# The command ---------------------------------------------------------------------------------------------------------


def test_command_json(tmp_path: Path) -> None:
    file = tmp_path / "two.jsonl"
    file.write_text(json.dumps({"messages": CONVERSATION}, ensure_ascii=False) + '\n{"messages": [{"role": "user"}]}\n', "utf-8")
    result = CliRunner().invoke(app, ["loss", str(file), "--model", "demo", "--json"])
    assert result.exit_code == 1, result.output
    good, bad = map(json.loads, result.stdout.splitlines())
    sample = glm4viz.label(CONVERSATION)
    losses = token_losses(load_model("demo", device="cpu"), sample)
    assert good["training_loss"] == pytest.approx(training_loss(losses), rel=1e-3)
    assert good["nll"][0] is None
    assert [group["role"] for group in good["roles"]] == ["system", "user", "assistant"]
    assert bad["record"] == 1
    assert bad["sentence"]


def test_command_for_people(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"messages": CONVERSATION}, ensure_ascii=False), "utf-8")
    result = CliRunner().invoke(app, ["loss", str(file), "--lang", "zh"])
    assert result.exit_code == 0, result.output
    assert "困惑度" in result.stdout
    assert "assistant" in result.stdout


def test_command_refuses_in_a_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["loss", "-", "--model", str(tmp_path)], input="")
    assert result.exit_code == 2
    assert "config.json is missing" in result.stderr
