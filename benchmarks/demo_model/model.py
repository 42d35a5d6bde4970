"""The model while it is trained: a GlmForCausalLM over slots, and its softmax over all rows of the vocabulary."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import GlmConfig, GlmForCausalLM

from benchmarks.demo_model.slots import Array
from glm4viz.recipe import IGNORE

NEGATIVES = 4096  # slots drawn for one step's softmax while reading


@dataclass(frozen=True)
class Slots:
    """slot [V] of every id, and of each slot [S]: the logarithm of how many ids it stands for, and how likely it is drawn."""

    of_id: torch.Tensor
    log_size: torch.Tensor
    chance: torch.Tensor

    @classmethod
    def made(cls, slots: Array, count: int, seen: Array) -> "Slots":
        """seen [V]: how often each id occurs in the texts."""
        weight = np.bincount(slots, weights=seen, minlength=count) ** 0.8 + 1
        return cls(
            torch.from_numpy(slots),
            torch.from_numpy(np.log(np.bincount(slots, minlength=count))).float(),
            torch.from_numpy(weight / weight.sum()).float(),
        )

    def targets(self, labels: torch.Tensor) -> torch.Tensor:
        """The labels' slots, IGNORE left as it is."""
        return torch.where(labels == IGNORE, IGNORE, self.of_id[labels.clamp_min(0)])


def blank(config: dict[str, Any], count: int) -> Any:
    """The model over so many slots."""
    return GlmForCausalLM(GlmConfig(**config | {"vocab_size": count, "pad_token_id": None, "eos_token_id": 0}))


def hidden_states(model: Any, slots: torch.Tensor) -> torch.Tensor:
    """[B, T, h] before each next token, matrix products in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden: torch.Tensor = model.model(input_ids=slots, use_cache=False).last_hidden_state
    return hidden.float()


def full_loss(model: Any, hidden: torch.Tensor, targets: torch.Tensor, slots: Slots) -> torch.Tensor:
    """Mean loss in nats over [N] positions: each slot counts as often in the softmax as it has ids."""
    with torch.autocast("cpu", torch.bfloat16):
        logits: torch.Tensor = (hidden @ model.lm_head.weight.T).float()
    at_target = logits.gather(1, targets[:, None])[:, 0]
    return ((logits + slots.log_size).logsumexp(-1) - at_target).mean()


def sampled_loss(model: Any, hidden: torch.Tensor, targets: torch.Tensor, slots: Slots) -> torch.Tensor:
    """The same, with the sum over all slots estimated from some that are drawn."""
    drawn = torch.multinomial(slots.chance, NEGATIVES, replacement=True)
    weight: torch.Tensor = model.lm_head.weight
    with torch.autocast("cpu", torch.bfloat16):
        logits = (hidden @ weight[drawn].T).float()
    at_target = (hidden * weight[targets]).sum(-1)
    logits = logits + (slots.log_size[drawn] - slots.chance[drawn].log() - math.log(NEGATIVES))
    logits = logits.masked_fill(drawn == targets[:, None], -torch.inf)
    every = torch.logaddexp(logits.logsumexp(-1), at_target + slots.log_size[targets])
    return (every - at_target).mean()


def shifted(hidden: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What stands before each label, and the labels, without the masked ones."""
    taught = targets[:, 1:] != IGNORE
    return hidden[:, :-1][taught], targets[:, 1:][taught]


def evaluate(model: Any, batches: list[tuple[torch.Tensor, torch.Tensor]], slots: Slots) -> float:
    """The mean loss of labels over batches of ids and labels [B, T]."""
    total, count = 0.0, 0
    with torch.inference_mode():
        for ids, labels in batches:
            hidden, targets = shifted(hidden_states(model, slots.of_id[ids]), slots.targets(labels))
            for part, wanted in zip(torch.split(hidden, 512), torch.split(targets, 512), strict=True):
                total += full_loss(model, part, wanted, slots).item() * len(wanted)
                count += len(wanted)
    return total / max(1, count)
