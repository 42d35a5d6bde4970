"""Tiny random checkpoints, and the comparison of their losses with the plain computation."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Glm4Config, Glm4ForCausalLM, GlmConfig, GlmForCausalLM

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
