"""Tiny random checkpoints, and the comparison of their losses with the plain computation."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, Glm4Config, Glm4ForCausalLM, GlmConfig, GlmForCausalLM

from glm4viz.loss import (
    LossModel,
    token_losses,
)
from tests.plain_losses import plain_losses

ROWS, SMALL = 151_552, 300
CONVERSATION = [
    {"role": "system", "content": "回答要简短。"},
    {"role": "user", "content": "你好 👋🏽, what's 12345?"},
    {"role": "assistant", "content": "您好！It is a number.\n\tOne token may be half of 龘."},
    {"role": "user", "content": "谢谢"},
    {"role": "assistant", "metadata": "end_call", "content": "不客气！"},
]
SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "initializer_range": 0.4,  # so that predictions are far from even
}


def save_random(directory: Path, kind: str, rows: int) -> Path:
    torch.manual_seed(0)
    special = {"vocab_size": rows} | ({} if rows == ROWS else {"pad_token_id": 0, "eos_token_id": 1})
    made = {"glm": lambda: GlmForCausalLM(GlmConfig(**SIZES, **special)), "glm4": lambda: Glm4ForCausalLM(Glm4Config(**SIZES, **special))}
    made[kind]().save_pretrained(directory)
    return directory


IDS = np.array([0, 17, 299, 4, 4, 123, 250, 9, 31, 31, 77])


def check_against_plain(model: LossModel, given: Any, ids: Any, labels: Any, k: int, **options: Any) -> None:
    fast, slow = token_losses(model, given, k, **options), plain_losses(model, ids, labels, k)
    for name in ("nll", "label_nll", "entropy", "top_logprobs"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-4, err_msg=name)
    np.testing.assert_array_equal(fast.rank, slow.rank)
    assert (fast.top_ids[:1] == -1).all()
    # Which of two equally likely tokens comes first is open: each id must have the log-probability that stands beside it.
    named = np.take_along_axis(slow.logprobs[:-1], fast.top_ids[1:], 1)
    np.testing.assert_allclose(named, fast.top_logprobs[1:], atol=1e-4)
    assert all(len(set(row)) == k for row in fast.top_ids[1:].tolist())


# GLM-4-0414 is glm4, GLM-4.5-Air glm4_moe; the sizes are tiny, the layouts and names are theirs.
_EXPERTS = {"moe_intermediate_size": 16, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1}
LAYOUTS: dict[str, dict[str, Any]] = {
    "glm": {},
    "glm4": {"attention_bias": True},
    "glm4 tied": {"tie_word_embeddings": True},
    "glm4_moe": _EXPERTS | {"use_qk_norm": False, "attention_bias": True, "num_nextn_predict_layers": 0},
    "glm4_moe mtp": _EXPERTS | {"use_qk_norm": True, "num_nextn_predict_layers": 1, "first_k_dense_replace": 1},
}


def save_layout(directory: Path, layout: str, rows: int, dtype: torch.dtype = torch.float32, **changes: Any) -> Path:
    """A random checkpoint of a layout. With "mtp" it holds the layer after the last that GLM-4.5 has for predicting a second token."""
    torch.manual_seed(0)
    kind = layout.split(maxsplit=1)[0]
    ends = {} if rows == ROWS else {"pad_token_id": 0, "eos_token_id": 1}
    config = AutoConfig.for_model(kind, **(SIZES | {"vocab_size": rows} | ends | LAYOUTS[layout] | changes))
    model = AutoModelForCausalLM.from_config(config)
    for name, buffer in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            buffer.normal_()
    model.to(dtype=dtype).save_pretrained(directory)
    if layout.endswith("mtp"):
        weights, after = load_file(directory / "model.safetensors"), SIZES["num_hidden_layers"]
        last = {key: tensor for key, tensor in weights.items() if f"layers.{after - 1}." in key}
        weights |= {key.replace(f"layers.{after - 1}.", f"layers.{after}."): tensor.clone() for key, tensor in last.items()}
        width = SIZES["hidden_size"]
        for name, shape in (("enorm", (width,)), ("hnorm", (width,)), ("eh_proj", (width, 2 * width)), ("shared_head.norm", (width,))):
            weights[f"model.layers.{after}.{name}.weight"] = torch.randn(shape, dtype=dtype)
        for name in ("embed_tokens", "shared_head.head"):
            weights[f"model.layers.{after}.{name}.weight"] = torch.randn(rows, width, dtype=dtype)
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return directory
