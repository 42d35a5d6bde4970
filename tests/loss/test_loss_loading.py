"""Loading models: GLM-4's own checkpoints, what is refused, and the memory that a model needs."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from glm4viz.errors import ModelError
from glm4viz.loss import load_model, loading, memory, token_losses
from tests.chatglm_reference import logits, random_weights, save_checkpoint, tiny_config
from tests.loss.models import IDS, SIZES, SMALL
from tests.plain_losses import plain_losses

pytestmark = pytest.mark.slow  # models are loaded

# glm-4-9b-chat's own checkpoint --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{}, {"multi_query_attention": False}, {"multi_query_group_num": 4}, {"multi_query_group_num": 1, "rope_ratio": 1}],
    ids=str,
)
def test_chatglm_checkpoint(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = tiny_config(**changes)
    weights = random_weights(config)
    save_checkpoint(tmp_path / "chat", config, weights)
    model = load_model(tmp_path / "chat", device="cpu")
    expected = logits(config, weights, torch.from_numpy(IDS))
    with torch.inference_mode():
        ours = model.module(torch.from_numpy(IDS)[None]).logits[0]
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=0)
    nll = -torch.log_softmax(expected, -1)[:-1].gather(1, torch.from_numpy(IDS[1:, None]))[:, 0]
    np.testing.assert_allclose(token_losses(model, IDS).nll[1:], nll, atol=1e-4)


@pytest.mark.parametrize("kind", ["glm4_moe", "glm4_moe_lite"])
def test_newer_text_models_load_by_themselves(tmp_path: Path, kind: str) -> None:
    experts = {"moe_intermediate_size": 16, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1}
    ranks = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8}
    sizes = SIZES | {"num_key_value_heads": 4, "head_dim": 8, "vocab_size": SMALL, "pad_token_id": 0}
    config = AutoConfig.for_model(kind, **sizes, **experts, **(ranks if kind == "glm4_moe_lite" else {}))
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    model = load_model(tmp_path, device="cpu")
    assert model.module.config.model_type == kind
    slow = plain_losses(model, IDS, np.full(len(IDS), -100), 5)
    np.testing.assert_allclose(token_losses(model, IDS).nll, slow.nll, atol=1e-4)


@pytest.mark.parametrize("change", [{"rmsnorm": False}, {"add_bias_linear": True}, {"pre_seq_len": 8}], ids=str)
def test_other_chatglm_generations_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    save_checkpoint(tmp_path / "other", tiny_config(**change), {"transformer.output_layer.weight": torch.zeros(1)})
    with pytest.raises(ModelError, match=next(iter(change))):
        load_model(tmp_path / "other", device="cpu")


# What is refused -----------------------------------------------------------------------------------------------------


def _config(directory: Path, **changes: Any) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def _weights(directory: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    weights = load_file(directory / "model.safetensors")
    change(weights)
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def no_config(d: Path) -> None:
    (d / "config.json").unlink()


def damaged_config(d: Path) -> None:
    (d / "config.json").write_text('{"model_type": "glm", ', "utf-8")


def config_is_a_list(d: Path) -> None:
    (d / "config.json").write_text("[]", "utf-8")


def config_of_nonsense(d: Path) -> None:
    _config(d, hidden_size="large")


def llama(d: Path) -> None:
    _config(d, model_type="llama")


def xglm(d: Path) -> None:
    _config(d, model_type="xglm")


def remote_code(d: Path) -> None:
    (d / "modeling_mine.py").write_text("raise SystemExit('code ran')", "utf-8")
    _config(d, model_type="mine", auto_map={"AutoConfig": "modeling_mine.Config", "AutoModelForCausalLM": "modeling_mine.Model"})


def vision(d: Path) -> None:
    _config(d, model_type="glm4v", vision_config={})


def adapter_only(d: Path) -> None:
    (d / "config.json").rename(d / "adapter_config.json")


def no_such_directory(d: Path) -> None:
    shutil.rmtree(d)


def no_weights(d: Path) -> None:
    (d / "model.safetensors").unlink()


def pickled(d: Path) -> None:
    (d / "model.safetensors").unlink()
    torch.save({}, d / "pytorch_model.bin")


def truncated(d: Path) -> None:
    whole = (d / "model.safetensors").read_bytes()
    (d / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def no_safetensors_at_all(d: Path) -> None:
    (d / "model.safetensors").write_bytes(b"\x80\x04 this is a pickle under another name")


def missing_shard(d: Path) -> None:
    (d / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors"}}), "utf-8"
    )


def damaged_index(d: Path) -> None:
    (d / "model.safetensors.index.json").write_text("{}", "utf-8")


def index_that_points_elsewhere(d: Path) -> None:
    (d / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"lm_head.weight": "../model.safetensors"}}), "utf-8")


def missing_tensor(d: Path) -> None:
    _weights(d, lambda weights: weights.pop("model.layers.1.mlp.down_proj.weight"))


def other_sizes(d: Path) -> None:
    _weights(d, lambda weights: weights.update({"model.norm.weight": torch.ones(99)}))


def too_large(d: Path) -> None:
    _config(d, num_hidden_layers=200, hidden_size=16_384, intermediate_size=65_536)


BREAKAGES: dict[Callable[[Path], None], str] = {
    no_config: "config.json is missing",
    damaged_config: "can't be read as JSON",
    config_is_a_list: "holds no JSON object",
    config_of_nonsense: "can't be loaded",
    llama: "no GLM-4 model",
    xglm: "no GLM-4 model",
    remote_code: "no GLM-4 model",
    vision: "vision or audio",
    adapter_only: "is an adapter, not a model",
    no_such_directory: "There is no directory",
    no_weights: "has no weights",
    pickled: "pickle",
    truncated: "no whole safetensors file",
    no_safetensors_at_all: "no whole safetensors file",
    missing_shard: "is incomplete",
    damaged_index: "has no weight_map",
    index_that_points_elsewhere: "outside its directory",
    missing_tensor: r"lacks 1 of its weights, such as model.layers.1.mlp.down_proj.weight",
    other_sizes: "can't be loaded",
    too_large: "GiB are free",
}


@pytest.mark.parametrize("break_it", BREAKAGES, ids=lambda f: f.__name__)
def test_a_bad_checkpoint_gives_a_sentence(checkpoint: Path, break_it: Callable[[Path], None]) -> None:
    break_it(checkpoint)
    with pytest.raises(ModelError, match=BREAKAGES[break_it]) as raised:
        load_model(checkpoint, device="cpu")
    assert re.search("[一-龥]", raised.value.sentence("zh"))
    assert "\n" not in raised.value.sentence("en")


def test_weights_that_are_no_numbers(checkpoint: Path) -> None:
    _weights(checkpoint, lambda weights: weights["model.norm.weight"].fill_(float("nan")))
    with pytest.raises(ModelError, match="not finite"):
        token_losses(load_model(checkpoint, device="cpu"), [1, 2, 3])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "tpu0"}, "no device"),
        ({"device": "meta"}, "cpu or cuda"),
        ({"device": "cuda:99"}, "There is no cuda:99"),
        ({"dtype": "int8"}, "no dtype"),
        ({"dtype": torch.float64}, "no dtype"),
    ],
    ids=str,
)
def test_bad_options(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        load_model("demo", **options)


# Memory --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("free", [0, None])
def test_free_memory_decides(sound: Path, monkeypatch: pytest.MonkeyPatch, free: int | None) -> None:
    monkeypatch.setattr(loading, "free_memory", lambda _: free)
    if free is None:  # a system that doesn't say
        load_model(sound, device="cpu")
        return
    with pytest.raises(ModelError, match="GLM4VIZ_SERVERS"):
        load_model(sound, device="cpu")


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tmp_path / "max", tmp_path / "current", tmp_path / "stat"
    for path, text in zip(files, ("1000000\n", "400000\n", "anon 5\ninactive_file 100000\n"), strict=True):
        path.write_text(text, "ascii")
    monkeypatch.setattr(memory, "CGROUPS", (files,))
    assert memory.free_memory(torch.device("cpu")) == 700_000
    files[0].write_text("max\n", "ascii")
    assert (memory.free_memory(torch.device("cpu")) or 0) > 700_000
