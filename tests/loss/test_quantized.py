"""Quantized weights: what is asked for, what is refused in a sentence, and that the losses say they are approximate.

Loading needs packages that aren't among the project's own: those tests run where bitsandbytes, compressed-tensors or a GPU is.
"""

import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from glm4viz.errors import ModelError
from glm4viz.loss import LossModel, load_model, loss_summary, plan_load, quantized, token_losses
from glm4viz.loss import plan as plan_module
from glm4viz.recipe import LabelledSample
from tests.loss.models import IDS, SIZES, SMALL
from tests.plain_losses import plain_losses

pytestmark = pytest.mark.slow  # models are loaded

WITHOUT = {
    "gptq": "needs optimum and gptqmodel here: pip install optimum gptqmodel",
    "awq": "needs gptqmodel",
    "compressed-tensors": "needs compressed-tensors here",
    "bitsandbytes": "needs bitsandbytes",
    "fp8": "needs accelerate",
}


def _config(directory: Path, **changes: Any) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def _says(sentence: str, *args: Any, **options: Any) -> None:
    with pytest.raises(ModelError, match=sentence) as raised:
        load_model(*args, **options)
    assert re.search("[一-龥]", raised.value.sentence("zh"))


@pytest.mark.parametrize("method", WITHOUT)
def test_a_missing_library_is_named(checkpoint: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    _config(checkpoint, quantization_config={"quant_method": method, "bits": 4})
    monkeypatch.setattr(quantized, "find_spec", lambda _: None)
    _says(WITHOUT[method], checkpoint, device="cpu")


@pytest.mark.parametrize("given", [{}, {"quant_method": "nonsense"}, [4]], ids=str)
def test_a_quantization_that_nobody_knows(checkpoint: Path, given: Any) -> None:
    """transformers takes a method that it doesn't know for none: the weights of this checkpoint are whole, but others' aren't."""
    _config(checkpoint, quantization_config=given)
    weights = load_file(checkpoint / "model.safetensors")
    weights["model.layers.0.self_attn.q_proj.qweight"] = weights.pop("model.layers.0.self_attn.q_proj.weight").to(torch.int8)
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    _says("can't be loaded|lacks 1 of its weights", checkpoint, device="cpu")


@pytest.mark.parametrize("changes", [{"quantization_bit": 4}, {"model_type": "chatglm", "quantization_config": {"quant_method": "gptq"}}])
def test_chatglm_s_own_quantization(checkpoint: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from glm4viz.loss import loading

    monkeypatch.setattr(loading, "translate_config", lambda *_: None)
    _config(checkpoint, **changes)
    _says("never run", checkpoint, device="cpu")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"quantize": "4bit"}, "needs a CUDA GPU"), ({"quantize": "8bit"}, "needs a CUDA GPU"), ({"quantize": "2bit"}, "no way to quantize")],
    ids=str,
)
def test_bits_without_a_gpu(sound: Path, options: dict[str, Any], sentence: str) -> None:
    _says(sentence, sound, device="cpu", **options)


def test_bits_without_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantized, "find_spec", lambda name: None if name == "bitsandbytes" else find_spec(name))
    problem = quantized.cannot_quantize(torch.device("cuda"))
    assert problem is not None
    assert "pip install bitsandbytes" in problem["en"]


def test_what_is_quantized_already(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _config(checkpoint, quantization_config={"quant_method": "gptq", "bits": 4})
    monkeypatch.setattr(quantized, "find_spec", lambda _: True)
    _says("quantized already", checkpoint, device="cpu", quantize="4bit")


def test_a_served_model_has_its_own_bits() -> None:
    _says("by its server", "http://127.0.0.1:1", quantize="4bit")


def test_their_losses_are_labelled(small: LossModel, sample: LabelledSample) -> None:
    sample = replace(sample, input_ids=sample.input_ids % SMALL, labels=np.where(sample.labels >= 0, sample.labels % SMALL, -100))
    exact, rough = (token_losses(model, sample) for model in (small, replace(small, quantized="4bit")))
    assert exact.notes == ()
    assert "Approximate" in rough.notes[0]["en"]
    assert "NF4" in rough.notes[0]["en"]
    assert "近似" in rough.notes[0]["zh"]
    assert "≈ 4bit" in replace(small, quantized="4bit").described
    assert loss_summary(sample, rough).training_loss == loss_summary(sample, exact).training_loss


# With the libraries ---------------------------------------------------------------------------------------------------


def _in_memory(module: Any) -> int:
    """bitsandbytes keeps scales beside the weights, in no parameter and no buffer."""
    size = 0
    for tensor in (*module.parameters(), *module.buffers()):
        size += tensor.numel() * tensor.element_size()
        if state := getattr(tensor, "quant_state", None):
            size += sum(held.numel() * held.element_size() for held in (state.absmax, state.code))
        if (scales := getattr(tensor, "SCB", None)) is not None:
            size += scales.numel() * scales.element_size()
    return size


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))])
@pytest.mark.parametrize("bits", quantized.BITS)
@pytest.mark.parametrize("kind", ["glm", "glm4"])
def test_bitsandbytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, bits: str, device: str) -> None:
    pytest.importorskip("bitsandbytes")
    if device == "cpu":  # it can, slowly; glm4viz offers it on a GPU only
        for module in (quantized, plan_module):
            monkeypatch.setattr(module, "cannot_quantize", lambda _: None)
    torch.manual_seed(0)  # bitsandbytes' kernels want whole blocks
    sizes = SIZES | {"hidden_size": 64, "intermediate_size": 128, "head_dim": 32, "initializer_range": 0.2}
    AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes, vocab_size=SMALL, pad_token_id=0)).save_pretrained(tmp_path)
    plan = plan_load(tmp_path, device, "bfloat16", quantize=bits)
    model = load_model(tmp_path, device, "bfloat16", quantize=bits)
    assert plan.weights == _in_memory(model.module) < plan_load(tmp_path, device, "bfloat16").weights
    assert model.quantized == bits
    ids = np.resize(IDS, 60)
    losses = token_losses(model, ids)
    assert losses.notes
    plain = plain_losses(model, ids, np.full(60, -100), 5)  # whose logits are rounded to bfloat16
    np.testing.assert_allclose(losses.nll, plain.nll, atol=0.05)
    exact = token_losses(load_model(tmp_path, device, "float32"), ids)
    assert 0 < np.abs(losses.nll[1:] - exact.nll[1:]).mean() < 0.5  # rough, but the same model


def test_compressed_tensors(checkpoint: Path) -> None:
    pytest.importorskip("compressed_tensors")
    exact = load_file(checkpoint / "model.safetensors")
    packed, rounded = dict(exact), dict(exact)
    for key, weight in exact.items():
        if key.endswith("_proj.weight"):
            scale = weight.abs().amax(1, keepdim=True) / 448
            eight = (weight / scale).to(torch.float8_e4m3fn)
            packed[key], packed[f"{key}_scale"], rounded[key] = eight, scale, eight.float() * scale
    weights = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "channel", "dynamic": False}
    groups = {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": None, "output_activations": None}}
    save_file(rounded, checkpoint / "model.safetensors", metadata={"format": "pt"})
    expected = token_losses(load_model(checkpoint, device="cpu"), IDS)
    save_file(packed, checkpoint / "model.safetensors", metadata={"format": "pt"})
    _config(
        checkpoint,
        quantization_config={
            "quant_method": "compressed-tensors",
            "format": "float-quantized",
            "quantization_status": "compressed",
            "ignore": ["lm_head"],
            "config_groups": groups,
        },
    )
    plan = plan_load(checkpoint, "cpu")
    assert set(plan.stored) == {"F32", "F8_E4M3"}
    model = load_model(checkpoint, device="cpu")
    found = token_losses(model, IDS)
    np.testing.assert_allclose(found.nll, expected.nll, atol=1e-4)
    assert "compressed-tensors" in found.notes[0]["en"]
    assert _in_memory(model.module) <= plan.weights * 1.05  # unpacked by now
