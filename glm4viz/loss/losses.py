"""The losses of a model in memory: hidden states of several samples side by side, then the vocabulary a chunk at a time."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from glm4viz.loss.head import Outputs, score
from glm4viz.loss.model import LossModel
from glm4viz.loss.results import IdArray, Report, Sample, TokenLosses, ids_and_labels, weights_of
from glm4viz.recipe import IGNORE

BATCH_TOKENS = 8192  # padded tokens through the layers at once, unless a single sample is longer


def losses_in_memory(
    model: LossModel,
    samples: Sequence[Sample],
    top_k: int,
    chunk: int | None,
    progress: Callable[[float], None] | None,
    cancelled: Callable[[], bool] | None,
) -> list[TokenLosses]:
    """`token_losses_batch` for a model in memory: samples of like length side by side. Padding changes no number."""
    rows = [ids_and_labels(sample) for sample in samples]
    for ids, labels in rows:
        model.check_ids(ids)
        model.check_ids(labels[labels != IGNORE])
    found = [Outputs.blank(len(ids), top_k) for ids, _ in rows]
    report = Report(sum(max(0, len(ids) - 1) for ids, _ in rows), progress, cancelled)
    with model.running():
        for group in _groups([len(ids) for ids, _ in rows]):
            outputs = _predictions(model, [rows[g] for g in group], top_k, chunk, report)
            stops = np.cumsum([len(rows[g][0]) - 1 for g in group]).tolist()
            for g, start, stop in zip(group, [0, *stops], stops, strict=False):
                for whole, part in zip(found[g], outputs.part(slice(start, stop)), strict=True):
                    whole[1:] = part
    return [
        TokenLosses(
            **{name: column.numpy() for name, column in outputs._asdict().items()},
            weights=weights_of(sample, len(ids)),
            rows=model.rows,
            notes=model.notes,
        )
        for outputs, sample, (ids, _) in zip(found, samples, rows, strict=True)
    ]


def _predictions(model: LossModel, rows: Sequence[tuple[IdArray, IdArray]], top_k: int, chunk: int | None, report: Report) -> Outputs:
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


# ---------------------------------------------------------------------------------------------------------------------


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
