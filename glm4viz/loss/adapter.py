"""A LoRA adapter on top of a model, with peft; those that GLM-4's own finetune.py wrote for `chatglm` layers too."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from glm4viz.errors import ModelError
from glm4viz.loss.chatglm_checkpoint import FUSED, LAYER, LAYER_NAMES, PROJECTIONS, qkv_rows
from glm4viz.loss.checkpoint import cannot_load, check_whole, read_json
from glm4viz.loss.model import LossModel

WEIGHTS = "adapter_model.safetensors"


def put_on(model: LossModel, directory: Path) -> LossModel:
    """The model with the adapter; its layers are changed in place, and `without_adapter` gives the base again. Raises ModelError."""
    written = read_json(directory / "adapter_config.json", "a LoRA adapter")
    if written.get("peft_type") != "LORA":
        raise ModelError(
            f"{directory} is a {written.get('peft_type')} adapter; glm4viz loads LoRA adapters only.",
            f"{directory} 是 {written.get('peft_type')} 适配器；glm4viz 只能加载 LoRA 适配器。",
        )
    if not (directory / WEIGHTS).is_file():
        raise ModelError(
            f"{directory} has no {WEIGHTS}. An adapter_model.bin is a pickle, and opening one can run code: save it as safetensors.",
            f"{directory} 里没有 {WEIGHTS}。adapter_model.bin 是 pickle 格式，打开它可能会执行代码：请另存为 safetensors。",
        )
    check_whole(directory / WEIGHTS)
    peft = _peft()
    from safetensors.torch import load_file

    try:
        config, weights = peft.LoraConfig.from_pretrained(str(directory)), load_file(directory / WEIGHTS)
        config.inference_mode = True
        if any(LAYER.search(key) for key in weights):
            config.target_modules, weights = _glm_targets(config.target_modules), _glm_names(weights, model.module.config)
        wrapped = peft.get_peft_model(model.module, config)
        result = peft.set_peft_model_state_dict(wrapped, weights)
        wrapped.eval().requires_grad_(False)
        for key, parameter in wrapped.named_parameters():  # of the model nothing is cast: its rotary frequencies are float32
            if "lora_" in key or "modules_to_save" in key:
                parameter.data = parameter.data.to(model.device, model.dtype)
    except Exception as error:  # peft raises many kinds for an adapter of another model
        raise cannot_load(str(directory), error) from None
    missing = [key for key in result.missing_keys if "lora_" in key or "modules_to_save" in key]
    if missing or result.unexpected_keys:
        raise ModelError(
            f"{directory} does not fit {model.name} ({(missing or result.unexpected_keys)[0]}): it was trained on another model.",
            f"{directory} 与 {model.name} 不匹配（{(missing or result.unexpected_keys)[0]}）：它是在别的模型上训练的。",
        )
    return replace(model, adapter=str(directory), peft=wrapped)


def _peft() -> Any:
    try:
        import peft
    except ImportError:
        raise ModelError(
            "A LoRA adapter needs peft: pip install 'glm4viz[loss]'.", "加载 LoRA 适配器需要 peft：pip install 'glm4viz[loss]'。"
        ) from None
    return peft


# ---------------------------------------------------------------------------------------------------------------------


def _glm_targets(targets: Any) -> list[str]:
    """The target modules, where those of `chatglm` layers are meant. A regular expression is written for one layout only."""
    names = {full.split(".")[-1]: new.split(".")[-1] for full, new in LAYER_NAMES.items()}
    given = {targets} if isinstance(targets, str) else set(targets)
    return sorted({new for target in given for new in (PROJECTIONS if target == FUSED.split(".")[-1] else (names.get(target, target),))})


def _glm_names(weights: dict[str, torch.Tensor], config: Any) -> dict[str, torch.Tensor]:
    """An adapter's weights by GLM's names. The fused matrix's update is B A: each projection takes all of A and its rows of B."""
    rows, made = qkv_rows(config, by_head=False), dict[str, torch.Tensor]()
    for key, tensor in weights.items():
        # base_model.model.transformer.encoder.layers.0.self_attention.query_key_value.lora_A.weight
        found = LAYER.search(key)
        part, _, kind = found.group(2).rpartition(".") if found else ("", "", "")
        if found and part == FUSED:
            for projection in PROJECTIONS:
                name = f"base_model.model.model.layers.{found.group(1)}.self_attn.{projection}.{kind}.weight"
                made[name] = (tensor[rows[projection]] if kind == "lora_B" else tensor).clone()
        elif found and part in LAYER_NAMES:
            made[f"base_model.model.model.layers.{found.group(1)}.{LAYER_NAMES[part]}.{kind}.weight"] = tensor
        else:
            made[key] = tensor  # unknown: reported as unexpected
    return made
