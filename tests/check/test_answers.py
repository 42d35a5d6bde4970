"""Answers beside the other records of a file."""

import json
from pathlib import Path

from glm4viz.check import Settings, check_files

TALKS = [
    ("How long is the river Rhine?", "The river Rhine is about 1,230 kilometres long."),
    ("Which planets have rings?", "Saturn is known for its rings, but all giant planets have some."),
    ("怎样种植番茄？", "番茄需要充足的阳光，播种后注意浇水。种植番茄时要搭架子。"),
    ("Why do cats purr when stroked?", "Cats purr to show that they are content, and kittens purr when fed."),
    ("月亮为什么会有圆缺变化？", "月亮的圆缺变化来自太阳照射角度的不同。"),
]


def found(tmp_path: Path, talks: list[tuple[str, str]], rule: str) -> dict[int, str]:
    """Records in which the rule found something, with what it says there."""
    path = tmp_path / "talks.jsonl"
    rows = ([{"role": "user", "content": question}, {"role": "assistant", "content": answer}] for question, answer in talks)
    path.write_text("".join(json.dumps({"messages": row}, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    pieces = check_files([path], Settings("glm4"), workers=1)
    return {c.place.record: f.text for piece in pieces for c in piece.checked for f in c.findings if f.rule == rule}


def test_answers_that_slipped_by_a_row(tmp_path: Path) -> None:
    questions, answers = zip(*TALKS, strict=True)
    slipped = list(zip(questions, (*answers[1:], answers[0]), strict=True))
    assert {1, 2, 3} <= found(tmp_path, slipped, "answer-to-another-question").keys()
    assert "line 1" in found(tmp_path, slipped, "answer-to-another-question")[1]
    assert not found(tmp_path, TALKS, "answer-to-another-question")


def test_one_question_with_two_answers(tmp_path: Path) -> None:
    other = [*TALKS, ("How long is the river Rhine", "It has a length of 900 miles.")]
    assert "line 1" in found(tmp_path, other, "same-question-other-answer")[5]
    assert not found(tmp_path, [*TALKS, TALKS[0]], "same-question-other-answer")  # a duplicate, which another rule says
