"""A served model's losses equal the engine's, and whatever a server does wrong is a sentence."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.errors import ModelError
from glm4viz.loss import LossModel, load_model, loss_summary, stop_probabilities, token_losses, training_loss
from glm4viz.loss.served import scoring
from glm4viz.recipe import IGNORE, LabelledSample
from tests.served import LORA, TALK, FakeServer, connected, sentence, serving

pytestmark = pytest.mark.slow  # models are loaded

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
