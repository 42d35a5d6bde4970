"""LoRA adapters: their losses, and what is refused."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from glm4viz.errors import ModelError
from glm4viz.loss import LossModel, load_model, token_losses
from tests.chatglm_reference import logits, random_weights, save_checkpoint, tiny_config
from tests.loss.models import IDS, SMALL, save_random

pytestmark = pytest.mark.slow  # models are loaded

# Adapters ------------------------------------------------------------------------------------------------------------


def test_an_adapter_without_peft(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}', "utf-8")
    save_file({"a": torch.zeros(1)}, tmp_path / "adapter_model.safetensors")
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match="needs peft"):
        load_model(sound, device="cpu", adapter=tmp_path)


@pytest.mark.parametrize(
    ("config", "sentence"), [(None, "adapter_config.json is missing"), ("PROMPT_TUNING", "LoRA adapters only"), ("LORA", "is a pickle")]
)
def test_bad_adapters(sound: Path, tmp_path: Path, config: str | None, sentence: str) -> None:
    if config:
        (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": config}), "utf-8")
    with pytest.raises(ModelError, match=sentence):
        load_model(sound, device="cpu", adapter=tmp_path)


def _save_adapter(model: LossModel, directory: Path, targets: list[str]) -> Any:
    """A random adapter, as peft saves it; returns the wrapped model, whose losses are the ones to meet."""
    peft = pytest.importorskip("peft")
    torch.manual_seed(1)
    wrapped = peft.get_peft_model(model.module, peft.LoraConfig(r=3, lora_alpha=6, target_modules=targets, init_lora_weights=False))
    wrapped.save_pretrained(directory)
    return wrapped.eval()


@pytest.mark.parametrize("targets", [["q_proj", "v_proj"], ["gate_up_proj", "lm_head"]], ids=str)
def test_adapter(sound: Path, tmp_path: Path, targets: list[str]) -> None:
    wrapped = _save_adapter(load_model(sound, device="cpu"), tmp_path / "lora", targets)
    with torch.inference_mode():
        logprobs = torch.log_softmax(wrapped(torch.from_numpy(IDS)[None]).logits[0].float(), -1)
    tuned = load_model(sound, device="cpu", adapter=tmp_path / "lora")
    nll = -logprobs[:-1].gather(1, torch.from_numpy(IDS[1:, None]))[:, 0]
    np.testing.assert_allclose(token_losses(tuned, IDS).nll[1:], nll, atol=1e-4)
    base = token_losses(load_model(sound, device="cpu"), IDS)
    np.testing.assert_allclose(token_losses(tuned.without_adapter(), IDS).nll, base.nll, atol=1e-5)
    np.testing.assert_allclose(token_losses(tuned, IDS).nll[1:], nll, atol=1e-4)  # the base left the adapter on
    assert not np.allclose(base.nll[1:], nll, atol=1e-2)


def test_adapter_of_another_model(sound: Path, tmp_path: Path) -> None:
    other = save_random(tmp_path / "other", "glm", SMALL + 1)
    _save_adapter(load_model(other, device="cpu"), tmp_path / "lora", ["lm_head"])
    with pytest.raises(ModelError):
        load_model(sound, device="cpu", adapter=tmp_path / "lora")


def test_adapter_that_finetune_py_wrote(tmp_path: Path) -> None:
    """query_key_value is one matrix there: its update, B A, is added to the fused weights and must give the same."""
    pytest.importorskip("peft")
    config = tiny_config()
    weights = random_weights(config)
    save_checkpoint(tmp_path / "chat", config, weights)
    made, changed, adapter = torch.Generator().manual_seed(3), dict(weights), dict[str, torch.Tensor]()
    for name in [n for n in weights if n.endswith(("query_key_value.weight", "dense_4h_to_h.weight"))]:
        a, b = torch.randn(3, weights[name].shape[1], generator=made), torch.randn(weights[name].shape[0], 3, generator=made) / 4
        changed[name] = weights[name] + 2 * b @ a
        key = "base_model.model." + name.removesuffix(".weight")
        adapter |= {f"{key}.lora_A.weight": a, f"{key}.lora_B.weight": b}
    (tmp_path / "lora").mkdir()
    save_file(adapter, tmp_path / "lora" / "adapter_model.safetensors")
    lora = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 3, "lora_alpha": 6, "target_modules": ["query_key_value", "dense_4h_to_h"]}
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps(lora), "utf-8")
    tuned = load_model(tmp_path / "chat", device="cpu", adapter=tmp_path / "lora")
    for model, expected in ((tuned, changed), (tuned.without_adapter(), weights)):
        logprobs = torch.log_softmax(logits(config, expected, torch.from_numpy(IDS)), -1)
        nll = -logprobs[:-1].gather(1, torch.from_numpy(IDS[1:, None]))[:, 0]
        np.testing.assert_allclose(token_losses(model, IDS).nll[1:], nll, atol=2e-4)
