"""Whatever a server does wrong is a sentence, and never a wrong number."""

import json
import logging
import threading
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.errors import ModelError, VocabularyMismatch
from glm4viz.loss import Cancelled, LossModel, token_losses
from glm4viz.loss.served import scoring, transport
from glm4viz.loss.served.dialects import DIALECTS, OTHER, Dialect, Who
from glm4viz.loss.served.scores import Scores
from glm4viz.recipe import LabelledSample
from tests.served import KINDS, TALK, FakeServer, _Handler, connected, sentence, serving

pytestmark = pytest.mark.slow  # models are loaded


# What goes wrong ------------------------------------------------------------------------------------------------------

FAULTS = {
    "half": "broke off",
    "nothing": "broke off",
    "503": "busy or not ready",
    "redirect": "sends one on to another address",
    "html": "isn't JSON",
    "deep": "isn't JSON",
    "huge": "more than",
    "500": "refuses or fails (status 500)",
    "404": "doesn't know",
    "null": "no log-probability",
    "none": "no log-probability",
    "stale": "can't be the log-probabilities",
    "even": "can't be the log-probabilities",
    "other": "other tokens",
    "short": "no log-probability",
    "vocabulary": "another vocabulary",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_sentence(vllm: FakeServer, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    model, vllm.fault = connected(vllm), fault
    with pytest.raises((ModelError, VocabularyMismatch)) as error:
        token_losses(model, glm4viz.label(TALK[1:3]))
    assert FAULTS[fault] in sentence(error)
    assert "你好" not in str(error.value.said)  # nothing of the conversation, nor of the server's words
    assert not caplog.records
    again = fault in ("half", "nothing", "503")
    assert len(vllm.asked) == (3 if again else 1)


@pytest.mark.parametrize("fault", ["null", "other", "short", "cached"])
def test_sglang_s_faults(demo: LossModel, talk: LabelledSample, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    said = {"null": "no log-probability", "other": "other tokens", "short": "no log-probability", "cached": "can't be"}
    with serving("sglang", demo) as server:
        monkeypatch.setenv("GLM4VIZ_SERVERS", server.url)
        model, server.fault = connected(server), fault
        with pytest.raises(ModelError) as error:
            token_losses(model, talk)
    assert said[fault] in sentence(error)


@pytest.mark.parametrize("fault", ["half", "nothing", "503"])
def test_a_passing_fault_passes(vllm: FakeServer, talk: LabelledSample, fault: str) -> None:
    model, vllm.fault, vllm.faults = connected(vllm), fault, 2
    assert np.isfinite(token_losses(model, talk).nll[1:]).all()


def test_nobody_there(vllm: FakeServer, talk: LabelledSample) -> None:
    model = connected(vllm)
    vllm.shutdown()
    vllm.server_close()
    with pytest.raises(ModelError) as error:
        token_losses(model, talk)
    assert "can't be reached" in sentence(error)


def test_a_slow_server_is_given_up(vllm: FakeServer, talk: LabelledSample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER", 0.5)
    model, vllm.fault = connected(vllm), "slow"
    with pytest.raises(ModelError) as error:
        token_losses(model, talk)
    assert "did not answer" in sentence(error) or "broke off" in sentence(error)
    assert threading.active_count() < 20


def test_cancelled_while_waiting(vllm: FakeServer, talk: LabelledSample) -> None:
    model, vllm.fault = connected(vllm), "slow"
    looks = iter([False, False, True])
    with pytest.raises(Cancelled):
        token_losses(model, talk, cancelled=lambda: next(looks))
    assert len(vllm.asked) == 1


def test_progress_reaches_the_end(vllm: FakeServer, talk: LabelledSample) -> None:
    seen: list[float] = []
    token_losses(connected(vllm), talk, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_too_many_likeliest_and_too_many_tokens(vllm: FakeServer, talk: LabelledSample) -> None:
    model = connected(vllm)
    with pytest.raises(ModelError) as error:
        token_losses(model, talk, 25)
    assert "--max-logprobs" in sentence(error)
    with pytest.raises(ModelError) as error:
        token_losses(model, [5] * 4500)
    assert "--max-model-len" in sentence(error)
    asked = len(vllm.asked)
    with pytest.raises(ModelError) as error:
        token_losses(model, [5] * 9000)
    assert "takes fewer than 8192" in sentence(error)
    assert len(vllm.asked) == asked


def test_ids_that_the_server_lacks(server: FakeServer) -> None:
    model = connected(server)
    with pytest.raises(VocabularyMismatch) as error:
        token_losses(model, [5, 200_000])
    assert "another vocabulary" in sentence(error)
    with pytest.raises(VocabularyMismatch) as error:
        token_losses(model, glm4viz.label(TALK, "torchtune"))
    assert "stand-in" in sentence(error)


def test_a_vocabulary_that_could_not_be_checked_is_said(vllm: FakeServer, talk: LabelledSample) -> None:
    model, vllm.fault = connected(vllm), "unnamed"
    assert scoring.UNCHECKED in token_losses(model, talk).notes


# Whatever a server may say --------------------------------------------------------------------------------------------

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    "",
    "x",
    "token_id:9",
    "token_id:99999999999",
    [],
    [[]],
    {},
    {"x": 1},
    float("nan"),
    float("inf"),
]


def spoilt(value: Any, random: np.random.Generator) -> Any:
    """A copy with one place, at any depth, replaced by something odd, or taken away."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.15:
        return ODD[random.integers(len(ODD))]
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, made = keys[random.integers(len(keys))], value.copy()
    if random.random() < 0.1:
        made.pop(key)
    else:
        made[key] = spoilt(value[key], random)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_odd_answers_are_sentences_and_never_wrong_numbers(kind: str, demo: LossModel) -> None:
    random, server = np.random.default_rng(0), FakeServer(kind, demo)
    server.server_close()
    handler = object.__new__(_Handler)
    handler.server = server
    dialect: Dialect = DIALECTS.get(kind, OTHER)
    ids = [7, 198, 1000, 151_336, 5]
    body = json.loads(json.dumps(dialect.request(Who("m", None), ids, 3)))
    shape = {"vllm": handler._vllm, "sglang": handler._sglang}.get(kind, handler._echo)
    good = shape(body, ids, server.logprobs(ids))
    expected = Scores.blank("http://h", len(ids), 3)
    dialect.read(good, ids, expected)
    refused = 0
    for _ in range(1500):
        scores = Scores.blank("http://h", len(ids), 3)
        try:
            dialect.read(spoilt(good, random), ids, scores)
        except ModelError:
            refused += 1
            continue
        assert (scores.nll[1:] >= 0).all()
        assert (scores.rank >= -1).all()
        assert np.isfinite(scores.nll[1:]).all()
    assert refused > 100
