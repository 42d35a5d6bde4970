"""The figures' bars: what differs in colour differs in pattern too, for readers who can't tell the colours apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.figures.dataset import length_histogram, share_histogram
from glm4viz.figures.loss import colour_top, loss_heatmap, stop_bars
from glm4viz.figures.sample import loss_share
from glm4viz.figures.weights import weight_bars
from glm4viz.reading.verdict import shares
from glm4viz.rows.collator import collate
from glm4viz.rows.weights import MEANS, loss_weights

SAMPLE = glm4viz.label([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}])


def t(key: str, **_: object) -> str:
    return key


BARS: dict[str, Callable[[], Any]] = {
    "share by role": lambda: loss_share(shares(SAMPLE), t, by="role"),
    "share by message": lambda: loss_share(shares(SAMPLE), t, by="message"),
    "lengths": lambda: length_histogram(np.array([10, 20, 3000]), np.array([False, False, True]), 1025, t),
    "shares": lambda: share_histogram(np.array([0.0, 0.5]), t),
    "weights": lambda: weight_bars({mean: loss_weights(collate([SAMPLE] * 2), mean) for mean in MEANS}, ["#1", "#2"], t),
    "stops": lambda: stop_bars([("messages[1]", "with", 0.9), ("messages[1]", "without", 0.1)]),
}


@pytest.mark.parametrize("name", BARS)
def test_bars_side_by_side_have_patterns_of_their_own(name: str) -> None:
    bars = BARS[name]().data
    assert len(bars) > 1
    assert len({bar.marker.pattern.shape for bar in bars}) == len(bars)
    assert len({bar.marker.color for bar in bars}) == len(bars)


def test_a_few_very_high_losses_do_not_take_the_scale() -> None:
    values = np.concatenate([[np.nan], np.linspace(0, 5, 200), [400.0]])
    assert 4.5 <= colour_top(values) <= 5.5
    assert colour_top(np.full(9, 13.5)) == 13.5  # a model that knows nothing: not one brown for 8 and all above
    assert colour_top([]) == colour_top([np.nan]) == colour_top([0.1]) == 2


def test_the_loss_heatmap_has_the_token_view_s_scale() -> None:
    values = np.linspace(0, 12, len(SAMPLE))
    cells = loss_heatmap(SAMPLE, values, t).data[0]
    assert (cells.zmin, cells.zmax) == (0, colour_top(values))
    stops = [at for at, _ in cells.colorscale]
    assert [round(at**0.5, 6) for at in stops] == pytest.approx([step / (len(stops) - 1) for step in range(len(stops))], abs=1e-5)
    difference = loss_heatmap(SAMPLE, values - 6, t, difference=True).data[0]
    assert -difference.zmin == difference.zmax == colour_top(values - 6)
