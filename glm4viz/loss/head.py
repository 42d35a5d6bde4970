"""From hidden states to the five outputs, a chunk of positions at a time: positions × vocabulary never stands in memory.

A chunk's logits are made in float32 in one buffer that is used again and again. Everything else is read off a few rows at a
time while they lie in the processor's cache, which on a CPU is what most of the speed comes from; there each core works on a chunk of its own. Results are written where
they belong at once: small tensors kept between large ones that come and go would leave the heap full of holes.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from glm4viz.loss.memory import free_memory, is_out_of_memory, out_of_memory
from glm4viz.loss.model import DTYPES, LossModel, Step, not_finite
from glm4viz.loss.workers import in_turns

BLOCK = 256  # columns: the k largest logits of a row lie in its k blocks with the largest maximum
VERY_LOW = -1e30  # fills the last block; not -inf, whose product with 0 is not a number
CHUNK = {"cpu": 64, "cuda": 512}
MOST_WORKERS = 16
TILE = {"cpu": 4}  # rows at once after the product; on a GPU the whole chunk
SLICE = {"cpu": 4096}  # vocabulary rows in one product


class Outputs(NamedTuple):
    """[N] and [N, k], one entry a predicted position; nats."""

    nll: torch.Tensor
    label_nll: torch.Tensor
    entropy: torch.Tensor
    rank: torch.Tensor
    top_ids: torch.Tensor
    top_logprobs: torch.Tensor

    @classmethod
    def blank(cls, count: int, top_k: int, device: torch.device | str = "cpu") -> "Outputs":
        """nan, and -1 in the integer columns."""
        nan, none = torch.full((3, count), torch.nan, device=device), torch.full((count,), -1, device=device)
        ids, logprobs = (torch.full((count, top_k), value, device=device) for value in (-1, torch.nan))
        return cls(nan[0], nan[1], nan[2], none, ids, logprobs)

    def part(self, rows: slice) -> "Outputs":
        """Views of some positions."""
        return Outputs(*(column[rows] for column in self))


def score(
    model: LossModel,
    hidden: torch.Tensor,
    targets: torch.Tensor,
    labels: torch.Tensor,
    top_k: int,
    chunk: int | None = None,
    step: Step = lambda _: None,
) -> Outputs:
    """What `hidden` [N, h] predicts, for `targets` and `labels`, int64 [N] and on the vocabulary. Call it inside `model.running`."""
    out = Outputs.blank(len(hidden), top_k, model.device)
    size = chunk or _chunk_that_fits(model)

    def work(scorer: _Scorer, rows: slice) -> None:
        scorer.score(hidden[rows], targets[rows], labels[rows], out.part(rows))

    todo = slice(0, len(hidden))
    while todo.start < todo.stop:
        workers = min(size, _worker_count(model.device))
        try:
            for rows in in_turns(todo, size // workers, workers, partial(_Scorer, model, size // workers, top_k), work):
                todo = slice(rows.stop, todo.stop)
                step((rows.stop - rows.start) / len(hidden))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise out_of_memory("for the logits of a single token", "连一个 token 的 logits 都放不下", model.device) from None
            size //= 2
    if not out.entropy.isfinite().all():
        raise not_finite(model.name)
    return Outputs(*(column.cpu() for column in out))


class _Scorer:
    """The buffers of one chunk size, and the work on one chunk."""

    def __init__(self, model: LossModel, size: int, top_k: int) -> None:
        self.layer: Any = model.module.get_output_embeddings()
        self.vocabulary, self.top_k = model.rows, min(top_k, model.rows)
        width, kind = -(-model.rows // BLOCK) * BLOCK, model.device.type
        self.tile, self.slice = min(size, TILE.get(kind, size)), SLICE.get(kind, 1 << 15)
        self.logits = torch.empty(size, width, device=model.device)
        self.logits[:, model.rows :] = VERY_LOW
        self.weights = torch.empty(self.tile, width, device=model.device)
        self.above = torch.empty(self.tile, width, dtype=torch.bool, device=model.device)

    def score(self, hidden: torch.Tensor, targets: torch.Tensor, labels: torch.Tensor, out: Outputs) -> None:
        self._fill(hidden)
        for at in range(0, len(hidden), self.tile):
            rows = slice(at, min(at + self.tile, len(hidden)))
            self._score_tile(self.logits[rows], targets[rows, None], labels[rows, None], out.part(rows))

    def _fill(self, hidden: torch.Tensor) -> None:
        """The chunk's logits, float32 whatever the model's dtype."""
        logits = self.logits[: len(hidden), : self.vocabulary]
        if not _is_plain(self.layer):
            logits.copy_(self.layer(hidden))
            return
        hidden = hidden.float()
        for at in range(0, self.vocabulary, self.slice):
            torch.mm(hidden, self.layer.weight[at : at + self.slice].float().T, out=logits[:, at : at + self.slice])

    def _score_tile(self, logits: torch.Tensor, targets: torch.Tensor, labels: torch.Tensor, out: Outputs) -> None:
        """Writes the five outputs of some rows. Overwrites the logits."""
        count, k = len(logits), self.top_k
        top, top_ids = _largest(logits, max(1, k))
        best, at_target, at_label = top[:, :1], logits.gather(1, targets), logits.gather(1, labels)
        _count_above(logits, at_target, self.above[:count], out.rank)
        logits.sub_(best)
        weights = torch.exp(logits, out=self.weights[:count])
        # `sum` adds in a tree; softmax's own running sum over 151,552 terms is off in the fifth digit, and the entropy in the fourth.
        total = weights.sum(-1, keepdim=True)
        log_total = total.log()
        mean = weights.mul_(logits).sum(-1, keepdim=True) / total
        out.nll.copy_((log_total + best - at_target).clamp_min(0)[:, 0])
        out.label_nll.copy_((log_total + best - at_label).clamp_min(0)[:, 0])
        out.entropy.copy_((log_total - mean).clamp_min(0)[:, 0])
        out.top_ids[:, :k] = top_ids[:, :k]
        out.top_logprobs[:, :k] = (top - best - log_total)[:, :k]


def _largest(logits: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Values and ids of each row's k largest, largest first: `topk` of everything would go over the row several times."""
    blocks = logits.view(len(logits), -1, BLOCK)
    chosen = blocks.amax(-1).topk(min(k, blocks.shape[1])).indices
    values, at = blocks.gather(1, chosen[:, :, None].expand(-1, -1, BLOCK)).flatten(1).topk(k)
    return values, chosen.gather(1, at // BLOCK) * BLOCK + at % BLOCK


def _count_above(logits: torch.Tensor, bound: torch.Tensor, above: torch.Tensor, out: torch.Tensor) -> None:
    """How many of each row are strictly larger than its bound."""
    if logits.device.type != "cpu":
        torch.sum(torch.gt(logits, bound, out=above), -1, out=out)
        return
    # numpy compares and counts many times faster than torch does on a CPU.
    values, limits, flags, counts = (tensor.numpy() for tensor in (logits, bound, above, out))
    for r in range(len(values)):
        counts[r] = np.count_nonzero(np.greater(values[r], limits[r], out=flags[r]))


def logit_bytes(config: Any, dtype: torch.dtype, device: torch.device, tokens: int) -> int:
    """Of the buffers for one chunk of so many positions' logits, as large as it usually is."""
    workers = _worker_count(device)
    size = min(_usual_chunk(device), tokens)
    tile = min(TILE.get(device.type, size) * workers, size)
    product = 0 if dtype == torch.float32 else workers * SLICE.get(device.type, 1 << 15) * config.hidden_size * 4
    return int(config.vocab_size * (4 * size + 5 * tile) + (product if size else 0))


def _worker_count(device: torch.device) -> int:
    return min(MOST_WORKERS, torch.get_num_threads()) if device.type == "cpu" else 1


def _usual_chunk(device: torch.device) -> int:
    return max(CHUNK[device.type], 16 * _worker_count(device))


def _chunk_that_fits(model: LossModel) -> int:
    usual, free = _usual_chunk(model.device), free_memory(model.device)
    return usual if free is None else max(1, min(usual, free // (16 * model.rows)))


def _is_plain(layer: Any) -> bool:
    """Whether a layer is its weight and no more. Not so with an adapter on it, or a quantized one, whose type may still be Linear."""
    return type(layer) is torch.nn.Linear and layer.bias is None and "forward" not in vars(layer) and layer.weight.dtype in DTYPES.values()
