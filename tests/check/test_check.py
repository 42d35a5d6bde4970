"""check: what lint finds, in whole files; duplicates, the command, recipes."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import glm4viz
from glm4viz.check import Settings, check_files
from glm4viz.check.chunks import Chunk, chunks_of
from glm4viz.check.duplicates import Seen, fingerprint
from glm4viz.check.examine import examine
from glm4viz.cli import app
from tests.check.files import Messages, found, run, write
from tests.conftest import CONVERSATIONS
from tests.linter.cases import ASK, CASES, GOOD, RESULT, TELL, TOOLS, TWO, WITH_CALL
from tests.malformed import good_record
from tests.strategies import conversations, texts


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good, bad and unreadable records in one file."""
    rng = random.Random(3)
    good = [good_record(rng)["messages"] for _ in range(60)]
    bad = [broken for broken, _, _ in CASES.values() if isinstance(broken, list) and all(isinstance(m.get("content"), str) for m in broken)]
    records = [*good, *bad, *CONVERSATIONS.values(), *good[:3], "{'python': True}", "", '{"messages": [\n{"role": "user"}]}']
    rng.shuffle(records)
    return write(tmp_path_factory.mktemp("check") / "mixed.jsonl", *records)


# The same as lint -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipe", ["glm4", "glm4@dfe4601", "glm4-combine@dfe4601", "glm4v@dfe4601", "llamafactory", "xtuner-split", "trl", "torchtune"]
)
@pytest.mark.parametrize("max_length", [None, 30])
def test_check_finds_what_lint_finds(mixed: Path, recipe: str, max_length: int | None) -> None:
    by_place = {checked.place.record: checked.findings for checked in found(mixed, recipe=recipe, max_length=max_length)}
    for index, record in enumerate(glm4viz.read_conversations(mixed)):
        findings = [f for f in by_place.get(index, []) if f.rule not in BESIDE_OTHERS]
        if isinstance(record, glm4viz.Conversation):
            assert findings == glm4viz.lint(record, recipe, max_length), record.messages
        else:
            assert [f.rule for f in findings] == ["unreadable-record"]


@pytest.mark.slow
@given(st.lists(conversations, min_size=1, max_size=4), st.sampled_from(["glm4", "glm4@dfe4601"]), st.sampled_from([None, 9, 25]))
def test_check_finds_what_lint_finds_in_anything(records: list[Messages], recipe: str, max_length: int | None) -> None:
    lines = "\n".join(json.dumps({"messages": messages}, ensure_ascii=bool(len(messages) % 2)) for messages in records)
    got = {c.place.record: c.findings for c in examine(Chunk("", lines.encode()), Settings(recipe, max_length)).checked}
    assert [got.get(i, []) for i in range(len(records))] == [glm4viz.lint(messages, recipe, max_length) for messages in records]


@given(texts, texts, st.sampled_from(["glm4", "glm4@dfe4601"]))
def test_a_glance_never_calls_a_bad_text_clean(question: str, answer: str, recipe: str) -> None:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    checked = examine(Chunk("", json.dumps({"messages": messages}, ensure_ascii=False).encode()), Settings(recipe)).checked
    assert [f for c in checked for f in c.findings] == glm4viz.lint(messages, recipe)


@pytest.mark.slow
def test_pieces_and_workers_change_nothing(mixed: Path) -> None:
    whole = found(mixed)
    assert len(list(chunks_of(mixed, 2000))) > 5
    assert found(mixed, size=2000) == whole
    assert found(mixed, workers=2, size=2000) == whole


BESIDE_OTHERS = ("duplicate-record", "same-question-other-answer", "answer-to-another-question")


def test_lines_and_records_are_numbered_as_in_the_file(mixed: Path) -> None:
    records = list(glm4viz.read_conversations(mixed))
    for checked in found(mixed, size=2000):
        assert checked.place.line == records[checked.place.record].line


def test_files_that_are_not_lines_are_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"messages": GOOD}, {"messages": TWO[:3]}], indent=1), "utf-8")
    assert [f.rule for checked in found(path) for f in checked.findings] == ["ends-with-user"]


# Duplicates -----------------------------------------------------------------------------------------------------------


def test_duplicates_are_found_over_files_and_name_the_first(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", GOOD, TWO)
    again = [{"content": m["content"], "role": m["role"]} for m in GOOD]  # the order of keys doesn't matter
    second = write(tmp_path / "b.jsonl", WITH_CALL, again, WITH_CALL)
    pieces = check_files([first, second], Settings("glm4"), 1)
    texts = [(c.place.line, f.rule, f.text) for piece in pieces for c in piece.checked for f in c.findings]
    assert [(line, rule) for line, rule, _ in texts] == [(2, "duplicate-record"), (3, "duplicate-record")]
    assert "line 1 (" in texts[0][2]
    assert "a.jsonl" in texts[0][2]
    assert "line 1." in texts[1][2]


def test_texts_on_both_sides_of_a_border_are_no_duplicates() -> None:
    one = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]
    other = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "bc"}]
    assert fingerprint(one) != fingerprint(other)


def test_seen_remembers_all_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glm4viz.check.duplicates._RECENT", 50)
    seen, rng = Seen(), random.Random(0)
    numbers = [rng.getrandbits(64) for _ in range(2000)]
    for start in range(0, 2000, 30):
        assert seen.add(numbers[start : start + 30], range(start, 2000)[:30]) == []
    assert seen.add(numbers, range(5000, 7000)) == [(n, n) for n in range(2000)]
    assert sum(a.nbytes for a in seen._hashes) + sum(a.nbytes for a in seen._places) <= 12 * 2000


# The command ----------------------------------------------------------------------------------------------------------


def test_exit_status_is_for_ci(tmp_path: Path) -> None:
    good, warned, bad = (write(tmp_path / name, r) for name, r in (("g.jsonl", GOOD), ("w.jsonl", TWO[:3]), ("b.jsonl", TWO[:1])))
    assert run(good).exit_code == 0
    assert run(warned).exit_code == 0
    assert run(warned, "--fail-on", "warning").exit_code == 1
    assert run(good, bad).exit_code == 1
    assert run(good, "--max-length", "9").exit_code == 1
    assert run(tmp_path / "none.jsonl").exit_code == run(good, "--recipe", "x").exit_code == run(good, "--fail-on", "x").exit_code == 2


def test_json_has_each_finding_and_a_summary(mixed: Path) -> None:
    lines = [json.loads(line) for line in run(mixed, "--json").stdout.splitlines()]
    *findings, summary = lines
    assert summary["records"] == len(list(glm4viz.read_conversations(mixed)))
    assert sum(summary["rules"].values()) == sum(summary["summary"].values()) == len(findings)
    assert {"file", "line", "record", "rule", "severity", "message_index", "token_range", "text"} == set(findings[0])


def test_people_see_counts_places_and_words(mixed: Path) -> None:
    result = run(mixed, "--lang", "zh")
    assert "unreadable-record" in result.stdout
    assert f"{mixed}:" in result.stdout.replace("\n", "")
    assert "✗ 错误" in result.stdout
    assert "没有发现问题" in run(write(mixed.with_name("good.jsonl"), GOOD), "--lang", "zh").stdout


def test_data_can_not_steer_the_terminal(tmp_path: Path) -> None:
    name = "\x1b[31m[bold]x"
    path = write(tmp_path / "a.jsonl", [TOOLS, ASK, {"role": "assistant", "metadata": name, "content": "{}"}, RESULT, TELL])
    result = run(path)
    assert "undeclared-function" in result.stdout
    assert "\x1b[31m[bold]" not in result.stdout
    assert "[bold]x" in result.stdout


def test_page_is_escaped_and_forbids_everything(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    data, page = (
        write(tmp_path / "a.jsonl", [TOOLS, ASK, {"role": "assistant", "metadata": evil, "content": "{}"}, RESULT, TELL]),
        tmp_path / "o.html",
    )
    assert run(data, "--html", page).exit_code == 1
    html = page.read_text("utf-8")
    assert "&lt;script&gt;" in html
    assert not re.search(r"<(script|img|link|iframe|a)\b", html)
    assert re.search(r"content=\"default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'\"", html)
    assert run(data, "--html", tmp_path / "no" / "o.html").exit_code == 2


# Recipes --------------------------------------------------------------------------------------------------------------


def test_a_training_config_gives_recipe_and_limit(tmp_path: Path) -> None:
    data, config = write(tmp_path / "a.jsonl", GOOD, TWO), tmp_path / "lora.yaml"
    config.write_text("template: glm4\nstage: sft\ncutoff_len: 10\n", "utf-8")
    result, page = run(data, "--config", config, "--json", "--html", tmp_path / "o.html"), tmp_path / "o.html"
    given_both = run(data, "--recipe", "llamafactory", "--max-length", "10", "--json")
    assert result.exit_code == given_both.exit_code == 1
    assert result.stdout == given_both.stdout
    assert "--recipe llamafactory --max-length 10" in page.read_text("utf-8")
    for more, said in ((("--recipe", "glm4"), "glm4 was chosen"), (("--max-length", "900"), "900 was chosen")):
        overruled = run(data, "--config", config, *more, "--json")
        finding = json.loads(overruled.stdout.splitlines()[0])
        assert (overruled.exit_code, finding["rule"], finding["file"], finding["record"]) == (0, "config-not-followed", str(config), None)
        assert said in finding["text"]
    config.write_text("what: is this\n", "utf-8")
    assert run(data, "--config", config).exit_code == 2


@pytest.mark.slow
def test_a_recipe_of_one_s_own_is_checked_in_any_process(mixed: Path) -> None:
    own = glm4viz.CustomRecipe(turns="last", stop="none").recipe().id
    whole = found(mixed, recipe=own)
    assert "stop-not-trained" in {finding.rule for checked in whole for finding in checked.findings}
    assert found(mixed, workers=2, size=2000, recipe=own) == whole
    assert run(mixed, "--recipe", own, "--json").exit_code == 1
    assert run(mixed, "--recipe", "custom:x").exit_code == 2


def test_help_names_what_is_optional() -> None:
    said = re.sub(r"\x1b\[[0-9;]*m", "", CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "200"}).stdout)
    assert all(option in said for option in ("--config", "--near-duplicates", "--near-threshold", "--loss-outliers", "MODEL"))
    assert run("x", "--near-threshold", "0.3").exit_code == 2
