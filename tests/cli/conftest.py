"""What the tests of `glm4viz loss` over a file share."""

import json
from pathlib import Path

import numpy as np
import pytest

from glm4viz.loss import batches, pieces
from glm4viz.loss.results import TokenLosses
from glm4viz.recipe import LabelledSample
from tests.cli.loss_runs import GOOD

BAD = '{"messages": [{"role": "user", "content": "x"}, {"role": "cat", "content": "y"}]}'


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A model that answers at once, each token costing its id's last digit; and how many samples it was asked about."""
    asked: list[int] = []

    def answer(_: object, samples: list[LabelledSample], *__: object, **___: object) -> list[TokenLosses]:
        asked.append(len(samples))
        return [_losses(sample) for sample in samples]

    monkeypatch.setattr(batches, "token_losses_batch", answer)
    return asked


def _losses(sample: LabelledSample) -> TokenLosses:
    nll = (sample.input_ids % 10).astype(np.float32)
    nll[0] = np.nan
    labels = np.where(sample.trained, nll, np.float32(np.nan)).astype(np.float32)
    none = np.ones((len(sample), 0))
    columns = nll, labels, np.ones_like(nll), np.ones(len(sample), np.int64), none.astype(np.int64), none.astype(np.float32)
    return TokenLosses(*columns, sample.weights, 151_552)


@pytest.fixture
def each_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window, and a piece, for every record."""
    monkeypatch.setattr(batches, "MOST", 1)
    monkeypatch.setattr(pieces, "SECONDS", 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    lines = [json.dumps({"messages": messages}) for messages in GOOD]
    path.write_text("\n".join([*lines[:2], BAD, "{broken", *lines[2:]]) + "\n", "utf-8")
    return path
