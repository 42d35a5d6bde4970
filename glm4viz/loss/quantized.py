"""Weights in fewer bits: checkpoints that come so, and bitsandbytes' 4 and 8 bits while loading. What they say is approximate."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import torch

from glm4viz.errors import ModelError
from glm4viz.loss.checkpoint import CHATGLM
from glm4viz.texts import Text, both, fill

BITS = ("4bit", "8bit")
NAMES = {"4bit": "NF4, 4 bit", "8bit": "LLM.int8(), 8 bit"}
BLOCK = 64  # weights that share one scale in NF4

# What transformers 5.23 asks for before it loads such a checkpoint, by import name and package; quantizers/quantizer_*.py there.
PACKAGES = {
    "gptq": {"optimum": "optimum", "gptqmodel": "gptqmodel"},
    "awq": {"gptqmodel": "gptqmodel", "accelerate": "accelerate"},
    "compressed-tensors": {"compressed_tensors": "compressed-tensors"},
    "bitsandbytes": {"bitsandbytes": "bitsandbytes", "accelerate": "accelerate"},
    "fp8": {"accelerate": "accelerate"},
}
STAY_SMALL = ("gptq", "awq", "bitsandbytes")  # the others may be unpacked: compressed-tensors does it at the first pass

APPROXIMATE = both(
    "Approximate: the weights are quantized ({how}). These are the losses of the quantized model, which differ somewhat from those of the "
    "original weights.",
    "近似值：权重经过量化（{how}）。这是量化后模型的损失，与原始权重的损失略有出入。",
)


def method_of(written: Mapping[str, Any], name: str) -> str | None:
    """How a checkpoint is quantized, as its config.json says; None if it isn't. Raises ModelError where it can't be loaded here."""
    given = written.get("quantization_config")
    if written.get("quantization_bit") or (given is not None and written["model_type"] == CHATGLM):
        raise ModelError(
            f"{name} is quantized in the way of ChatGLM's own code, which is never run. Use the checkpoint in transformers' layout (…-hf), or "
            "the original with quantize='4bit'.",
            f"{name} 按 ChatGLM 自带代码的方式量化，而那些代码从不执行。请使用 transformers 布局（…-hf）的检查点，或用原始检查点加 quantize='4bit'。",
        )
    if given is None:
        return None
    method = str(given.get("quant_method", "")) if isinstance(given, Mapping) else ""
    missing = [package for module, package in PACKAGES.get(method, {}).items() if find_spec(module) is None]
    if missing:
        raise ModelError(
            f"{name} is quantized ({method}), which needs {' and '.join(missing)} here: pip install {' '.join(missing)}. Or use the original "
            "checkpoint.",
            f"{name} 经过量化（{method}），需要在这里安装 {'、'.join(missing)}：pip install {' '.join(missing)}。或使用原始检查点。",
        )
    return method or "?"


def check_quantize(quantize: str | None, device: torch.device, method: str | None = None) -> None:
    """Raise ModelError unless weights can be loaded in so many bits on this device."""
    if quantize is None:
        return
    if quantize not in BITS:
        raise ModelError(
            f"{quantize!r} is no way to quantize; use None or one of {', '.join(BITS)}.",
            f"{quantize!r} 不是可用的量化方式；请使用 None 或 {'、'.join(BITS)}。",
        )
    if method is not None:
        raise ModelError(
            f"The checkpoint is quantized already ({method}); load it without quantize.", f"检查点已经量化（{method}）；请去掉 quantize。"
        )
    if problem := cannot_quantize(device):
        raise ModelError(problem)


def cannot_quantize(device: torch.device) -> Text | None:
    """Why 4 and 8 bits are not to be had on this device, in a sentence; None where they are."""
    if device.type != "cuda":
        return both(
            "Loading in 4 or 8 bits needs a CUDA GPU, and the model goes to the CPU here; use dtype='bfloat16' to halve its memory.",
            "以 4 位或 8 位加载需要 CUDA GPU，而这里模型放在 CPU 上；可用 dtype='bfloat16' 把内存减半。",
        )
    missing = [package for module, package in PACKAGES["bitsandbytes"].items() if find_spec(module) is None]
    if missing:
        return fill(
            both("Loading in 4 or 8 bits needs {names}: pip install {names}.", "以 4 位或 8 位加载需要：pip install {names}。"),
            names=" ".join(missing),
        )
    return None


def bits_and_bytes(quantize: str, dtype: torch.dtype) -> Any:
    """The transformers config for loading in so many bits; computing is in dtype."""
    from transformers import BitsAndBytesConfig

    if quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def note(how: str | None) -> tuple[Text, ...]:
    """What is to be said of the numbers of weights that are quantized so: one of BITS, or a checkpoint's method."""
    return () if how is None else (fill(APPROXIMATE, how=NAMES.get(how, how)),)
