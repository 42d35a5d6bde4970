"""glm-4-9b-chat's layout, written down once more: a random tiny checkpoint in it, and its forward pass in plain torch.

After modeling_chatglm.py as glm-4-9b-chat ships it: sizes, names, the fused query_key_value, the interleaved rotation of half
of each head, SwiGLU of the first half by the second.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Weights = dict[str, torch.Tensor]


def tiny_config(**changes: Any) -> dict[str, Any]:
    """glm-4-9b-chat's config.json with small sizes."""
    return {
        "architectures": ["ChatGLMModel"],
        "auto_map": {
            "AutoConfig": "configuration_chatglm.ChatGLMConfig",
            "AutoModelForCausalLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
        },
        "model_type": "chatglm",
        "add_bias_linear": False,
        "add_qkv_bias": True,
        "apply_query_key_layer_scaling": True,
        "apply_residual_connection_post_layernorm": False,
        "attention_dropout": 0.0,
        "attention_softmax_in_fp32": True,
        "ffn_hidden_size": 56,
        "fp32_residual_connection": False,
        "hidden_dropout": 0.0,
        "hidden_size": 32,
        "kv_channels": 8,
        "layernorm_epsilon": 1.5625e-07,
        "multi_query_attention": True,
        "multi_query_group_num": 2,
        "num_attention_heads": 4,
        "num_layers": 2,
        "original_rope": True,
        "padded_vocab_size": 300,
        "post_layer_norm": True,
        "rmsnorm": True,
        "rope_ratio": 500,
        "seq_length": 1024,
        "use_cache": True,
        "torch_dtype": "bfloat16",
        "tie_word_embeddings": False,
        "eos_token_id": [1, 2, 3],
        "pad_token_id": 1,
        **changes,
    }


def random_weights(c: dict[str, Any]) -> Weights:
    """Random tensors under the checkpoint's names."""
    made = torch.Generator().manual_seed(7)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=made) * 0.3

    h, f, v = c["hidden_size"], c["ffn_hidden_size"], c["padded_vocab_size"]
    groups = c["multi_query_group_num"] if c["multi_query_attention"] else c["num_attention_heads"]
    attention = c["num_attention_heads"] * c["kv_channels"]
    fused = attention + 2 * groups * c["kv_channels"]
    weights = {
        "transformer.embedding.word_embeddings.weight": random(v, h),
        "transformer.rotary_pos_emb.inv_freq": torch.ones(c["kv_channels"] // 4),
        "transformer.encoder.final_layernorm.weight": 1 + random(h),
        "transformer.output_layer.weight": random(v, h),
    }
    for n in range(c["num_layers"]):
        layer = f"transformer.encoder.layers.{n}."
        weights |= {
            layer + "input_layernorm.weight": 1 + random(h),
            layer + "post_attention_layernorm.weight": 1 + random(h),
            layer + "self_attention.query_key_value.weight": random(fused, h),
            layer + "self_attention.query_key_value.bias": random(fused),
            layer + "self_attention.dense.weight": random(h, attention),
            layer + "mlp.dense_h_to_4h.weight": random(2 * f, h),
            layer + "mlp.dense_4h_to_h.weight": random(h, f),
        }
    return weights


def save_checkpoint(directory: Path, c: dict[str, Any], weights: Weights) -> None:
    """In two shards with an index, as the real one has ten."""
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(c), "utf-8")
    names = sorted(weights)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({name: weights[name] for name in held}, directory / shard)
    index = {"metadata": {}, "weight_map": {name: shard for shard, held in shards.items() for name in held}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")


def logits(c: dict[str, Any], w: Weights, ids: torch.Tensor) -> torch.Tensor:
    """The forward pass, [T] to [T, rows]."""
    x = w["transformer.embedding.word_embeddings.weight"][ids]
    for n in range(c["num_layers"]):
        layer = f"transformer.encoder.layers.{n}."
        normed = _norm(x, w[layer + "input_layernorm.weight"], c)
        x = x + _attention(normed, w, layer + "self_attention.", c)
        first, second = (_norm(x, w[layer + "post_attention_layernorm.weight"], c) @ w[layer + "mlp.dense_h_to_4h.weight"].T).chunk(2, -1)
        x = x + (torch.nn.functional.silu(first) * second) @ w[layer + "mlp.dense_4h_to_h.weight"].T
    return _norm(x, w["transformer.encoder.final_layernorm.weight"], c) @ w["transformer.output_layer.weight"].T


def _norm(x: torch.Tensor, weight: torch.Tensor, c: dict[str, Any]) -> torch.Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + c["layernorm_epsilon"]) * weight


def _attention(x: torch.Tensor, w: Weights, at: str, c: dict[str, Any]) -> torch.Tensor:
    heads, size = c["num_attention_heads"], c["kv_channels"]
    mixed = x @ w[at + "query_key_value.weight"].T + w[at + "query_key_value.bias"]
    if c["multi_query_attention"]:
        groups = c["multi_query_group_num"]
        query, key, value = (part.view(len(x), -1, size) for part in torch.split(mixed, [heads * size, groups * size, groups * size], -1))
        key, value = (part.repeat_interleave(heads // groups, 1) for part in (key, value))
    else:
        query, key, value = mixed.view(len(x), heads, 3 * size).chunk(3, -1)
    query, key = _rotate(query, c), _rotate(key, c)
    scores = torch.einsum("ihd,jhd->hij", query, key) / size**0.5
    future = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -torch.inf).softmax(-1)
    return torch.einsum("hij,jhd->ihd", weights, value).flatten(1) @ w[at + "dense.weight"].T


def _rotate(x: torch.Tensor, c: dict[str, Any]) -> torch.Tensor:
    """Pairs of neighbours in the first half of each head turn; the second half passes."""
    turning = c["kv_channels"] // 2
    speed = 1.0 / ((10000 * c["rope_ratio"]) ** (torch.arange(0, turning, 2) / turning))
    angle = torch.outer(torch.arange(len(x)).float(), speed)[:, None, :]
    even, odd = x[..., :turning:2], x[..., 1:turning:2]
    turned = torch.stack([even * angle.cos() - odd * angle.sin(), odd * angle.cos() + even * angle.sin()], -1)
    return torch.cat([turned.flatten(-2), x[..., turning:]], -1)
