"""A dataset checked and measured in one go. No Streamlit here: a large file is worked on by a process of its own.

python -m glm4viz.ui.dataset.work JOB      JOB: the fields of a `Job` as JSON; prints a line of JSON for each step

Whatever there is one of for each record or finding goes into columns of numbers; texts go into files beside them.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from glm4viz.check import Progress, Settings, check_files
from glm4viz.check.chunks import Chunk, Record, chunks_of
from glm4viz.check.fix import mended_line
from glm4viz.check.measure import UNWRITABLE, count_tokens, label_each
from glm4viz.check.near import THRESHOLD
from glm4viz.conversation import Conversation
from glm4viz.labelling.single import label_all
from glm4viz.linter import RULES, SEVERITIES, Finding
from glm4viz.readers import read_conversations
from glm4viz.recipe import MaxLength, Recipe
from glm4viz.rows.truncation import Tally
from glm4viz.systems.registry import get_recipe
from glm4viz.writing import chat_to_line, to_line

COLUMNS, RECORDS, FINDINGS, MENDED, CHANGES = "columns.npz", "records.jsonl", "findings.jsonl", "mended.jsonl", "changes.json"
LIMITS = "limits.npz"
OF_FINDINGS = ("rule", "severity", "record", "message", "start", "stop", "beside", "text")  # columns with one number for each
LISTED = 1_000  # changes that are listed one by one; all are counted
CODES = {id: code for code, id in enumerate(RULES)}
Columns = dict[str, npt.NDArray[Any]]
Say = Callable[[int, int], None]  # bytes and records since the last time


class Job(NamedTuple):
    """What to do with the file at `path`; what comes of it goes into `folder`."""

    path: str
    folder: str
    recipe: str
    max_length: MaxLength = None
    workers: int = 1
    kind: str = "check"  # or "mend", "limits"
    near: bool = False  # whether near duplicates are looked for


def run(job: Job, say: Say) -> None:
    """Does the job, telling on the way how far it is."""
    {"check": check_dataset, "mend": mend_dataset, "limits": measure_limits}[job.kind](job, say)


# Check ----------------------------------------------------------------------------------------------------------------


def check_dataset(job: Job, say: Say) -> None:
    """Writes the columns of all records and findings, the findings' sentences, and the records if the file has no lines to find them by."""
    folder, recipe = Path(job.folder), get_recipe(job.recipe)
    pieces = check_files([job.path], Settings(recipe.id, job.max_length, near=THRESHOLD if job.near else None), job.workers)
    found: list[Columns] = []
    by_lines, place, records = True, 0, 0
    with (folder / FINDINGS).open("wb") as sentences, (folder / RECORDS).open("wb") as store:
        for chunk, piece in zip(chunks_of(Path(job.path)), pieces, strict=True):
            if not found:  # records of an array may stand in one line, however many they are
                by_lines = not chunk.records and not chunk.lines.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
            read = list(chunk.records or read_conversations(chunk.lines))
            columns = _measure(read, recipe, job.max_length)
            columns |= _places(chunk, read, place) if by_lines else _store(chunk, read, store)
            columns |= _findings(piece, sentences)
            found.append(columns)
            place, records = place + len(chunk.lines), records + piece.records
            say(len(chunk.lines), piece.records)
    joined = {name: np.concatenate([columns[name] for columns in found]) for name in found[0]}
    # A fault may be named by the line it is in, which is not always where its record begins.
    joined["offset"] = np.maximum.accumulate(joined["offset"])
    np.savez(folder / COLUMNS, by_lines=np.array(by_lines), **cast(Any, joined))


def _measure(records: Sequence[Record], recipe: Recipe, max_length: MaxLength) -> Columns:
    """Of each record: tokens without the limit, tokens kept and trained under it; -1 if it can't be read."""
    good = np.array([i for i, record in enumerate(records) if isinstance(record, Conversation)], np.int64)
    conversations = [record for record in records if isinstance(record, Conversation)]
    full, kept, trained = (np.full(len(records), -1, np.int32) for _ in range(3))
    count, uncut = len(conversations), list(label_each(conversations, recipe, None))
    full[good] = count_tokens(uncut, count)[0]
    if recipe.fit is None and not isinstance(max_length, tuple):
        kept[good], trained[good] = count_tokens(uncut, count, max_length)[1:]
    else:
        kept[good], trained[good] = count_tokens(label_each(conversations, recipe, max_length), count)[1:]
    return {"full": full, "kept": kept, "trained": trained}


def _places(chunk: Chunk, records: Sequence[Record], place: int) -> Columns:
    """The line of each record, and the byte at which that line begins in the file."""
    starts = np.concatenate([[0], np.flatnonzero(np.frombuffer(chunk.lines, np.uint8) == ord("\n")) + 1])
    lines = np.array([record.line for record in records], np.int64)
    offset = place + starts[np.clip(lines - 1, 0, len(starts) - 1)]
    return {"line": np.where(lines > 0, lines + chunk.before, 0).astype(np.int32), "offset": offset}


def _store(chunk: Chunk, records: Sequence[Record], store: Any) -> Columns:
    """Writes the records down, an empty line for one that can't be read, so that they can be found again."""
    offsets = []
    for record in records:
        offsets.append(store.tell())
        store.write((chat_to_line(record.chat) if record.chat else to_line(record)) if isinstance(record, Conversation) else b"\n")
    lines = np.array([record.line for record in records], np.int32)
    return {"line": np.where(lines > 0, lines + chunk.before, 0).astype(np.int32), "offset": np.array(offsets, np.int64)}


def _findings(piece: Progress, sentences: Any) -> Columns:
    rows, texts = [], []
    for checked in piece.checked:
        for finding in checked.findings:
            start, stop = finding.token_range or (-1, -1)
            message = -1 if finding.message_index is None else finding.message_index
            beside = dict(checked.beside).get(finding.rule, 0)
            rows.append((CODES[finding.rule], SEVERITIES.index(finding.severity), checked.place.record, message, start, stop, beside))
            texts.append(sentences.tell())
            sentences.write(json.dumps([_own(finding, "en"), _own(finding, "zh")], ensure_ascii=False).encode() + b"\n")
    columns = np.array(rows, np.int32).reshape(-1, 7).T
    return dict(zip(OF_FINDINGS, (*columns, np.array(texts, np.int64)), strict=True))


def _own(finding: Finding, language: str) -> str:
    """What the sentence says of this one record; the rest is the same for every finding of its rule."""
    rule, sentence = RULES[finding.rule], finding.sentence(language)
    own = sentence.removeprefix(rule.explanation(language))
    return (own if own != sentence else sentence.removeprefix(rule.harm[language])).strip()


# Mend -----------------------------------------------------------------------------------------------------------------


def mend_dataset(job: Job, say: Say) -> None:
    """Writes every readable record as JSON Lines, mended in the form it has, and what was changed in them."""
    counts: Counter[tuple[str, str, str]] = Counter()
    listed: list[tuple[int, int, str, str, str]] = []
    written, skipped, recipe = 0, 0, get_recipe(job.recipe)
    with (Path(job.folder) / MENDED).open("wb") as out:
        for nth, record in enumerate(read_conversations(Path(job.path))):
            if isinstance(record, Conversation):
                line, changes = mended_line(record, recipe)
                out.write(line)
                written += 1
                for change in changes:
                    counts[change.field, change.text, change.sentence("zh")] += 1
                    if len(listed) < LISTED:
                        listed.append((nth, record.line, change.path, change.text, change.sentence("zh")))
            else:
                skipped += 1
            if nth % 1_000 == 0:
                say(0, min(nth, 1_000))
    summary = {"written": written, "skipped": skipped, "counts": [[*key, n] for key, n in counts.most_common()], "listed": listed}
    (Path(job.folder) / CHANGES).write_text(json.dumps(summary, ensure_ascii=False), "utf-8")


# Limits ---------------------------------------------------------------------------------------------------------------


def measure_limits(job: Job, say: Say) -> None:
    """Writes what every length limit keeps of the whole file; for recipes that cut the end. In memory are four numbers for each limit."""
    recipe, tally = get_recipe(job.recipe), Tally()
    for chunk in chunks_of(Path(job.path)):
        read = chunk.records or tuple(read_conversations(chunk.lines))
        for record in read:
            try:
                samples = label_all(record, recipe) if isinstance(record, Conversation) else []
            except UNWRITABLE:
                continue
            for sample in samples:
                tally.add(sample)
        say(len(chunk.lines), len(read))
    curve = tally.curve()
    np.savez(Path(job.folder) / LIMITS, **{column.name: getattr(curve, column.name) for column in fields(curve)})


def main() -> None:
    given = json.loads(sys.argv[1])
    if isinstance(given["max_length"], list):
        given["max_length"] = tuple(given["max_length"])
    run(Job(**given), lambda size, records: print(json.dumps([size, records]), flush=True))  # noqa: T201


if __name__ == "__main__":
    main()
