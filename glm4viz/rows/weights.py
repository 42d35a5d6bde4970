"""How much each sample and token weighs in the mean loss of a batch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from glm4viz.recipe import IGNORE
from glm4viz.rows.collator import Collated

Mean = Literal["token", "sample", "row"]
MEANS: tuple[Mean, ...] = ("token", "sample", "row")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """token float64 [rows, width]: the factor of each label's loss, 0 where there is none. sample float64 [samples]: their sums.
    trained int64 [samples]: how many labels of each sample count. All weights add up to 1, or to 0 if nothing is trained."""

    token: Floats
    sample: Floats
    trained: npt.NDArray[np.int64]


def loss_weights(rows: Collated, mean: Mean = "token") -> Weights:
    """The weights in one of three means.

    token: one mean over all trained tokens of the batch, as in GLM-4's script and Hugging Face's Trainer; a long answer weighs more.
    sample: the mean of every sample, then the mean of those; every sample weighs the same.
    row: the mean of every row, then the mean of those, as when packed rows come one by one; who shares a row, shares its weight.
    Where a system weighs its labels, each counts with its weight, and the mean still goes by how many labels there are.
    The first position of a row has no token before it that could predict it, so a label there never counts.
    """
    counts = rows.labels != IGNORE
    counts[:, :1] = False
    row, _ = np.nonzero(counts)
    owner = rows.sample_index[counts]
    group = {"token": np.zeros_like(owner), "sample": owner, "row": row}[mean]
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    token = np.zeros(rows.shape)
    token[counts] = _given(rows)[counts] / sizes[group] / max(len(sizes), 1)
    number = len(rows.samples)
    sums = np.bincount(owner, token[counts], number).astype(np.float64)
    return Weights(token, sums, np.bincount(owner, minlength=number))


def _given(rows: Collated) -> Floats:
    """float64 [rows, width]: the weight that the system gives each label; 1 unless it weighs."""
    weights = np.ones(rows.shape)
    for number, sample in enumerate(rows.samples):
        if sample.label_weights is not None:
            here = rows.sample_index == number
            weights[here] = sample.label_weights[: int(here.sum())]
    return weights
