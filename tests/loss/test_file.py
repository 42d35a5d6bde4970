"""Losses over whole files: the numbers of one record at a time, every record accounted for, and memory that doesn't grow."""

import dataclasses
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.conversation import Conversation
from glm4viz.errors import ModelError, ReadError, RecipeRejects, VocabularyMismatch
from glm4viz.loss import (
    Cancelled,
    LossModel,
    TokenLosses,
    batches,
    file_losses,
    load_model,
    loss_summary,
    token_losses,
    token_losses_batch,
    training_loss,
)
from glm4viz.loss.file import record_losses
from glm4viz.loss.rows import COLUMNS, row_of
from glm4viz.loss.totals import BYS, TURNS, Totals, count, in_order
from glm4viz.recipe import LabelledSample
from tests.chatglm_reference import random_weights, save_checkpoint, tiny_config
from tests.loss.models import CONVERSATION, save_random
from tests.served import FakeServer, connected

pytestmark = pytest.mark.slow  # models are loaded


SOME = 14  # records of the file


def talk(size: int) -> list[dict[str, Any]]:
    """Conversations of all lengths, none like the other."""
    return [{"role": "user", "content": f"{size}?"}, {"role": "assistant", "content": "好 word " * (size * 7 % 23) + str(size)}]


def write(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    talks = [{"messages": talk(size)} for size in range(SOME - 2)]
    return write(tmp_path / "talks.jsonl", [*talks, {"messages": CONVERSATION}, {"messages": talk(90)}])


@pytest.fixture(params=["demo", "glm", "glm4", "chatglm"])
def any_model(request: pytest.FixtureRequest, tmp_path: Path, demo: LossModel) -> LossModel:
    if request.param == "demo":
        return demo
    if request.param == "chatglm":
        config = tiny_config(padded_vocab_size=151_552)
        save_checkpoint(tmp_path / "chatglm", config, random_weights(config))
        return load_model(tmp_path / "chatglm", device="cpu")
    return load_model(save_random(tmp_path / request.param, request.param, 151_552), device="cpu")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large windows from the start, so that samples of many lengths run side by side."""
    monkeypatch.setattr(batches, "FIRST", 100_000)
    monkeypatch.setattr(batches, "MOST", 100_000)


# The numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("windows")
def test_batches_change_no_number(any_model: LossModel, file: Path) -> None:
    found = list(file_losses(any_model, file))
    assert [record.number for record in found] == list(range(SOME))
    assert [record.line for record in found] == list(range(1, SOME + 1))
    lengths = {len(record.samples[0]) for record in found}
    assert len(lengths) > 8, "padding is needed"
    for record in found:
        alone = token_losses(any_model, record.samples[0], 0)
        for name in ("nll", "label_nll", "entropy", "weights"):
            np.testing.assert_allclose(getattr(record.losses[0], name), getattr(alone, name), atol=1e-4, err_msg=name)


def test_what_is_read_is_what_is_labelled(demo: LossModel, file: Path) -> None:
    for record, conversation in zip(file_losses(demo, file, "xtuner", 40), glm4viz.read_conversations(file), strict=True):
        assert isinstance(conversation, Conversation)
        expected = glm4viz.label(conversation, "xtuner", max_length=40)
        np.testing.assert_array_equal(record.samples[0].labels, expected.labels)


def test_a_recipe_that_splits_and_one_that_weighs(demo: LossModel, tmp_path: Path) -> None:
    path = write(tmp_path / "two.jsonl", [{"messages": CONVERSATION}])
    (split,) = file_losses(demo, path, "xtuner-split")
    assert len(split.samples) == len(split.losses) == 2
    row, totals = count(split)
    assert row["samples"] == 2
    assert row["trained"] == sum(int((~np.isnan(losses.label_nll)).sum()) for losses in split.losses)
    assert row["loss_mean"] == pytest.approx(training_loss(split.losses))
    sample, losses = split.samples[0], split.losses[0]
    half = dataclasses.replace(losses, weights=(losses.weights / 2).astype(np.float32))
    weighed = count(dataclasses.replace(split, samples=(sample,), losses=(half,)))[0]
    assert weighed["loss_sum"] == pytest.approx(count(dataclasses.replace(split, samples=(sample,), losses=(losses,)))[0]["loss_sum"] / 2)
    assert weighed["loss_mean"] == pytest.approx(training_loss(half))
    assert totals.samples == 2


def test_totals_are_those_of_the_samples(demo: LossModel, file: Path) -> None:
    totals, summaries = Totals(), []
    for record in file_losses(demo, file):
        totals.merge(count(record)[1])
        summaries.append(loss_summary(record.samples[0], record.losses[0]))
    assert totals.records == SOME
    assert totals.all.trained == sum(summary.trained for summary in summaries)
    assert totals.all.loss == pytest.approx(sum(summary.total for summary in summaries))
    for role, sums in totals.groups["role"].items():
        of = [group for summary in summaries for group in summary.roles if group.role == role]
        assert sums.loss == pytest.approx(sum(group.loss for group in of))
        assert sums.ordinary == sum(group.ordinary for group in of)
    for by in BYS:
        assert sum(sums.loss for sums in totals.groups[by].values()) == pytest.approx(totals.all.loss), by
        assert sum(sums.trained for sums in totals.groups[by].values()) == totals.all.trained
    assert [name for name, _ in in_order(totals.groups["turn"], "turn")] == ["1", "2"]
    worst = sorted((summary.training_loss for summary in summaries), reverse=True)[:10]
    assert [row["loss_mean"] for row in totals.worst_records] == pytest.approx(worst)


def test_totals_go_through_json(demo: LossModel, file: Path) -> None:
    totals = Totals()
    for record in file_losses(demo, file):
        totals.merge(count(record)[1])
    assert Totals.from_json(json.loads(json.dumps(totals.as_json()))) == totals


def test_the_worst_token_is_named(demo: LossModel, tmp_path: Path) -> None:
    (record,) = file_losses(demo, write(tmp_path / "one.jsonl", [{"messages": CONVERSATION}]))
    row, sample = row_of(record), record.samples[0]
    at = row["worst_position"]
    assert row["loss_max"] == np.nanmax(record.losses[0].label_nll) == record.losses[0].label_nll[at]
    assert row["worst_id"] == sample.labels[at]
    assert b"".join(sample.token_bytes[:at]).decode("utf-8", "replace").endswith(row["worst_before"])
    assert list(row) == list(COLUMNS)


def test_late_turns_count_together(demo: LossModel, tmp_path: Path) -> None:
    long = [message for turn in range(TURNS + 3) for message in [*talk(turn)[:1], {"role": "assistant", "content": "a"}]]
    (record,) = file_losses(demo, write(tmp_path / "long.jsonl", [{"messages": long}]))
    turns = in_order(count(record)[1].groups["turn"], "turn")
    assert [name for name, _ in turns] == [str(turn) for turn in range(1, TURNS + 1)]
    assert turns[-1][1].trained > 3 * turns[0][1].trained


# What goes wrong ------------------------------------------------------------------------------------------------------


def test_bad_records_hide_no_other(demo: LossModel, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    lines = [{"messages": talk(1)}, "{broken", {"messages": talk(2)}, {"messages": CONVERSATION[:1]}, {"messages": talk(3)}]
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "utf-8")
    found = list(file_losses(demo, path, "llamafactory"))
    assert [type(record.error) for record in found] == [type(None), ReadError, type(None), RecipeRejects, type(None)]
    totals = Totals()
    for record in found:
        totals.merge(count(record)[1])
    assert (totals.records, totals.unread, totals.refused, totals.failed, totals.bad) == (5, 1, 1, 0, 2)
    row = row_of(found[3])
    assert (row["error"], row["record"], row["loss_sum"]) == ("RecipeRejects", 3, None)
    assert row["reason"] != row["reason_zh"]


def test_a_sample_that_the_model_cannot_take_is_an_error_of_its_own(
    small: LossModel, demo: LossModel, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {type(record.error) for record in file_losses(small, file)} == {VocabularyMismatch}
    real = token_losses_batch

    def crowded(model: LossModel, samples: list[LabelledSample], *rest: Any, **options: Any) -> list[TokenLosses]:
        if len(samples) > 1 or len(samples[0]) > 40:
            raise ModelError("too much", "太多")
        return real(model, samples, *rest, **options)

    monkeypatch.setattr(batches, "token_losses_batch", crowded)
    found = list(file_losses(demo, file))
    assert [isinstance(record.error, ModelError) for record in found] == [
        len(glm4viz.label(c)) > 40 for c in glm4viz.read_conversations(file) if isinstance(c, Conversation)
    ]
    assert any(record.error for record in found)
    assert not all(record.error for record in found)


def test_what_a_run_fed_is_taken_as_it_was_fed(demo: LossModel, tmp_path: Path) -> None:
    sample = glm4viz.label(CONVERSATION, "xtuner")
    glm4viz.save_capture([sample], tmp_path / "run.glm4viz.json.gz")
    (record,) = file_losses(demo, tmp_path / "run.glm4viz.json.gz")
    assert record.error is None
    np.testing.assert_array_equal(record.samples[0].labels, sample.labels)


def test_it_can_be_cancelled_and_tells_how_far_it_is(demo: LossModel, file: Path) -> None:
    told: list[float] = []
    tokens = sum(len(record.samples[0]) for record in file_losses(demo, file, progress=told.append))
    assert sum(told) == pytest.approx(tokens)
    with pytest.raises(Cancelled):
        next(file_losses(demo, file, cancelled=lambda: True))


def test_a_served_model_is_asked_one_at_a_time_until_it_is_gone(vllm: FakeServer, demo: LossModel, file: Path) -> None:
    model = connected(vllm)
    found, alone = file_losses(model, file), file_losses(demo, file)
    for number in range(3):
        one, other = next(found), next(alone)
        assert len(vllm.asked) == number + 1
        np.testing.assert_allclose(one.losses[0].label_nll, other.losses[0].label_nll, atol=1e-3)
    vllm.fault, vllm.faults = "404", 1
    assert isinstance(next(found).error, ModelError)
    assert next(found).error is None, "one refusal is not the end"
    vllm.shutdown()
    vllm.server_close()
    with pytest.raises(ModelError):
        next(found)


def test_the_command_keeps_what_a_server_gave(vllm: FakeServer, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, real = tmp_path / "rows.jsonl", batches.__dict__["token_losses_batch"]

    def dies(*given: Any, **options: Any) -> Any:
        if len(vllm.asked) == 3:
            vllm.shutdown()
            vllm.server_close()
        return real(*given, **options)

    monkeypatch.setattr(batches, "token_losses_batch", dies)
    result = CliRunner().invoke(app, ["loss", str(file), "--model", vllm.url, "-o", str(out)])
    assert result.exit_code == 1
    (said,) = result.stderr.splitlines()
    assert "Stopped after 3 records. The rows of 3 are kept" in said
    assert not out.exists()


def blank(sample: LabelledSample) -> TokenLosses:
    """Losses of one nat throughout."""
    labels = np.where(sample.trained, np.float32(1), np.float32(np.nan)).astype(np.float32)
    ones, none = np.ones(len(sample), np.float32), np.ones((len(sample), 0))
    likely = none.astype(np.int64), none.astype(np.float32)
    return TokenLosses(ones, labels, ones, ones.astype(np.int64), *likely, sample.weights, 151_552)


# As a stream ----------------------------------------------------------------------------------------------------------


def test_it_begins_before_all_is_read(demo: LossModel) -> None:
    read: list[int] = []

    def records() -> Iterator[Conversation]:
        for number in range(5_000):
            read.append(number)
            yield Conversation(talk(39), index=number, line=number + 1)

    assert next(record_losses(demo, records())).number == 0
    assert len(read) < 200


def test_records_before_the_start_are_read_over(demo: LossModel, file: Path) -> None:
    whole, rest = list(file_losses(demo, file)), list(file_losses(demo, file, start=9))
    assert [record.number for record in rest] == list(range(9, SOME))
    assert [row_of(record)["loss_sum"] for record in rest] == pytest.approx([row_of(record)["loss_sum"] for record in whole[9:]], abs=1e-3)


def test_memory_stays_flat(demo: LossModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def computed(_: LossModel, samples: list[LabelledSample], *__: Any, **___: Any) -> list[TokenLosses]:
        return [blank(sample) for sample in samples]

    monkeypatch.setattr(batches, "token_losses_batch", computed)
    monkeypatch.setattr(batches, "MOST", 4_096)

    def peak(records: int) -> int:
        totals = Totals()
        tracemalloc.start()
        try:
            for record in record_losses(demo, (Conversation(talk(nth), index=nth) for nth in range(records))):
                totals.merge(count(record)[1])
            assert totals.records == records
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(300)
    assert peak(3_000) < 1.5 * peak(600)
