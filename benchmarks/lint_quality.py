"""How many faults the linter finds in a dataset, and how much clean data it points at.

    python -m benchmarks.lint_quality [FILE…]

Clean conversations are put together from many kinds of text, in English and Chinese; into some of them a fault is put, of one kind each, in
several wordings. Whoever changes a rule may look at the wordings of odd numbers; those of even numbers are held out. Lines to reach: 80 % of
the faults found, 1 % of the clean conversations with a warning or an error, 3 % with a hint only. Files named are taken to be clean.
"""

import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.lint_quality_texts import CLEAN, FAULTS, FILLINGS
from glm4viz.check import Checked, Settings, check_files

RECORDS, FAULTY = 3000, 0.11
Record = dict[str, Any]


def clean(rng: random.Random) -> Iterator[Record]:
    """Conversations without a fault, each different in its words."""
    for number in range(RECORDS):
        turns = list(rng.choice(CLEAN))
        values = {name: rng.choice(words) for name, words in FILLINGS.items()} | {"n": str(number + 2)}
        messages = [{"role": "assistant" if at % 2 else "user", "content": _filled(text, values)} for at, text in enumerate(turns)]
        yield {"messages": messages}


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"⟨{name}⟩", value)
    return text


def faulty(records: list[Record], rng: random.Random) -> dict[int, tuple[str, int]]:
    """Puts a fault into some of the records; their numbers, with the kind and the number of the wording."""
    placed: dict[int, tuple[str, int]] = {}
    numbers = rng.sample(range(1, len(records)), int(FAULTY * len(records)))
    kinds = [(kind, nth, put) for kind, (_, puts) in FAULTS.items() for nth, put in enumerate(puts)]
    for at, number in enumerate(numbers):
        kind, nth, put = kinds[at % len(kinds)]
        put(records[number], records[number - 1])
        placed[number] = kind, nth
    return placed


def found_in(path: Path) -> dict[int, Checked]:
    """What check finds, by the record's number."""
    pieces = check_files([path], Settings("glm4"), workers=1)
    return {checked.place.record: checked for piece in pieces for checked in piece.checked}


def report(records: list[Record], placed: dict[int, tuple[str, int]], found: dict[int, Checked]) -> None:
    """Recall by kind, shown and held-out wordings apart, and what was said of clean records."""
    hits: Counter[tuple[str, int]] = Counter()
    sizes: Counter[tuple[str, int]] = Counter()
    for number, (kind, nth) in placed.items():
        rules = {finding.rule for finding in found[number].findings} if number in found else set()
        sizes[kind, nth % 2] += 1
        hits[kind, nth % 2] += bool(rules & set(FAULTS[kind][0]))
    for kind in FAULTS:
        print(f"{kind:28} {_share(hits[kind, 1], sizes[kind, 1])} shown, {_share(hits[kind, 0], sizes[kind, 0])} held out")
    for name, half in (("shown", 1), ("held out", 0)):
        print(
            f"all, {name}: {_share(sum(n for (_, h), n in hits.items() if h == half), sum(n for (_, h), n in sizes.items() if h == half))}"
        )
    false_alarms({n: c for n, c in found.items() if n not in placed}, len(records) - len(placed))


def false_alarms(found: dict[int, Checked], records: int) -> None:
    loud = {n for n, c in found.items() if any(f.severity != "info" for f in c.findings)}
    rules = Counter(rule for c in found.values() for rule in {f.rule for f in c.findings})
    print(
        f"clean: {records}, with a warning or an error {_share(len(loud), records)}, with hints only {_share(len(found) - len(loud), records)}"
    )
    print(f"       {dict(rules.most_common())}")


def _share(part: int, whole: int) -> str:
    return f"{part:4}/{whole:<4} {part / whole:6.1%}" if whole else "   none"


def main() -> None:
    for name in sys.argv[1:]:
        print(name)
        false_alarms(found_in(Path(name)), sum(piece.records for piece in check_files([name], Settings("glm4"), workers=1)))
    rng = random.Random(14)
    records = list(clean(rng))
    placed = faulty(records, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.jsonl"
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
        report(records, placed, found_in(path))


if __name__ == "__main__":
    main()
