"""The figures' bars: what differs in colour differs in pattern too, for readers who can't tell the colours apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.figures.answers import Line, loss_along, mean_along, smoothed
from glm4viz.figures.base import digits
from glm4viz.figures.dataset import length_histogram, share_histogram
from glm4viz.figures.loss import colour_top, loss_heatmap, stop_bars
from glm4viz.figures.loss_groups import Bar, Change, change_bars, loss_bars
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
    "losses": lambda: loss_bars([Bar("assistant", True, 0.4, 0.7, 5.0), Bar("user", False, 0.6, 0.3, 9.0)], t),
    "changes": lambda: change_bars([Change("assistant", 5.0, 1.0), Change("user", 1.0, 2.0)], t),
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


def test_what_is_not_trained_is_hatched_and_named_so() -> None:
    bars = [Bar("user", False, 0.6, 0.3, 9.0), Bar("assistant", True, 0.4, 0.7, 5.04)]
    trained, masked, tokens = loss_bars(bars, t).data
    assert (list(trained.y), list(trained.x)) == (["assistant"], [0.7])
    assert (list(masked.y), list(masked.x)) == (["user<br>loss.share.untrained"], [0.3])
    assert trained.marker.pattern.shape == ""
    assert masked.marker.pattern.shape
    assert list(tokens.x) == [0.6, 0.4]
    assert "5.04" in trained.text[0]
    assert len(loss_bars(bars[1:], t).data) == 2


def test_changes_go_to_both_sides_of_zero() -> None:
    fell, rose = change_bars([Change("a", 5.0, 1.0), Change("b", 1.0, 2.0)], t).data
    assert (list(fell.y), list(fell.x), list(fell.text)) == (["a"], [-4.0], ["5.00 → 1.00"])
    assert (list(rose.y), list(rose.x)) == (["b"], [1.0])


def test_the_loss_along_the_answers() -> None:
    first, second = np.array([1.0, 2.0, 30.0, 1.0, np.nan, 1.0]), np.array([3.0, 4.0, 2.0])
    assert mean_along([first, second]).tolist() == [2.0, 3.0, 16.0]
    assert len(mean_along([first])) == 0
    figure = loss_along([Line("[1]", first, list("abcdef"), True), Line("[3]", second, list("ghi"), False)], 8.0, t)
    names = [note.text for note in figure.layout.annotations]
    assert sorted(names) == ["<b>[1]</b>", "<b>[3]</b>", "<b>loss.along.mean</b>"]
    heights = sorted(note.ay for note in figure.layout.annotations)
    assert min(np.diff(heights)) > 0.5
    assert max(heights) <= 8
    dots = figure.data[0]
    assert dots.marker.symbol == ("circle", "circle", "triangle-up", "circle", "circle", "square-open")
    assert np.nanmax(dots.y) == 8
    assert list(dots.customdata[2]) == ["c", "30.00"]
    assert all(np.nanmax(line.y) <= 8 for line in figure.data)
    many = loss_along([Line(f"[{m}]", second, list("ghi"), True) for m in range(9)], 8.0, t)
    assert [note.text for note in many.layout.annotations] == ["<b>loss.along.mean</b>"]


def test_a_running_mean_leaves_out_what_is_unknown() -> None:
    values = np.array([1.0, np.nan, 3.0, 5.0, 100.0])
    assert smoothed(values, 5).tolist() == pytest.approx([2.0, 3.0, 27.25, 36.0, 36.0])
    assert smoothed(np.arange(100.0), 5)[50] == 50
    assert np.isnan(smoothed(np.full(3, np.nan), 5)).all()


def test_losses_that_rose_have_a_mark_beside_the_colour() -> None:
    change = np.zeros(len(SAMPLE))
    change[3:5] = 2.0, -2.0
    marks = loss_heatmap(SAMPLE, change, t, difference=True).data[-1]
    assert (list(marks.x), list(marks.y)) == ([3], [0])
    assert marks.marker.symbol == "triangle-up"


def test_numbers_have_three_digits() -> None:
    shown = {
        float("nan"): "–",
        0.0: "0.000",
        0.0052: "0.005",
        5.043: "5.04",
        11.43: "11.4",
        217.4: "217",
        91_850.0: "91,800",
        -2.345: "-2.35",
    }
    assert {value: digits(value) for value in shown} == shown
