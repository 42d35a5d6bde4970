"""token_losses: what a model thinks of every token of a sample, masked ones too."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from glm4viz.loss.head import Floats, Outputs, score
from glm4viz.loss.model import Cancelled, IdArray, LossModel
from glm4viz.recipe import IGNORE, LabelledSample

Sample = LabelledSample | Sequence[int] | IdArray
BATCH_TOKENS = 8192  # padded tokens through the layers at once, unless a single sample is longer


@dataclass(frozen=True)
class TokenLosses:
    """Arrays of one entry a token, in nats. Entry i is about the prediction *for* token i, made from the tokens before it.

    nll [T]: -log p(input_ids[i]). label_nll [T]: -log p(labels[i]), nan where masked. entropy [T]: of the prediction.
    rank [T]: how many tokens score strictly higher than input_ids[i]. top_ids, top_logprobs [T, k]: the likeliest, best first.
    weights [T]: what each label counts, 0 where masked. Nothing predicts token 0: nan, and -1 in the integer columns.
    """

    nll: Floats
    label_nll: Floats
    entropy: Floats
    rank: npt.NDArray[np.int64]
    top_ids: npt.NDArray[np.int64]
    top_logprobs: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.nll)

    @property
    def weighted_nll(self) -> Floats:
        """label_nll times the label's weight, nan where masked."""
        return self.label_nll * self.weights


def token_losses(
    model: LossModel,
    sample: Sample,
    top_k: int = 5,
    *,
    chunk: int | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TokenLosses:
    """The losses of a labelled sample, or of bare ids (whose label_nll is nan throughout).

    chunk: positions whose logits are in memory at once; by default what is fast and fits, and fewer after an out-of-memory.
    progress: told the share done, 0 to 1. cancelled: asked between steps; yes raises Cancelled.
    Raises VocabularyMismatch for an id that the model lacks, ModelError when even one position doesn't fit.
    """
    return token_losses_batch(model, [sample], top_k, chunk=chunk, progress=progress, cancelled=cancelled)[0]


def token_losses_batch(
    model: LossModel,
    samples: Sequence[Sample],
    top_k: int = 5,
    *,
    chunk: int | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[TokenLosses]:
    """The same for several samples, those of like length side by side. Padding changes no number."""
    if top_k < 0 or (chunk is not None and chunk < 1):
        raise ValueError(f"top_k must not be negative and chunk must be positive, not {top_k} and {chunk}")
    rows = [_ids_and_labels(sample) for sample in samples]
    for ids, labels in rows:
        model.check_ids(ids)
        model.check_ids(labels[labels != IGNORE])
    found = [Outputs.blank(len(ids), top_k) for ids, _ in rows]
    report = _Progress(sum(max(0, len(ids) - 1) for ids, _ in rows), progress, cancelled)
    with model.running():
        for group in _groups([len(ids) for ids, _ in rows]):
            outputs = _predictions(model, [rows[g] for g in group], top_k, chunk, report)
            stops = np.cumsum([len(rows[g][0]) - 1 for g in group]).tolist()
            for g, start, stop in zip(group, [0, *stops], stops, strict=False):
                for whole, part in zip(found[g], outputs.part(slice(start, stop)), strict=True):
                    whole[1:] = part
    return [
        TokenLosses(**{name: column.numpy() for name, column in outputs._asdict().items()}, weights=_weights(sample, len(ids)))
        for outputs, sample, (ids, _) in zip(found, samples, rows, strict=True)
    ]


def _weights(sample: Sample, count: int) -> Floats:
    return sample.weights if isinstance(sample, LabelledSample) else np.zeros(count, np.float32)


def _predictions(model: LossModel, rows: Sequence[tuple[IdArray, IdArray]], top_k: int, chunk: int | None, report: "_Progress") -> Outputs:
    """What is predicted for tokens 1 … of each row, one row after the other."""
    targets, labels = (np.concatenate([row[c][1:] for row in rows]).astype(np.int64) for c in (0, 1))
    masked = labels == IGNORE

    def half(share: float) -> None:  # the layers and the vocabulary are each taken for half of the work
        report(share * len(targets) / 2)

    hidden = torch.cat([states[:-1] for states in model.hidden_states([ids for ids, _ in rows], half)])
    wanted, labelled = (torch.from_numpy(ids).to(model.device) for ids in (targets, np.where(masked, targets, labels)))
    outputs = score(model, hidden, wanted, labelled, top_k, chunk, half)
    outputs.label_nll[torch.from_numpy(masked)] = torch.nan
    return outputs


def training_loss(losses: TokenLosses | Sequence[TokenLosses]) -> float:
    """The mean of label_nll over trained tokens, position 0 left out: what the model returns for these labels. nan if none is trained.

    Of several, the mean over the tokens of all, as the trainer averages a batch. Weighed labels are summed with their weights and
    divided by how many they are, as in modelscope/ms-swift 4.6.0, swift/loss/causal_lm.py.
    """
    each = [losses] if isinstance(losses, TokenLosses) else losses
    trained = np.concatenate([np.empty(0), *(one.weighted_nll[~np.isnan(one.label_nll)] for one in each)])
    return float(trained.mean(dtype=np.float64)) if len(trained) else float("nan")


# ---------------------------------------------------------------------------------------------------------------------


def _ids_and_labels(sample: Sample) -> tuple[IdArray, IdArray]:
    if isinstance(sample, LabelledSample):
        return sample.input_ids, sample.labels
    ids: Any = np.asarray(sample)
    if ids.ndim != 1 or (ids.size and not np.issubdtype(ids.dtype, np.integer)):
        raise ValueError(f"ids must be a flat list of whole numbers, not {ids.dtype} of shape {ids.shape}")
    ids = ids.astype(np.int64)
    return ids, np.full(len(ids), IGNORE)


def _groups(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of samples to run side by side. A sample of fewer than two tokens predicts nothing."""
    group: list[int] = []
    for index in sorted((i for i, length in enumerate(lengths) if length > 1), key=lambda i: lengths[i]):
        if group and lengths[index] * (len(group) + 1) > BATCH_TOKENS:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


class _Progress:
    """Adds up shares of the work; asks at each whether to stop."""

    def __init__(self, total: int, progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None) -> None:
        self.total, self.done, self.progress, self.cancelled = total, 0.0, progress, cancelled

    def __call__(self, work: float) -> None:
        if self.cancelled is not None and self.cancelled():
            raise Cancelled
        self.done += work
        if self.progress is not None:
            self.progress(min(1.0, self.done / self.total))
