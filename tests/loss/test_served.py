"""A served model's losses equal the engine's, and whatever a server does wrong is a sentence."""

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.errors import ModelError, VocabularyMismatch
from glm4viz.loss import Cancelled, LossModel, ServedModel, load_model, loss_summary, stop_probabilities, token_losses, training_loss
from glm4viz.loss.served import scoring, transport
from glm4viz.loss.served.dialects import DIALECTS, OTHER, Dialect, Who
from glm4viz.loss.served.scores import Scores
from glm4viz.recipe import IGNORE, LabelledSample
from tests.served import LORA, FakeServer, _Handler, serving

pytestmark = pytest.mark.slow  # models are loaded
TALK = [
    {"role": "system", "content": "回答要简短。"},
    {"role": "user", "content": "你好, what is 12345?"},
    {"role": "assistant", "content": "It is a number, 龘."},
    {"role": "user", "content": "谢谢"},
    {"role": "assistant", "content": "不客气！"},
]
KINDS = ("vllm", "sglang", "echo", "echo-ids")


@pytest.fixture(scope="module")
def demo() -> LossModel:
    return load_model("demo", device="cpu")


@pytest.fixture(scope="module")
def talk() -> LabelledSample:
    return glm4viz.label(TALK)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PAUSES", (0.01, 0.01))


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, demo: LossModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    with serving(request.param, demo) as server:
        monkeypatch.setenv("GLM4VIZ_SERVERS", f"http://elsewhere:1, {server.url}/v1/")
        yield server


@pytest.fixture
def vllm(demo: LossModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    with serving("vllm", demo) as server:
        monkeypatch.setenv("GLM4VIZ_SERVERS", server.url)
        yield server


def connected(server: FakeServer, **options: Any) -> ServedModel:
    model = load_model(server.url, **options)
    assert isinstance(model, ServedModel)
    return model


def sentence(error: pytest.ExceptionInfo[Any]) -> str:
    """The English one; the Chinese one must be another."""
    assert error.value.sentence("zh") != error.value.sentence("en")
    return str(error.value)


# Equal to the engine --------------------------------------------------------------------------------------------------


def test_equal_to_the_engine(server: FakeServer, demo: LossModel, talk: LabelledSample) -> None:
    served, own = token_losses(connected(server), talk, 5), token_losses(demo, talk, 5)
    np.testing.assert_allclose(served.nll, own.nll, atol=1e-3)
    np.testing.assert_allclose(served.label_nll, own.label_nll, atol=1e-3)
    if server.kind != "echo":  # its likeliest are texts, of which two tokens may have the same
        np.testing.assert_allclose(served.top_logprobs, own.top_logprobs, atol=1e-3)
    known = served.rank >= 0
    assert not known[0]
    assert known[1:].any()
    # Equally likely tokens, such as those that the demo model never saw, count as higher in vLLM's ranks.
    apart = np.abs(own.top_logprobs[:, :1] - own.top_logprobs[:, 1:]).min(1, initial=9) > 1e-4
    for i in np.flatnonzero(known & (own.rank < 5)).tolist():
        assert served.rank[i] == own.rank[i] or not apart[i]
    if server.kind != "echo":
        named = np.flatnonzero(apart)
        np.testing.assert_array_equal(served.top_ids[named], own.top_ids[named])
    assert np.isnan(served.entropy).all()
    assert scoring.NO_ENTROPY in served.notes
    assert (scoring.SOME_RANKS in served.notes) == (server.kind != "vllm")
    assert (scoring.NO_LIKELIEST in served.notes) == (server.kind == "echo")
    assert training_loss(served) == pytest.approx(training_loss(own), abs=1e-3)
    assert loss_summary(talk, served).training_loss == pytest.approx(loss_summary(talk, own).training_loss, abs=1e-3)


def test_labels_that_are_not_the_input(server: FakeServer, demo: LossModel) -> None:
    sample = glm4viz.label(TALK, "llamafactory")
    differ = np.flatnonzero((sample.labels != IGNORE) & (sample.labels != sample.input_ids))
    assert len(differ)
    served, own = token_losses(connected(server), sample, 0), token_losses(demo, sample, 0)
    np.testing.assert_allclose(served.label_nll, own.label_nll, atol=1e-3)
    assert len(server.asked) == 1 + len(differ)
    assert served.top_ids.shape == (len(sample), 0)


def test_more_such_labels_than_are_asked_about(vllm: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "MOST_LABELS", 0)
    sample = glm4viz.label(TALK, "llamafactory")
    losses = token_losses(connected(vllm), sample, 0)
    assert np.isnan(losses.label_nll[sample.labels != IGNORE]).sum() == 1
    assert scoring.LABELS_LEFT_OUT in losses.notes


def test_bare_ids_and_none(vllm: FakeServer) -> None:
    model = connected(vllm)
    assert np.isnan(token_losses(model, [5, 6, 7]).label_nll).all()
    asked = len(vllm.asked)
    assert len(token_losses(model, [])) == 0
    assert np.isnan(token_losses(model, [5]).nll).all()
    assert len(vllm.asked) == asked


def test_a_lora_of_the_server_and_its_base(server: FakeServer, talk: LabelledSample) -> None:
    model = connected(server, adapter=LORA)
    token_losses(model, talk, 0)
    token_losses(model.without_adapter(), talk, 0)
    name = "lora_path" if server.kind == "sglang" else "model"
    assert [body.get(name) for body in server.asked] == [LORA, None if server.kind == "sglang" else "glm-demo"]
    with pytest.raises(ModelError, match="serves no model named nobody"):
        load_model(server.url, adapter="nobody")


def test_no_torch_is_needed(vllm: FakeServer, talk: LabelledSample) -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import glm4viz; from glm4viz.loss import loss_summary\n"
        f"s = glm4viz.label({TALK!r}); r = glm4viz.token_losses(glm4viz.load_model({vllm.url!r}), s)\n"
        "print(loss_summary(s, r).training_loss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(training_loss(token_losses(connected(vllm), talk)), abs=1e-4)


# Which servers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", ["", "http://127.0.0.1:1", "https://127.0.0.1:{port}", "http://localhost:{port}", "nonsense"])
def test_only_listed_servers_are_asked(vllm: FakeServer, monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    monkeypatch.setenv("GLM4VIZ_SERVERS", listed.format(port=vllm.server_address[1]))
    with pytest.raises(ModelError) as error:
        load_model(vllm.url)
    assert f"GLM4VIZ_SERVERS={vllm.url}" in sentence(error)
    assert f"GLM4VIZ_SERVERS={vllm.url}" in error.value.sentence("zh")


@pytest.mark.parametrize(
    "source", ["http://user:geheim@h:1", "http://", "http://h:99999999", "http://h:1/?a=geheim", "http://h:1#x", "http://h\n:1"]
)
def test_what_is_no_address(source: str) -> None:
    with pytest.raises(ModelError) as error:
        load_model(source)
    assert "looks like" in sentence(error)
    assert "geheim" not in str(error.value.said)


def test_llama_cpp_is_recognised_and_refused(demo: LossModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving("llama.cpp", demo) as server:
        monkeypatch.setenv("GLM4VIZ_SERVERS", server.url)
        with pytest.raises(ModelError) as error:
            load_model(server.url)
    assert "llama.cpp" in sentence(error)


def test_a_server_that_gives_written_tokens_only(demo: LossModel, talk: LabelledSample, monkeypatch: pytest.MonkeyPatch) -> None:
    """What llama.cpp's does behind a proxy that hides its name."""
    with serving("llama.cpp", demo) as server:
        monkeypatch.setenv("GLM4VIZ_SERVERS", server.url)
        monkeypatch.setitem(sys.modules["tests.served"].NAMES, "llama.cpp", "somebody")
        monkeypatch.setattr("tests.served._Handler.version_string", lambda _: "nginx")
        with pytest.raises(ModelError, match="no log-probability"):
            token_losses(load_model(server.url), talk)


def test_a_server_that_wants_a_key(vllm: FakeServer) -> None:
    vllm.fault = "key"
    with pytest.raises(ModelError) as error:
        load_model(vllm.url)
    assert "asks for a key" in sentence(error)


def test_what_needs_a_model_in_memory_says_so(vllm: FakeServer, talk: LabelledSample) -> None:
    with pytest.raises(ModelError) as error:
        stop_probabilities(connected(vllm), talk)
    assert "in memory" in sentence(error)


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


# The commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_command_asks_a_listed_server(vllm: FakeServer, tmp_path: Path, lang: str, talk: LabelledSample) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"messages": TALK}, ensure_ascii=False), "utf-8")
    options = ["loss", str(file), "--model", vllm.url, "--lang", lang]
    line = json.loads(CliRunner().invoke(app, [*options, "--json"]).stdout)
    assert line["training_loss"] == pytest.approx(training_loss(token_losses(connected(vllm), talk)), abs=1e-4)
    assert set(line["entropy"]) == {None}
    assert line["notes"] == [scoring.NO_ENTROPY[lang]]
    shown = CliRunner().invoke(app, options)
    assert shown.exit_code == 0
    assert scoring.NO_ENTROPY[lang] in shown.stdout


@pytest.mark.parametrize(("lang", "said"), [("en", "is not among the servers"), ("zh", "不在本进程可以询问的服务器之列")])
def test_the_command_asks_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lang: str, said: str) -> None:
    monkeypatch.delenv("GLM4VIZ_SERVERS", raising=False)
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"messages": TALK}), "utf-8")
    result = CliRunner().invoke(app, ["loss", str(file), "--model", "http://127.0.0.1:9", "--lang", lang])
    assert result.exit_code == 2
    assert said in "".join(result.stderr.split("\n"))
    assert "GLM4VIZ_SERVERS=http://127.0.0.1:9" in result.stderr


def test_check_takes_a_served_model_too(vllm: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    lines = [json.dumps({"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "ok"}]}) for n in range(3)]
    file.write_text("\n".join(lines), "utf-8")
    result = CliRunner().invoke(app, ["check", str(file), "--loss-outliers", vllm.url])
    assert result.exit_code == 0, result.output
    assert len(vllm.asked) == 3


# Whatever a server may say --------------------------------------------------------------------------------------------

ODD = [None, True, -1, 0, 10**400, 1e308, "", "x", "token_id:9", "token_id:99999999999", [], [[]], {}, {"x": 1}, float("nan"), float("inf")]


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
