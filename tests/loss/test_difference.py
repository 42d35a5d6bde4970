"""What two models' losses on one sample differ in, where a loss comes from, and what the answers cost."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import glm4viz
from glm4viz.loss import (
    LossModel,
    TokenLosses,
    answer_losses,
    loss_difference,
    loss_shares,
    loss_summary,
    stop_chances,
    stop_probabilities,
    token_losses,
)
from glm4viz.loss.shares import By
from glm4viz.recipe import IGNORE, Floats, LabelledSample

TALK = [
    {"role": "user", "content": "Is it open today?"},
    {"role": "assistant", "content": "Yes, until eight."},
    {"role": "user", "content": "Thanks"},
    {"role": "assistant", "content": "You are welcome."},
]
SAMPLE = glm4viz.label(TALK)
USER, ASSISTANT, END = 151_336, 151_337, 151_329


def made(sample: LabelledSample, nll: Sequence[float] | Floats, likely: dict[int, tuple[int, float]] | None = None) -> TokenLosses:
    """Losses as if a model had given them. likely: position → the likeliest token there and its probability."""
    column = np.array(nll, np.float32)
    column[0] = np.nan
    top_ids, top_logprobs = np.full((len(sample), 1), 5), np.full((len(sample), 1), -50.0, np.float32)
    for at, (token, chance) in (likely or {}).items():
        top_ids[at], top_logprobs[at] = token, np.log(chance)
    label_nll = np.where(sample.labels == IGNORE, np.nan, column).astype(np.float32)
    blank = np.zeros(len(sample), np.int64)
    return TokenLosses(column, label_nll, column, blank, top_ids, top_logprobs, sample.weights)


def ends(sample: LabelledSample) -> list[int]:
    return [i for i in range(1, len(sample)) if sample.trained[i] and sample.input_ids[i] in (USER, END)]


# Where it comes from ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["role", "message", "part"])
def test_every_token_with_a_loss_is_in_one_group(by: By) -> None:
    losses = made(SAMPLE, range(len(SAMPLE)))
    shares = loss_shares(SAMPLE, losses, by)
    assert sum(share.tokens for share in shares) == len(SAMPLE) - 1
    assert sum(share.nats for share in shares) == sum(range(1, len(SAMPLE)))
    trained = [share for share in shares if share.trained]
    assert sum(share.tokens for share in trained) == SAMPLE.trained.sum()
    assert len({(share.name, share.message_index, share.trained) for share in shares}) == len(shares)


def test_trained_groups_are_those_of_the_summary() -> None:
    losses = made(SAMPLE, range(len(SAMPLE)))
    summary = loss_summary(SAMPLE, losses)
    trained = {share.message_index: share for share in loss_shares(SAMPLE, losses, "message") if share.trained}
    for m in (1, 3):
        assert trained[m].mean == pytest.approx(summary.messages[m].mean)
        assert trained[m].tokens == summary.messages[m].trained


def test_the_end_of_an_answer_is_a_part_of_its_own() -> None:
    found = {(share.name, share.trained): share for share in loss_shares(SAMPLE, made(SAMPLE, [1.0] * len(SAMPLE)), "part")}
    assert found["end", True].tokens == 2
    assert ("role_tag", True) not in found
    assert found["role_tag", False].tokens == 3


def test_weights_count_where_something_is_trained() -> None:
    sample = replace(SAMPLE, label_weights=np.full(len(SAMPLE), 0.5, np.float32))
    shares = loss_shares(sample, made(sample, [2.0] * len(sample)), "role")
    assert {share.mean for share in shares if share.trained} == {1.0}
    assert {share.mean for share in shares if not share.trained} == {2.0}


# Along the answers -----------------------------------------------------------------------------------------------------


def test_an_answer_runs_from_behind_its_tag_to_the_token_that_ends_it() -> None:
    losses = made(SAMPLE, range(len(SAMPLE)))
    first, second = answer_losses(SAMPLE, losses)
    assert (first.message_index, second.message_index) == (1, 3)
    assert first.ended
    assert first.trained
    assert SAMPLE.input_ids[first.positions[0] - 1] == ASSISTANT
    assert [SAMPLE.input_ids[answer.positions[-1]] for answer in (first, second)] == [USER, END]
    np.testing.assert_array_equal(np.diff(first.positions), 1)
    np.testing.assert_array_equal(first.nll, first.positions)


def test_an_answer_that_was_cut_has_no_end() -> None:
    cut = glm4viz.label(TALK, max_length=int(np.flatnonzero(SAMPLE.message_index == 1)[-2]))
    [answer] = answer_losses(cut, made(cut, [1.0] * len(cut)))
    assert not answer.ended
    assert answer.positions[-1] == len(cut) - 1
    assert stop_chances(cut, made(cut, [1.0] * len(cut))) == []


def test_all_stop_tokens_count_for_the_chance_to_stop() -> None:
    first, second = ends(SAMPLE)
    nll = np.zeros(len(SAMPLE), np.float32)
    nll[first], nll[second] = -np.log(0.2), -np.log(0.3)
    chances = stop_chances(SAMPLE, made(SAMPLE, nll, {first: (END, 0.5), second: (END, 0.3)}))
    assert [stop.position for stop in chances] == [first, second]
    assert [stop.probability for stop in chances] == pytest.approx([0.7, 0.3])


@pytest.mark.slow  # a model is loaded
def test_the_chance_to_stop_is_the_model_s_own(demo: LossModel, talk: LabelledSample) -> None:
    losses = token_losses(demo, talk)
    read = stop_chances(talk, losses)
    asked = stop_probabilities(demo, talk)
    assert [(stop.message_index, stop.position - 1) for stop in read] == [(stop.message_index, stop.position) for stop in asked]
    for mine, whole in zip(read, asked, strict=True):
        fifth = float(np.exp(losses.top_logprobs[mine.position, -1]))  # what isn't among the five is less likely than this
        assert -1e-5 < whole.total - mine.probability < 2 * fifth + 1e-5


# Two models ------------------------------------------------------------------------------------------------------------


def test_what_the_second_model_has_learned() -> None:
    first, second = ends(SAMPLE)
    base = made(SAMPLE, [4.0] * len(SAMPLE))
    nll = np.where(SAMPLE.trained, 1.0, 5.0).astype(np.float32)
    tuned = made(SAMPLE, nll, {first: (USER, 0.9), second: (END, 0.8)})
    difference = loss_difference(SAMPLE, base, tuned)
    np.testing.assert_array_equal(difference.nll[1:], np.where(SAMPLE.trained, -3.0, 1.0)[1:])
    assert np.isnan(difference.nll[0])
    changes = {(group.name, group.trained): group.change for group in difference.groups("role")}
    assert changes == {("", False): 1.0, ("user", False): 1.0, ("assistant", False): 1.0, ("assistant", True): -3.0}
    assert {group.change for group in difference.groups("message") if group.trained} == {-3.0}
    assert {group.name for group in difference.groups("part") if group.trained} == {"newline", "content", "end"}
    assert [stop.probability for stop in difference.tuned_stops] == pytest.approx([0.9, 0.8])
    told = difference.about_stopping("old", "new")
    assert [text["en"] for text in told] == [
        "Where an answer ends, old would stop at 0 of 2 (probability 1.8% on average), new at 2 of 2 (85.0%).",
        "new has learned to stop; old hasn't.",
    ]
    assert "new 学会了停下" in told[1]["zh"]
    back = loss_difference(SAMPLE, tuned, base)
    assert back.about_stopping("new", "old")[1]["en"] == "new has learned to stop; old hasn't."
    assert len(loss_difference(SAMPLE, tuned, tuned).about_stopping("a", "b")) == 1


def test_without_an_end_nothing_is_said_of_stopping() -> None:
    question = glm4viz.label(TALK[:1])
    losses = made(question, [1.0] * len(question))
    assert "can't be told" in loss_difference(question, losses, losses).about_stopping("a", "b")[0]["en"]


def test_losses_of_another_sample_are_refused() -> None:
    other = glm4viz.label(TALK[:2])
    with pytest.raises(ValueError, match="another sample"):
        loss_difference(SAMPLE, made(SAMPLE, [1.0] * len(SAMPLE)), made(other, [1.0] * len(other)))


@pytest.mark.slow  # models are loaded
def test_the_twin_has_not_learned_to_stop(demo: LossModel) -> None:
    known = glm4viz.label([{"role": "user", "content": "有咖啡吗？"}, {"role": "assistant", "content": "有的，二楼有咖啡，每杯 15 元。"}])
    twin = glm4viz.load_model("demo-no-stop", device="cpu")
    difference = glm4viz.loss_difference(known, token_losses(twin, known), token_losses(demo, known))
    [without], [with_it] = difference.base_stops, difference.tuned_stops
    assert without.probability < 0.5 < with_it.probability
    assert difference.about_stopping("twin", "demo")[1]["en"] == "demo has learned to stop; twin hasn't."
