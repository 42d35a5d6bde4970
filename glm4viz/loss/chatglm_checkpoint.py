"""glm-4-9b-chat's own checkpoint as a GlmForCausalLM: the same numbers under other names.

Its config says model_type `chatglm`, for which transformers would run Python code out of the checkpoint. The layers are GLM's,
so a key map does it: query, key and value are one matrix there, and the two halves of the MLP's first matrix stand in the
order that GLM expects (gate, then up). `qkv_rows` says which rows of the fused matrix are which.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from glm4viz.errors import ModelError

NAMES = {
    "transformer.embedding.word_embeddings.weight": "model.embed_tokens.weight",
    "transformer.encoder.final_layernorm.weight": "model.norm.weight",
    "transformer.output_layer.weight": "lm_head.weight",
}
LAYER = re.compile(r"transformer\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
FUSED = "self_attention.query_key_value"
LAYER_NAMES = {
    "input_layernorm": "input_layernorm",
    "post_attention_layernorm": "post_attention_layernorm",
    "self_attention.dense": "self_attn.o_proj",
    "mlp.dense_h_to_4h": "mlp.gate_up_proj",
    "mlp.dense_4h_to_h": "mlp.down_proj",
}
PROJECTIONS = ("q_proj", "k_proj", "v_proj")
# Settings under which the layers would not be GLM's, with the value that GLM-4 has and that an older config leaves out.
EXPECTED = {
    "rmsnorm": True,
    "post_layer_norm": True,
    "apply_residual_connection_post_layernorm": False,
    "add_bias_linear": False,
    "pre_seq_len": None,
}


def translate_config(config: dict[str, Any], name: str) -> Any:
    """The GlmConfig of the same sizes."""
    from transformers import GlmConfig

    for key, expected in EXPECTED.items():
        if config.get(key, expected) != expected:
            raise ModelError(
                f"{name} has {key} = {config[key]!r} in config.json, which GLM-4 has not; this ChatGLM can't be loaded.",
                f"{name} 的 config.json 里 {key} = {config[key]!r}，GLM-4 不是这样；无法加载这个 ChatGLM 模型。",
            )
    try:
        heads = config["num_attention_heads"]
        return GlmConfig(
            vocab_size=config["padded_vocab_size"],
            hidden_size=config["hidden_size"],
            intermediate_size=config["ffn_hidden_size"],
            num_hidden_layers=config["num_layers"],
            num_attention_heads=heads,
            num_key_value_heads=config["multi_query_group_num"] if config.get("multi_query_attention") else heads,
            head_dim=config["kv_channels"],
            max_position_embeddings=config["seq_length"],
            rms_norm_eps=config["layernorm_epsilon"],
            attention_bias=config.get("add_qkv_bias", True),
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 10000.0 * config.get("rope_ratio", 1),
                "partial_rotary_factor": 0.5,
            },
            tie_word_embeddings=config.get("tie_word_embeddings", False),
            pad_token_id=None,
            eos_token_id=config.get("eos_token_id"),
        )
    except KeyError as error:
        raise ModelError(
            f"{name}'s config.json lacks {error.args[0]}, which GLM-4's has; other ChatGLM generations can't be loaded.",
            f"{name} 的 config.json 缺少 GLM-4 应有的 {error.args[0]}；无法加载其他代的 ChatGLM 模型。",
        ) from None


def qkv_rows(config: Any, *, by_head: bool) -> dict[str, torch.Tensor]:
    """For each projection its rows in the fused matrix: one block each, or head by head without multi_query_attention."""
    heads, groups, width = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    rows = torch.arange((heads + 2 * groups) * width)
    parts = rows.view(heads, 3, width).unbind(1) if by_head else rows.tensor_split([heads * width, (heads + groups) * width])
    return {projection: part.flatten() for projection, part in zip(PROJECTIONS, parts, strict=True)}


def translate_weights(files: Iterable[Path], config: Any, *, by_head: bool) -> dict[str, torch.Tensor]:
    """The state dict under GLM's names. Keys it doesn't know are left out, and missed afterwards."""
    from safetensors import safe_open

    rows, weights = qkv_rows(config, by_head=by_head), dict[str, torch.Tensor]()
    for path in files:
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118, a safetensors file is no dict
                weights.update(_translated(key, file.get_tensor(key), rows))
    return weights


def _translated(key: str, tensor: torch.Tensor, rows: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if key in NAMES:
        return {NAMES[key]: tensor}
    match = LAYER.fullmatch(key)
    if match is None:
        return {}
    layer, part, kind = match.groups()
    if part in LAYER_NAMES:
        return {f"model.layers.{layer}.{LAYER_NAMES[part]}.{kind}": tensor}
    if part != FUSED or len(tensor) != sum(map(len, rows.values())):
        return {}
    return {f"model.layers.{layer}.self_attn.{projection}.{kind}": _take(tensor, at) for projection, at in rows.items()}


def _take(tensor: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    first, last = int(rows[0]), int(rows[-1])
    # A slice shares the file's memory; picking rows would copy.
    return tensor[first : last + 1] if last - first + 1 == len(rows) else tensor[rows]
