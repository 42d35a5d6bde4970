"""TokenLosses: what a model thinks of every token of a sample, wherever the model stands; and the training loss made of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.texts import Text

if TYPE_CHECKING:
    import pandas

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]
IdArray = npt.NDArray[np.integer[Any]]
Sample = LabelledSample | Sequence[int] | IdArray


class Cancelled(Exception):
    """The caller's `cancelled` said yes."""


@dataclass(frozen=True)
class TokenLosses:
    """Arrays of one entry a token, in nats. Entry i is about the prediction *for* token i, made from the tokens before it.

    nll [T]: -log p(input_ids[i]). label_nll [T]: -log p(labels[i]), nan where masked. entropy [T]: of the prediction.
    rank [T]: how many tokens score strictly higher than input_ids[i]. top_ids, top_logprobs [T, k]: the likeliest, best first.
    weights [T]: what each label counts, 0 where masked. Nothing predicts token 0: nan, and -1 in the integer columns.
    rows: the size of the model's vocabulary, 0 where it isn't known. notes: what these numbers lack, in sentences; a served
    model's lack some: nan and -1 stand there.
    """

    nll: Floats
    label_nll: Floats
    entropy: Floats
    rank: Whole
    top_ids: Whole
    top_logprobs: Floats
    weights: Floats
    rows: int = 0
    notes: tuple[Text, ...] = ()

    def __len__(self) -> int:
        return len(self.nll)

    @property
    def weighted_nll(self) -> Floats:
        """label_nll times the label's weight, nan where masked."""
        return self.label_nll * self.weights

    def table(self) -> "pandas.DataFrame":
        """One row a token: position, nll, label_nll, weight, entropy, rank, likeliest (an id) and its log-probability.

        With the columns of `LabelledSample.table()`: `sample.table().merge(losses.table(), on="position")`.
        """
        import pandas

        first = self.top_ids.shape[1] > 0
        return pandas.DataFrame(
            {
                "position": np.arange(len(self)),
                "nll": self.nll,
                "label_nll": self.label_nll,
                "weight": self.weights,
                "entropy": self.entropy,
                "rank": self.rank,
                "likeliest": self.top_ids[:, 0] if first else np.full(len(self), -1),
                "likeliest_logprob": self.top_logprobs[:, 0] if first else np.full(len(self), np.nan, np.float32),
            }
        )


def training_loss(losses: TokenLosses | Sequence[TokenLosses]) -> float:
    """The mean of label_nll over trained tokens, position 0 left out: what the model returns for these labels. nan if none is trained.

    Of several, the mean over the tokens of all, as the trainer averages a batch. Weighed labels are summed with their weights and
    divided by how many they are, as in modelscope/ms-swift 4.6.0, swift/loss/causal_lm.py.
    """
    each = [losses] if isinstance(losses, TokenLosses) else losses
    trained = np.concatenate([np.empty(0), *(one.weighted_nll[~np.isnan(one.label_nll)] for one in each)])
    return float(trained.mean(dtype=np.float64)) if len(trained) else float("nan")


# What both kinds of model take ----------------------------------------------------------------------------------------


def ids_and_labels(sample: Sample) -> tuple[IdArray, IdArray]:
    """Of a labelled sample, or of bare ids, which are all masked."""
    if isinstance(sample, LabelledSample):
        return sample.input_ids, sample.labels
    ids: Any = np.asarray(sample)
    if ids.ndim != 1 or (ids.size and not np.issubdtype(ids.dtype, np.integer)):
        raise ValueError(f"ids must be a flat list of whole numbers, not {ids.dtype} of shape {ids.shape}")
    ids = ids.astype(np.int64)
    return ids, np.full(len(ids), IGNORE)


def weights_of(sample: Sample, count: int) -> Floats:
    """What each label counts; bare ids have none."""
    return sample.weights if isinstance(sample, LabelledSample) else np.zeros(count, np.float32)


class Report:
    """Adds up shares of the work; asks at each whether to stop."""

    def __init__(self, total: float, progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None) -> None:
        self.total, self.done, self.progress, self.cancelled = total, 0.0, progress, cancelled

    def __call__(self, work: float) -> None:
        if self.cancelled is not None and self.cancelled():
            raise Cancelled
        self.done += work
        if self.progress is not None:
            self.progress(min(1.0, self.done / self.total))
