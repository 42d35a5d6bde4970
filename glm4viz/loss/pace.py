"""How far something is, at which rate, and how long it will take yet, in words."""

import time
from collections.abc import Callable

from glm4viz.texts import Text, both, fill

SETTLED = 1.0  # seconds until a rate means something

TOKENS = both("{rate:,.0f} tokens/s", "{rate:,.0f} token/秒")
BYTES = both("{rate:,.0f} MB/s", "{rate:,.0f} MB/秒")
_SCALE = {TOKENS["en"]: 1.0, BYTES["en"]: 1e-6}
_LEFT = both("{left} left", "还需 {left}")
_SECONDS, _MINUTES, _HOURS = (
    both("{s} s", "{s} 秒"),
    both("{m} min {s:02} s", "{m} 分 {s:02} 秒"),
    both("{h} h {m:02} min", "{h} 小时 {m:02} 分"),
)


class Pace:
    """Of one piece of work, begun when this is made. total: in the unit, which is TOKENS, BYTES or None: a rate that isn't said."""

    def __init__(self, total: float, unit: Text | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.unit, self.clock, self.began = total, unit, clock, clock()

    def said(self, done: float) -> Text:
        """`45 % · 1,200 tokens/s · 12 s left`, as far as known."""
        share, passed = min(1.0, done / self.total) if self.total else 0.0, self.clock() - self.began
        parts = [both(f"{share:.0%}", f"{share:.0%}")]
        if passed >= SETTLED and done > 0:
            if self.unit is not None:
                parts.append(fill(self.unit, rate=_SCALE[self.unit["en"]] * done / passed))
            if share < 1:
                parts.append(fill(_LEFT, left=duration(passed * (self.total - done) / done)))
        return {language: " · ".join(part[language] for part in parts) for language in parts[0]}


def duration(seconds: float) -> Text:
    """Seconds as one would say them."""
    whole = max(1, round(seconds))
    if whole < 60:
        return fill(_SECONDS, s=whole)
    return fill(_MINUTES, m=whole // 60, s=whole % 60) if whole < 3600 else fill(_HOURS, h=whole // 3600, m=whole % 3600 // 60)
