"""How far, how fast, how long yet."""

import pytest

from glm4viz.loss.pace import BYTES, TOKENS, Pace, duration


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [(0.2, "1 s", "1 秒"), (59.4, "59 s", "59 秒"), (60, "1 min 00 s", "1 分 00 秒"), (7384, "2 h 03 min", "2 小时 03 分")],
)
def test_durations(seconds: float, en: str, zh: str) -> None:
    assert duration(seconds) == {"en": en, "zh": zh}


def test_rate_and_time_left() -> None:
    now = [0.0]
    pace = Pace(1000, TOKENS, lambda: now[0])
    assert pace.said(0)["en"] == "0%"
    now[0] = 0.5
    assert pace.said(100)["en"] == "10%"  # too early to tell
    now[0] = 2.0
    assert pace.said(250) == {"en": "25% · 125 tokens/s · 6 s left", "zh": "25% · 125 token/秒 · 还需 6 秒"}
    assert pace.said(1000)["en"] == "100% · 500 tokens/s"


def test_bytes_and_no_unit() -> None:
    now = [0.0]
    paces = [Pace(4e9, unit, lambda: now[0]) for unit in (BYTES, None)]
    now[0] = 10.0
    assert [pace.said(2e9)["en"] for pace in paces] == ["50% · 200 MB/s · 10 s left", "50% · 10 s left"]
