"""The slow, obvious twin of token_losses: all logits at once, in double precision."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from glm4viz.loss import LossModel

Array = npt.NDArray[Any]


class Plain(NamedTuple):
    nll: Array
    label_nll: Array
    entropy: Array
    rank: Array
    top_logprobs: Array
    logprobs: Array


def plain_losses(model: LossModel, ids: Array, labels: Array, top_k: int) -> Plain:
    """By the words of the contract, position by position."""
    with torch.inference_mode():
        logits = model.module(torch.from_numpy(np.asarray(ids)[None].astype(np.int64)).to(model.device)).logits[0].float().cpu()
    logprobs = torch.log_softmax(logits.double(), -1).numpy()
    nll, label_nll, entropy, rank = (np.full(len(ids), np.nan) for _ in range(4))
    found = Plain(nll, label_nll, entropy, rank, np.full((len(ids), top_k), np.nan), logprobs)
    found.rank[:1] = -1
    for i in range(1, len(ids)):
        before = logprobs[i - 1]
        found.nll[i] = -before[ids[i]]
        found.label_nll[i] = np.nan if labels[i] == -100 else -before[labels[i]]
        found.entropy[i] = -(np.exp(before) * before).sum()
        found.rank[i] = (logits[i - 1] > logits[i - 1, ids[i]]).sum()
        found.top_logprobs[i] = np.sort(before)[::-1][:top_k]
    return found
