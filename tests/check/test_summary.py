"""What check says of a whole: never green by mistake, a fault of the whole file once, what hurts most first, and what was checked."""

import json
from pathlib import Path
from typing import Any

import pytest

from glm4viz.check import Settings, check_files, summarise
from glm4viz.check.page import word
from glm4viz.check.summary import leave_out
from glm4viz.linter import RULES
from glm4viz.ui.dataset.report import ALL_RULES
from tests.check.files import run, write
from tests.ui.test_dataset_report import report_on

OPEN = [{"role": "user", "content": "Where is it?"}]
GREEN = {"en": "Nothing was found", "zh": "没有发现问题"}
CONFIG = "template: glm4\nmax_length: 900\n"


def asked(n: int, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": f"Question {n}?", **more}, {"role": "assistant", "content": f"This is answer {n}.", **more}]


def last(result: Any) -> Any:
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.jsonl", *(asked(n) for n in range(30)))


@pytest.mark.parametrize("lang", GREEN)
def test_nothing_is_green_that_is_not(lang: str, good: Path, tmp_path: Path) -> None:
    said = run(good, "--lang", lang).stdout
    assert GREEN[lang] in said
    assert all(part in said for part in ("✓", "30", "good.jsonl", "glm4", "1025"))
    empty, unread = write(tmp_path / "empty.jsonl"), write(tmp_path / "unread.jsonl", "{x", "{y")
    config = tmp_path / "swift.yaml"
    config.write_text(CONFIG + "loss_scale: hermes\n", "utf-8")
    for arguments in (
        (empty,),
        (unread,),
        (good, "--max-length", "5"),
        (good, "--recipe", "ms-swift", "--max-length", "5"),
        (write(tmp_path / "open.jsonl", OPEN),),
        (good, "--config", config),
        (good, "--config", config, "--recipe", "glm4"),
        (good, "--config", config, "--max-length", "100"),
    ):
        page = tmp_path / "page.html"
        said = run(*arguments, "--lang", lang, "--html", page).stdout
        assert GREEN[lang] not in said, arguments
        assert "✓" not in said, arguments
        assert GREEN[lang] not in page.read_text("utf-8"), arguments


def test_a_config_that_is_followed_is_green(good: Path, tmp_path: Path) -> None:
    config = tmp_path / "swift.yaml"
    config.write_text(CONFIG + "loss_scale: default\nlearning_rate: 1e-4\n", "utf-8")
    assert GREEN["en"] in run(good, "--config", config).stdout
    config.write_text(CONFIG + "loss_scale: hermes\n", "utf-8")
    assert run(good, "--config", config).exit_code == 0
    assert run(good, "--config", config, "--fail-on", "warning").exit_code == 1
    config.write_text(CONFIG + "los_scale: hermes\n", "utf-8")
    finding = json.loads(run(good, "--config", config, "--json").stdout.splitlines()[0])
    assert (finding["rule"], finding["severity"]) == ("config-remark", "info")
    assert "did you mean loss_scale" in finding["text"]


def test_the_limit_is_the_page_s_unless_another_is_named(good: Path) -> None:
    assert last(run(good, "--json"))["max_length"] == 1025
    assert last(run(good, "--json", "--max-length", "none"))["max_length"] is None
    assert last(run(good, "--json", "--recipe", "chatglm"))["max_length"] == [512, 512]


@pytest.mark.parametrize(("lang", "whole"), [("en", "The whole file (300 of 303 records)"), ("zh", "整个文件（303 条中的 300 条）")])
def test_a_fault_of_the_whole_file_is_said_once(lang: str, whole: str, tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", *(asked(n, metadata=None) for n in range(300)), OPEN, asked(1), asked(2))
    said, page = run(data, "--lang", lang, "--html", tmp_path / "o.html").stdout, (tmp_path / "o.html").read_text("utf-8")
    assert said.count(whole) == page.count(whole) == 1
    assert "Parquet" in said
    assert "a.jsonl:301" in said.replace("\n", "")
    assert "a.jsonl:1\n" not in said
    assert last(run(data, "--json"))["whole_file"] == [{"rule": "null-metadata", "severity": "error", "records": 300}]


def test_a_few_records_are_no_whole_file(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", *(asked(n, metadata=None) for n in range(19)))
    assert last(run(data, "--json"))["whole_file"] == []


def test_the_worst_are_ranked_without_the_whole_file_over_any_pieces(tmp_path: Path) -> None:
    records = [asked(n, metadata=None) for n in range(400)]
    for n in (7, 390):
        records[n] = OPEN
    data = write(tmp_path / "a.jsonl", *records)
    worst = [summarise(check_files([data], Settings("glm4"), 1, size)).worst for size in (1000, 10**6)]
    assert worst[0] == worst[1]
    assert [checked.place.record for checked in worst[0]] == [390, 7]


def test_rules_are_ordered_by_severity_then_by_the_trained_tokens_they_hurt(tmp_path: Path) -> None:
    # One long record is worse than three short ones of the same severity.
    long = [{"role": "user", "content": "Tell?"}, {"role": "assistant", "content": "word " * 300 + "end."}, *OPEN]
    short = [[*asked(n), {"role": "assistant", "content": f"And more of {n}."}] for n in range(3)]
    data = write(tmp_path / "a.jsonl", long, *short, *(asked(n) for n in range(40)))
    summary = summarise(check_files([data], Settings("glm4"), 1))
    found = summary.rules()
    keys = [(["error", "warning", "info"].index(one.severity), -one.hurt, -one.findings) for one in found]
    assert keys == sorted(keys)
    assert len({one.hurt for one in found}) > 1
    report = report_on(data, max_length=None)
    assert [ALL_RULES[one.rule].id for one in report.rules()] == [one.rule for one in found] == list(last(run(data, "--json"))["rules"])
    assert [one.hurt for one in report.rules()] == [one.hurt for one in found]
    assert summary.trained == int(report["trained"].sum())


def test_the_list_says_how_to_see_all(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", *([{"role": "user", "content": f"{n}?"}] for n in range(60)), *(asked(n) for n in range(60)))
    said = run(data, "--html", tmp_path / "o.html").stdout.replace("\n", " ")
    assert "20 of 60 records with findings are listed" in said
    assert "--json" in said
    assert "The first 50 of 60; glm4viz check --json lists all" in (tmp_path / "o.html").read_text("utf-8")
    assert all(rule.title for rule in RULES.values())


@pytest.mark.parametrize("lang", GREEN)
def test_rules_left_out_are_counted_and_make_nothing_green(lang: str, tmp_path: Path) -> None:
    path, page = write(tmp_path / "data.jsonl", asked(1), OPEN, asked(2)), tmp_path / "page.html"
    found = last(run(path, "--json"))["rules"]
    result = run(path, "--ignore", ",".join(found), "--lang", lang, "--html", page)
    assert result.exit_code == 0
    for said in (result.stdout, page.read_text("utf-8")):
        assert GREEN[lang] not in said
        assert "✓" not in said
        assert word("ignored", lang, count=sum(found.values()), rules=", ".join(sorted(found))) in said
    some = next(iter(found))
    told = last(run(path, "--json", "--ignore", some))
    assert told["ignored"] == {some: found[some]}
    assert told["rules"] == {rule: count for rule, count in found.items() if rule != some}
    summary = summarise(leave_out(check_files([path], Settings("glm4", 1025), 1), list(found)))
    assert (summary.bad_records, summary.spotless, summary.left_out) == (0, False, found)


def test_what_is_ignored_and_not_there_leaves_a_clean_file_clean(good: Path) -> None:
    assert GREEN["en"] in run(good, "--ignore", "null-metadata").stdout


def test_an_unknown_rule_is_told_with_those_that_are_close(good: Path) -> None:
    result = run(good, "--ignore", "over-long,nul-metadata")
    assert result.exit_code == 2
    assert "null-metadata" in result.stderr
