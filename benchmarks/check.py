"""The speed of `check` on a file against `label_batch` on the same conversations, and its memory on files of growing size.

    python -m benchmarks.check [MEGABYTES]

Lines to reach: 0.2 times label_batch in one process, memory flat but for 16 bytes a record, more processes nearly as much faster. With
near duplicates looked for, 208 bytes a record more. The file is made of the sample conversations' sentences, every conversation different,
and stands in a temporary folder.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import glm4viz
from benchmarks.label_batch import conversations, median_seconds
from glm4viz.check import Settings, check_files, summarise

MEGABYTES = 100
FAULTY = 0.02  # share of the records in the big file that end with the question


def write(path: Path, megabytes: int) -> int:
    """A file of about this size; returns how many records it has."""
    rng, rows, written = random.Random(1), conversations(), 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            for row in rows:
                messages = [{**row[0], "content": f"{written}: {row[0]['content']}"}, *row[1:]]
                if rng.random() < FAULTY:
                    messages.pop()
                file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
                written += 1
    return written


def speed(folder: Path) -> None:
    rows, path = conversations(), folder / "clean.jsonl"
    path.write_text("".join(json.dumps({"messages": row}, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    summary = summarise(check_files([path], Settings("glm4"), workers=1))
    assert summary.records == len(rows), summary
    label = median_seconds(lambda: glm4viz.label_batch(rows))
    check = median_seconds(lambda: summarise(check_files([path], Settings("glm4"), workers=1)))
    print(f"{len(rows):,} conversations, {path.stat().st_size / 1e6:.1f} MB, {summary.bad_records} with findings {dict(summary.findings)}")
    print(f"label_batch {len(rows) / label:10,.0f} conversations/s")
    print(f"check       {len(rows) / check:10,.0f} conversations/s   {label / check:.2f} times label_batch")


def memory(path: Path, workers: int, near: float | None = None) -> tuple[float, float]:
    """Seconds, and the peak memory in MB of the process that gathers."""
    code = (
        "import resource, sys\nfrom glm4viz.check import Settings, check_files, summarise\n"
        "if __name__ == '__main__':\n"
        f"    summarise(check_files([{str(path)!r}], Settings('glm4', near={near}), workers={workers}))\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    script = path.with_suffix(".py")
    script.write_text(code, "utf-8")
    start = time.perf_counter()
    peak = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    return time.perf_counter() - start, float(peak.stdout)


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed(folder)
        for part in (megabytes // 4, megabytes):
            path = folder / f"{part}.jsonl"
            records = write(path, part)
            for workers, near in dict.fromkeys(((1, None), (cores, None), (cores, 0.9))):
                seconds, peak = memory(path, workers, near)
                print(
                    f"{part:6,} MB {records:10,} records, {workers} processes{', near duplicates' if near else ''}: {seconds:7.1f} s, "
                    f"{records / seconds:8,.0f} records/s, {peak:6.0f} MB"
                )
            path.unlink()


if __name__ == "__main__":
    main()
