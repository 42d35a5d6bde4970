"""What is looked for among all records of a file, when asked: near duplicates, and losses far above the rest."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glm4viz
from glm4viz.check import Checked, Settings, check_files, outliers
from glm4viz.check.near import HASHES, NearSeen, bands_for, jaccard, near_text, normalised, shingles_of
from glm4viz.check.outliers import robust_scores
from glm4viz.errors import ModelError
from tests.check.files import run, write
from tests.linter.cases import said

Messages = list[dict[str, Any]]
ROOT = Path(__file__).parents[2]
WORDS = [
    "".join(letters)
    for letters in zip(*(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=400) for seed in range(6)), strict=True)
]
HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"


def prose(rng: random.Random, words: int = 60) -> str:
    return " ".join(rng.choices(WORDS, k=words)).capitalize() + "."


def one_word_changed(text: str, rng: random.Random) -> str:
    words = text.split()
    words[rng.randrange(1, len(words) - 1)] = "different"
    return " ".join(words)


def found(*paths: Path, workers: int = 1, size: int = 1 << 20, near: float | None = 0.9) -> list[Checked]:
    return [checked for piece in check_files(paths, Settings("glm4", near=near), workers, size) for checked in piece.checked]


def near_ones(checked: list[Checked]) -> dict[int, str]:
    """Line of the record, and what its finding says was found."""
    findings = ((c.place.line, f) for c in checked for f in c.findings if f.rule == "near-duplicate-record")
    return {line: finding.text.rpartition("Found: ")[2] for line, finding in findings}


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, int]]:
    """300 different records and 60 copies with one word changed behind them; for the line of each copy, that of the first."""
    rng = random.Random(1)
    rows: list[tuple[Messages, int | None]] = [(said(f"u:{prose(rng, 8)}", f"a:{prose(rng)}"), None) for _ in range(300)]
    for nth in rng.sample(range(300), 60):
        question, answer = rows[nth][0]
        rows.append(([question, {**answer, "content": one_word_changed(answer["content"], rng)}], nth + 1))
    path = write(tmp_path_factory.mktemp("near") / "copies.jsonl", *(messages for messages, _ in rows))
    return path, {line: first for line, (_, first) in enumerate(rows, 1) if first is not None}


# Near duplicates ------------------------------------------------------------------------------------------------------


def test_copies_with_one_word_changed_are_found_and_nothing_else(copies: tuple[Path, dict[int, int]]) -> None:
    path, first_of = copies
    seen = near_ones(found(path))
    assert seen.keys() == first_of.keys()
    for line, text in seen.items():
        assert text.startswith(f"line {first_of[line]}, 9"), text
        assert text.endswith("% alike.")


def test_they_are_not_looked_for_unless_asked(copies: tuple[Path, dict[int, int]]) -> None:
    assert near_ones(found(copies[0], near=None)) == {}


@pytest.mark.slow
def test_pieces_and_workers_change_nothing(copies: tuple[Path, dict[int, int]]) -> None:
    whole = found(copies[0])
    assert [checked.place.record for checked in whole] == sorted(checked.place.record for checked in whole)
    assert found(copies[0], size=5000) == whole
    assert found(copies[0], workers=2, size=20_000) == whole


def test_an_exact_copy_is_reported_once_and_a_later_file_names_the_earlier(tmp_path: Path) -> None:
    rng = random.Random(2)
    row = said("u:Tell me.", f"a:{prose(rng)}")
    near = [row[0], {**row[1], "content": one_word_changed(row[1]["content"], rng)}]
    one, two = write(tmp_path / "one.jsonl", row, row), write(tmp_path / "two.jsonl", near)
    (exact, later) = found(one, two)
    assert [finding.rule for finding in exact.findings] == ["duplicate-record"]
    assert [finding.rule for finding in later.findings] == ["near-duplicate-record"]
    assert f"line 1 ({one})" in later.findings[0].text
    assert f"第 1 行 ({one})" in later.findings[0].sentence("zh")


def test_chinese_and_differences_that_do_not_show(tmp_path: Path) -> None:
    rng = random.Random(3)
    text = "".join(rng.choices(HAN, k=200))
    path = write(
        tmp_path / "a.jsonl",
        said("u:请说。", f"a:{text}，ABC"),
        said("u:请说。", f"a:{text[:100]}呀{text[101:]}，ABC"),
        said("u:请说。 ", f"a:{text}，Ａｂｃ\n"),
        said("u:请说。", f"a:{''.join(rng.choices(HAN, k=200))}"),
    )
    seen = near_ones(found(path))
    assert seen.keys() == {2, 3}
    assert seen[3] == "line 1, 100% alike."


def test_a_long_system_message_makes_no_one_alike(tmp_path: Path) -> None:
    system = "s:" + prose(random.Random(4), 500)
    path = write(tmp_path / "a.jsonl", *(said(system, f"u:{question}?", "a:Yes.") for question in ("Is it Monday", "Do fish sleep")))
    assert near_ones(found(path)) == {}


def test_a_pair_is_found_among_many_that_are_rather_like_it() -> None:
    rng = random.Random(5)
    frame = prose(rng, 120)  # the same in all: about 0.83 of each text is
    rows = [said(f"a:{frame} {prose(rng, 12)}") for _ in range(400)]
    copies = [said(f"a:{one_word_changed(row[0]['content'], rng)}") for row in rows[200:]]
    with NearSeen(0.9) as seen:
        texts = [text for row in [*rows, *copies] if (text := near_text(row, 0.9))]
        near = dict(seen.add(texts, range(len(texts))))
    assert not any(nth < 400 for nth in near)
    assert len(near) > 190
    assert all(hit.number == nth - 200 for nth, hit in near.items())


def test_records_that_say_nothing_or_hold_anything_are_passed_over(tmp_path: Path) -> None:
    assert near_text([], 0.9) is None
    assert near_text(said("s:Only instructions."), 0.9) is None
    broken: Any = [{"role": "user", "content": None}, {"content": 5}, "text", {"role": "user", "content": "\ud800"}]
    assert near_text(broken, 0.9) is not None
    path = write(tmp_path / "a.jsonl", *[[{"role": "user", "content": ""}, {"role": "assistant", "content": None}]] * 2)
    assert near_ones(found(path)) == {}


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_is_the_jaccard_index_of_5_grams(one: str, other: str) -> None:
    one, other = normalised(said(f"u:{one}")), normalised(said(f"u:{other}"))
    sets = [{text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in (one, other)]
    assert jaccard(shingles_of(one), shingles_of(other)) == pytest.approx(len(sets[0] & sets[1]) / len(sets[0] | sets[1]))


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_bands_find_what_is_just_at_the_threshold(threshold: float) -> None:
    bands = bands_for(threshold)
    assert HASHES % bands == 0
    assert 1 - (1 - threshold ** (HASHES // bands)) ** bands >= 0.99 or bands == HASHES
    rng, hits, size = random.Random(6), 0, 400
    for _ in range(100):
        text = "".join(rng.choices(HAN, k=int((size - 4) / threshold) + 4))
        with NearSeen(threshold) as seen:
            texts = [near for part in (text[:size], text) if (near := near_text(said(f"u:{part}"), threshold))]
            hits += len(seen.add(texts, range(2)))
    assert hits >= 97


def test_memory_of_a_record_is_bounded() -> None:
    with NearSeen(0.9) as seen:
        rng = random.Random(7)
        for start in range(0, 6000, 500):
            texts = [text for _ in range(500) if (text := near_text(said(f"u:{prose(rng, 30)}"), 0.9))]
            seen.add(texts, range(start, start + 500))
        buckets = (
            sum(a.nbytes for a in seen._buckets._hashes) + sum(a.nbytes for a in seen._buckets._places) + 12 * len(seen._buckets._recent)
        )
        own = sum(len(column) * column.itemsize for column in (seen._numbers, seen._counts, seen._starts))
    assert buckets + own <= 208 * 6000 + 8


def test_the_threshold_is_a_share() -> None:
    for threshold in (0.4, 1.1):
        with pytest.raises(ValueError, match="threshold"):
            bands_for(threshold)


# Outliers of the loss -------------------------------------------------------------------------------------------------


def test_scores_are_robust() -> None:
    usual = np.random.default_rng(1).normal(2, 0.3, 60)
    scores = robust_scores(np.array([*usual, 9.0, 60.0, np.nan]))
    assert np.flatnonzero(scores > 3.5).tolist() == [60, 61]
    assert scores[62] == 0
    assert not robust_scores(np.array([1.0] * 18 + [90.0])).any(), "too few to say what is usual"
    assert not robust_scores(np.ones(50)).any()
    assert np.flatnonzero(robust_scores(np.array([1.0] * 49 + [5.0])) > 3.5).tolist() == [49]
    assert not robust_scores(np.full(50, np.nan)).any()
    assert not robust_scores(np.empty(0)).any()


def test_far_is_three_and_a_half_of_these_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = [1.0] * 20 + [2.0] * 5 + [3.0] * 18  # with one value of each kind below: median 2, and 1 is the median distance from it
    near, far = 2 + 1.4826 * 3.4, 2 + 1.4826 * 3.6
    monkeypatch.setattr(outliers, "_losses", lambda *_: iter([*usual, near, far]))
    monkeypatch.setattr("glm4viz.loss.load_model", lambda _: None)
    found = outliers.find_outliers(["a.jsonl"], Settings("glm4"), "demo")
    assert list(found) == [("a.jsonl", len(usual) + 1)]
    assert "the file's median is 2" in next(iter(found.values())).text


@pytest.fixture(scope="module")
def garbage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo model learned, an answer of garbage in line 12, a line that can't be read and one without an answer."""
    pytest.importorskip("torch")
    records = list(glm4viz.read_conversations(ROOT / "sample_data" / "13-dataset-small.jsonl"))[:30]
    rows: list[Any] = [list(record.messages) for record in records if isinstance(record, glm4viz.Conversation)]
    rows[11] = [rows[11][0], {"role": "assistant", "content": "zqx 7#k 蠡 vvbn ;;qp 0o0 繄 jjw!"}]
    rows[3:3] = ["{'python': True}", said("u:Nobody answers this.")]
    return write(tmp_path_factory.mktemp("loss") / "garbage.jsonl", *rows)


@pytest.mark.slow
def test_an_answer_of_garbage_is_an_outlier(garbage: Path) -> None:
    result = run(garbage, "--loss-outliers", "demo", "--json", "--near-duplicates")
    *findings, summary = map(json.loads, result.stdout.splitlines())
    outliers = [finding for finding in findings if finding["rule"] == "loss-outlier"]
    losses = {finding["line"]: float(re.findall(r"loss ([\d.]+),", finding["text"])[0]) for finding in outliers}
    # Of what the model knows by heart, any loss to speak of is far from the others; none is near that of garbage.
    assert losses.pop(14) > 5 > 10 * max(losses.values(), default=0)
    assert [(finding["record"], finding["severity"]) for finding in outliers if finding["line"] == 14] == [(13, "info")]
    assert summary["rules"]["loss-outlier"] == len(outliers)
    assert "loss-outlier" not in run(garbage, "--json").stdout


@pytest.mark.slow
def test_people_and_the_page_see_it_too(garbage: Path, tmp_path: Path) -> None:
    page = tmp_path / "o.html"
    result = run(garbage, "--loss-outliers", "demo", "--lang", "zh", "--html", page)
    assert "中位数" in result.stdout
    assert "loss-outlier" in page.read_text("utf-8")
    assert "--loss-outliers demo" in page.read_text("utf-8")


def test_what_can_not_be_loaded_or_scored_is_said(garbage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(garbage, "--loss-outliers", tmp_path)
    assert result.exit_code == 2
    assert "config.json" in result.stderr

    def refuse(*_: object) -> None:
        raise ModelError("No torch here.", "这里没有 torch。")

    monkeypatch.setattr("glm4viz.loss.load_model", refuse)
    result = run(garbage, "--loss-outliers", "demo", "--lang", "zh")
    assert result.exit_code == 2
    assert "这里没有 torch" in result.stderr


@pytest.mark.slow
def test_torch_is_loaded_only_then(garbage: Path) -> None:
    code = f"import sys\nfrom glm4viz.cli import app\ntry:\n app(['check', {str(garbage)!r}, '--near-duplicates'])\nfinally:\n print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[-1] == "False"
