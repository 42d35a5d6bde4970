"""check --fix: every record is written, left out with its reason, or dropped with its reason, once; nothing else about it changes."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.check.files import run

GOOD = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "It is good."}]
ZERO = [{"role": "user", "content": "Wh\u200bat?"}, {"role": "assistant", "content": "It is \u4f60好."}]


def _line(rng: random.Random, n: int) -> str:
    extra: dict[str, Any] = {"id": n, rng.choice("abc"): rng.choice([None, 1.50, [{}], "\ud800", "é"])}
    value: dict[str, Any] = rng.choice(
        [
            {"messages": GOOD},
            {"messages": [*GOOD, {"role": "user", "content": str(n)}, GOOD[1]]},
            {"messages": ZERO},
            {"messages": [{"role": "human", "content": "q"}, {"role": "bot", "content": "Well."}]},
            {"conversations": [{"from": "human", "value": "q\ufeff"}, {"from": "gpt", "value": str(n)}], "system": "s"},
            {"instruction": "i", "output": f"o {n}"},
            {"messages": [{"role": "user", "content": "alone"}]},
            {"messages": 5},
            {"messages": [{"role": "user", "content": 5}]},
        ]
    )
    text = json.dumps(
        extra | value, ensure_ascii=rng.random() < 0.5 or "\ud800" in extra.values(), indent=rng.choice([None, None, None, None])
    )
    return rng.choice([text] * 8 + [text[:-3], f"{text} ", text.replace("q", "\0")])


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@pytest.mark.parametrize("seed", range(12))
def test_every_record_ends_up_once(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    lines = [_line(rng, n) for n in range(30)]
    data, out = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    data.write_text("\n".join(lines) + "\n", "utf-8", newline="")
    result = run(data, "--fix", out, "--drop", "duplicates,no-answer", "--json", "--lang", rng.choice(["en", "zh"]))
    counts = json.loads(result.stdout.splitlines()[-1])
    rejected, dropped = (_rows(tmp_path / f"out.jsonl.{kind}.jsonl") for kind in ("rejected", "dropped"))
    changed = {row["line"] for row in _rows(tmp_path / "out.jsonl.changes.jsonl")}
    gone = {row["line"] for row in rejected} | {row["line"] for row in dropped}
    assert len(gone) == len(rejected) + len(dropped) == counts["left_out"]
    kept = [(n, line) for n, line in enumerate(lines, 1) if n not in gone]
    written = out.read_text("utf-8").split("\n")[:-1]
    assert (len(written), len(changed)) == (counts["written"], counts["changed"]) == (len(kept), len(changed))
    for (n, line), now in zip(kept, written, strict=True):
        assert (now == line) == (n not in changed)
        old, new = json.loads(line), json.loads(now)
        assert list(old) == list(new)
        assert all(old[key] == new[key] for key in old if key not in ("messages", "conversations"))
    for row in (*rejected, *dropped):
        assert row["raw"].strip() == lines[row["line"] - 1].strip()


def test_never_onto_what_is_read(tmp_path: Path) -> None:
    data, other, hard, soft = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "h.jsonl", "s.jsonl"))
    for path in (data, other):
        path.write_text(json.dumps({"messages": GOOD}) + "\n", "utf-8")
    hard.hardlink_to(data)
    soft.symlink_to(data)
    before = data.read_bytes()
    for option in ("--fix", "--html"):
        for out in (data, hard, soft, tmp_path / "." / "b.jsonl"):
            assert run(other, data, option, out).exit_code == 2
            assert data.read_bytes() == other.read_bytes() == before


def test_unknown_drop_names_the_known(tmp_path: Path) -> None:
    data = tmp_path / "a.jsonl"
    data.write_text(json.dumps({"messages": GOOD}) + "\n", "utf-8")
    for lang in ("en", "zh"):
        result = run(data, "--fix", tmp_path / "o", "--drop", "nope", "--lang", lang)
        assert result.exit_code == 2
        assert "near-duplicates" in result.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
