"""What a loss is worth: models that know nothing, and faults of the template, are said to be such."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.loss import Spike, TokenLosses, loss_summary
from glm4viz.loss.spikes import CAUSES, WHAT
from glm4viz.recipe import IGNORE, LabelledSample

ROWS = 151_552
TALK: list[dict[str, Any]] = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}]
CALL: list[dict[str, Any]] = [
    {"role": "user", "content": "北京天气?"},
    {
        "role": "assistant",
        "reasoning_content": "查一下",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "北京"}}}],
    },
    {"role": "tool", "content": "晴"},
    {"role": "assistant", "reasoning_content": "好", "content": "晴天。"},
]


def losses_for(sample: LabelledSample, nll: Any = 1.0, entropy: float = 1.0) -> TokenLosses:
    """Made up: the same everywhere, or a given column."""
    column = np.broadcast_to(np.asarray(nll, np.float32), len(sample)).copy()
    column[0] = np.nan
    trained = sample.labels != IGNORE
    whole, none = np.full(len(sample), -1), np.full((len(sample), 0), -1)
    return TokenLosses(
        nll=column,
        label_nll=np.where(trained, column, np.float32(np.nan)),
        entropy=np.full(len(sample), entropy, np.float32),
        rank=whole,
        top_ids=none,
        top_logprobs=none.astype(np.float32),
        weights=sample.weights,
        rows=ROWS,
    )


def spikes_at(sample: LabelledSample, where: Any, nll: float = 18.12) -> tuple[Spike, ...]:
    return loss_summary(sample, losses_for(sample, np.where(where, nll, 0.5))).spikes


# What the number is worth ---------------------------------------------------------------------------------------------


def test_a_model_that_knows_something_has_no_warning() -> None:
    summary = loss_summary(sample := glm4viz.label(TALK), losses_for(sample, 2.0, 3.0))
    assert summary.uniform == pytest.approx(math.log(ROWS))
    assert summary.mean == pytest.approx(2)
    assert (summary.warnings, summary.spikes) == ((), ())


@pytest.mark.parametrize(
    ("nll", "entropy", "said"), [(13.5, 4.0, "no better than guessing"), (math.log(ROWS), 4.0, "guessing"), (11.9, 11.6, "untrained")]
)
def test_one_that_knows_nothing_has(nll: float, entropy: float, said: str) -> None:
    summary = loss_summary(sample := glm4viz.label(TALK), losses_for(sample, nll, entropy))
    [text] = summary.warnings
    assert said in text["en"]
    assert "说明不了" in text["zh"]
    assert summary.spikes == ()  # of a model that knows nothing they would say nothing


def test_a_server_gives_no_entropy_and_no_size() -> None:
    sample = glm4viz.label(TALK)
    unknown = replace(losses_for(sample, 12.5, math.nan), rows=0)
    assert "guessing" in loss_summary(sample, unknown).warnings[0]["en"]
    assert loss_summary(sample, replace(losses_for(sample, 3.0, math.nan), rows=0)).warnings == ()


def test_without_a_trained_token_all_tokens_count() -> None:
    sample = glm4viz.label(TALK[:1])
    assert "guessing" in loss_summary(sample, losses_for(sample, 12.5)).warnings[0]["en"]


# Spikes ---------------------------------------------------------------------------------------------------------------


def test_each_kind_is_told_with_its_cause() -> None:
    sample = glm4viz.label(CALL, "ms-swift-glm4.5")
    names = np.array([sample.tokenizer.token_bytes(int(i)).decode("utf-8", "replace") for i in sample.input_ids])
    written = np.concatenate([[False], sample.roles[:-1] == "assistant"])
    where = {
        "think": names == "<think>",
        "tool_call": names == "<tool_call>",
        "newline": written & (sample.parts == "newline") & (np.roll(sample.parts, 1) == "role_tag"),
        "stop": written & np.isin(names, ["<|user|>", "<|observation|>"]),
    }
    for kind, at in where.items():
        assert at.any(), kind
        [spike] = spikes_at(sample, at)
        assert (spike.kind, spike.count, spike.position) == (kind, at.sum(), np.flatnonzero(at)[0])
        assert spike.worst == pytest.approx(18.12)
        assert CAUSES[kind]["en"] in spike.sentence("en")
        assert CAUSES[kind]["zh"] in spike.sentence("zh")
        assert "not of the data" in spike.sentence("en")
        assert "18.1 nats" in spike.sentence("en")
        assert "18.1 nat" in spike.sentence("zh")
    behind = (sample.parts == "newline") & (np.roll(names, 1) == "</think>")
    assert [spike.kind for spike in spikes_at(sample, behind)] == ["think"]
    together = spikes_at(sample, where["think"] | where["stop"])
    assert {spike.kind for spike in together} == {"think", "stop"}


def test_two_answers_in_a_row() -> None:
    sample = glm4viz.label([*TALK, TALK[1]])
    at = np.flatnonzero(sample.parts == "role_tag")[-1]
    assert [spike.kind for spike in spikes_at(sample, np.arange(len(sample)) == at)] == ["role_tag"]


def test_contents_and_what_others_write_are_no_spikes() -> None:
    sample = glm4viz.label([{"role": "system", "content": "s"}, *TALK, *TALK])
    assert spikes_at(sample, np.isin(sample.parts, ["content", "prefix"])) == ()
    first = np.flatnonzero((sample.roles == "user") & (sample.parts == "role_tag"))[0]  # behind the system message
    assert spikes_at(sample, np.arange(len(sample)) == first) == ()


def test_below_ten_nats_is_no_spike() -> None:
    sample = glm4viz.label(TALK)
    assert spikes_at(sample, sample.parts == "newline", 9.9) == ()
    assert [spike.kind for spike in spikes_at(sample, sample.parts == "newline", 10.1)] == ["newline"]


def test_a_label_that_is_not_the_input_counts_as_taught() -> None:
    sample = glm4viz.label([*TALK, *TALK], "llamafactory")
    [at] = np.flatnonzero((sample.labels != IGNORE) & (sample.labels != sample.input_ids)).tolist()
    losses = losses_for(sample, 0.5)
    losses.label_nll[at] = 14.0
    [spike] = loss_summary(sample, losses).spikes
    assert (spike.kind, spike.position) == ("stop", at)
    assert "<|endoftext|>" in spike.text.split(".")[0] + spike.text


def test_both_languages_stand_for_every_kind() -> None:
    assert WHAT.keys() == CAUSES.keys()
    assert all(text["en"] != text["zh"] and text["zh"] for table in (WHAT, CAUSES) for text in table.values())


def test_table() -> None:
    sample = glm4viz.label(TALK)
    table = losses_for(sample).table()
    assert list(table) == ["position", "nll", "label_nll", "weight", "entropy", "rank", "likeliest", "likeliest_logprob"]
    assert len(sample.table().merge(table, on="position")) == len(sample)
    likely = replace(losses_for(sample), top_ids=np.full((len(sample), 2), 7), top_logprobs=np.zeros((len(sample), 2), np.float32))
    assert (likely.table()["likeliest"] == 7).all()
    assert (table["likeliest"] == -1).all()


# The command ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_command_says_both(tmp_path: Path, lang: str) -> None:
    """The demo model knows no thinking tags, as any model doesn't whose template another recipe writes."""
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"messages": TALK}, ensure_ascii=False), "utf-8")
    options = ["loss", str(file), "--recipe", "ms-swift-glm4.5", "--lang", lang]
    line = json.loads(CliRunner().invoke(app, [*options, "--json"]).stdout)
    assert line["uniform"] == pytest.approx(math.log(ROWS))
    assert line["notes"] == []
    said = line["warnings"] + [spike["sentence"] for spike in line["spikes"]]
    assert said
    shown = "".join(CliRunner().invoke(app, options).stdout.split())
    assert all("".join(sentence.split()) in shown for sentence in said)
