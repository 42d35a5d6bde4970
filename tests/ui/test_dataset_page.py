"""The Dataset page: what it finds, filters, hands over to Inspect, and says of files that aren't datasets."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.check.page import rules_held, word
from glm4viz.conversation import Conversation
from glm4viz.linter import RULES, lint
from glm4viz.locales import LANGUAGES, texts
from glm4viz.readers import read_conversations
from glm4viz.readers.literal import PYTHON
from glm4viz.ui.dataset import run as dataset_run
from glm4viz.ui.i18n import plain
from tests.conftest import NewPage

ROOT = Path(__file__).parents[2]
SMALL, BROKEN = ROOT / "sample_data" / "13-dataset-small.jsonl", ROOT / "sample_data" / "11-broken.jsonl"


def opened(language: str = "en") -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["language"] = language
    at.switch_page("pages/dataset.py").run()
    assert not at.exception
    return at


def uploaded(data: bytes, name: str = "data.jsonl", language: str = "en") -> AppTest:
    at = opened(language)
    at.segmented_control(key="dataset_source").set_value("upload").run()
    at.file_uploader(key="dataset_upload").set_value((name, data, "application/octet-stream")).run()
    assert not at.exception
    return at


def broken(language: str = "en") -> AppTest:
    at = opened(language)
    at.selectbox(key="dataset_sample").set_value(BROKEN.name).run()
    assert not at.exception
    return at


def numbers(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def records(at: AppTest) -> list[int]:
    """Numbers of the records on screen."""
    found = [table.value for table in at.dataframe if str(table.key).startswith("dataset_records")]
    return [int(number) for table in found for number in table.iloc[:, 0]]


def about(count: int, recipe: str = "glm4", limit: int = 1025) -> dict[str, object]:
    return {"records": count, "recipe": recipe.replace("-", "\\-"), "limit": limit, "rules": rules_held(recipe)}


def said_at_top(at: AppTest) -> tuple[str, str]:
    """The last box of the headline: how it is coloured, and its sentence."""
    boxes: list[Any] = [element for element in at.main if element.type in ("success", "info", "warning", "error")]
    return boxes[-1].type, boxes[-1].value


def lines(*records: object) -> bytes:
    return "\n".join(json.dumps({"messages": record}, ensure_ascii=False) for record in records).encode()


def asked(n: int, **more: object) -> list[dict[str, object]]:
    return [{"role": "user", "content": f"Question {n}?", **more}, {"role": "assistant", "content": f"This is answer {n}.", **more}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fault_of_the_whole_file_is_said_once_and_fills_no_list(language: str) -> None:
    open_end = [{"role": "user", "content": "Where is it?"}]
    at = uploaded(lines(*(asked(n, metadata=None) for n in range(60)), open_end), language=language)
    boxes = [element.value for element in at.error]
    assert sum(plain(RULES["null-metadata"].title[language]) in box for box in boxes) == 1
    assert any("60" in box and "61" in box and "Parquet" in box for box in boxes)
    assert records(at) == [61]
    assert texts(language)["dataset.list.whole"] in [caption.value for caption in at.caption]
    assert at.dataframe[0].value.iloc[0, 1] == RULES["null-metadata"].title[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_refused_is_said_and_not_drawn(language: str) -> None:
    at = opened(language)
    at.selectbox(key="recipe").set_value("ms-swift").run()
    at.number_input(key="max_length").set_value(12).run()
    at.segmented_control(key="dataset_source").set_value("upload").run()
    data = lines(asked(1), [{"role": "user", "content": "long " * 40}, {"role": "assistant", "content": "yes."}], asked(2, content=None))
    at.file_uploader(key="dataset_upload").set_value(("data.jsonl", data, "")).run()
    assert not at.exception
    assert not at.success
    assert word("not_all", language, unread=0, refused=3) in [box.value for box in at.error]
    assert texts(language)["dataset.refused"].format(count=3) in [caption.value for caption in at.caption]


@pytest.mark.parametrize("language", LANGUAGES)
def test_hints_are_never_under_a_green_headline(language: str) -> None:
    hinted = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "```python\nprint(1)"}]
    assert {finding.severity for finding in lint(hinted)} == {"info"}
    at = uploaded(lines(asked(1), hinted), language=language)
    assert said_at_top(at) == ("info", texts(language)["dataset.verdict.hints"].format(**about(2), hints=1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_config_that_is_not_followed_is_never_green(language: str) -> None:
    at = opened(language)
    at.text_area(key="config_paste").set_value("template: glm4\nmax_length: 900\nloss_scale: hermes").run()
    at.button(key="config_use").click().run()
    assert not at.exception
    assert said_at_top(at) == ("warning", texts(language)["dataset.verdict.config"])
    assert any("loss\\_scale" in box.value and "hermes" in box.value for box in at.warning)
    at.switch_page("pages/inspect.py").run()
    assert not at.exception
    assert not at.success or texts(language)["verdict.good"] not in [box.value for box in at.success]
    at.switch_page("pages/dataset.py").run()
    at.selectbox(key="recipe").set_value("glm4").run()
    assert any("ms\\-swift" in box.value for box in at.warning), "another recipe than the config's"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_result_stands_there_before_any_click(language: str) -> None:
    at, words = opened(language), texts(language)
    conversations = [record for record in read_conversations(SMALL) if isinstance(record, Conversation)]
    batch = glm4viz.label_batch(conversations, max_length=1025)
    found = numbers(at)
    assert said_at_top(at) == ("success", words["dataset.verdict.good"].format(**about(len(conversations))))
    assert found[words["dataset.records"]] == str(len(conversations))
    assert found[words["dataset.tokens"]] == f"{len(batch.input_ids):,}"
    assert found[words["dataset.trained"]] == f"{(batch.labels != -100).mean():.1%}"
    assert len(records(at)) == 25


@pytest.mark.parametrize("language", LANGUAGES)
def test_findings_by_rule_are_the_linter_s(language: str) -> None:
    at = broken(language)
    table = at.dataframe[0].value
    expected: dict[str, int] = {}
    for record in read_conversations(BROKEN):
        rules = [f.rule for f in lint(record, max_length=1025)] if isinstance(record, Conversation) else ["unreadable-record"]
        # A Python literal is read, and said to be one.
        for rule in ["unreadable-record", *rules] if isinstance(record, Conversation) and PYTHON in record.notes else rules:
            expected[RULES[rule].title[language]] = expected.get(RULES[rule].title[language], 0) + 1
    assert dict(zip(table.iloc[:, 1], table.iloc[:, -1], strict=True)) == expected
    assert numbers(at)[texts(language)["dataset.readable"]] == "7"


def test_a_selected_rule_is_explained_and_filters() -> None:
    at = broken()
    at.session_state["dataset_findings"] = {
        "selection": {"rows": [list(at.dataframe[0].value.iloc[:, 1]).index(RULES["null-metadata"].title["en"])]}
    }
    at.run()
    said = "\n".join(element.value for element in at.markdown)
    assert "null\\-metadata" not in said
    assert "`null-metadata`" in said
    assert records(at) == [6]
    at.button(key="dataset_all_rules").click().run()
    assert len(records(at)) == 7


def test_filters_and_order() -> None:
    at = broken()
    at.button_group(key="dataset_severity").set_value(["warning"]).run()
    warned = [
        record.line
        for record in read_conversations(BROKEN)
        if isinstance(record, Conversation) and "warning" in {f.severity for f in lint(record)}
    ]
    assert sorted(records(at)) == warned
    at.button_group(key="dataset_severity").set_value(["error", "warning", "info"]).run()
    at.toggle(key="dataset_clean").set_value(True).run()
    assert len(records(at)) == 10
    at.segmented_control(key="dataset_order").set_value("file").run()
    assert records(at) == list(range(1, 11))
    at.text_input(key="dataset_search").set_value("TRAINING LOG").run()
    assert records(at) == [8]
    at.text_input(key="dataset_search").set_value("nowhere in it").run()
    assert records(at) == []
    assert texts("en")["dataset.list.none"] in [info.value for info in at.info]


def test_the_limit_is_the_one_of_the_other_pages() -> None:
    at = opened()
    at.number_input(key="max_length").set_value(20).run()
    assert RULES["answer-lost"].title["en"] in list(at.dataframe[0].value.iloc[:, 1])


@pytest.mark.parametrize("record", [2, 6])
def test_a_record_opens_in_inspect(record: int) -> None:
    at = broken()
    at.number_input(key="dataset_open").set_value(record).run()
    at.button(key="dataset_open_go").click().run()
    assert not at.exception
    line = BROKEN.read_text("utf-8").splitlines()[record - 1]
    assert at.session_state["source"] == "paste"
    pasted = at.text_area(key="paste").value
    assert pasted is not None
    if record == 2:  # not JSON: its text as it stands
        assert pasted == line
    else:
        assert json.loads(pasted) == json.loads(line)


def test_the_mended_file() -> None:
    at = broken()
    at.session_state["dataset_mended"] = True
    at.run()
    assert not at.exception
    changes = at.dataframe[-1].value
    assert changes.iloc[0, 0] == 2, "the Python literal is written as JSON"
    assert list(changes.iloc[1:, 2]) == [f"messages[{m}].{field}" for m in (0, 1) for field in ("metadata", "tools")]
    assert any("3 records" in warning.value for warning in at.warning)


BAD = {
    "empty.jsonl": b"",
    "picture.jsonl": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "zeros.json": b"\0\1\2\3" * 100,
    "text.jsonl": b"hello\n",
    "list.json": b"[1, 2, 3]",
    "cut.jsonl.gz": gzip.compress(SMALL.read_bytes())[:50],
    "table.csv": b"a,b\n1,2\n",
    "name.<script>.jsonl": b"{",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_a_sentence(name: str, language: str) -> None:
    at = uploaded(BAD[name], name, language)
    assert at.error[0].value
    assert texts(language)["read.none"] in [element.value for element in at.markdown]
    assert not at.metric


def test_an_upload_is_kept_and_can_be_removed() -> None:
    at = uploaded(BROKEN.read_bytes())
    assert numbers(at)["Records"] == "10"
    at.switch_page("pages/inspect.py").run()
    at.switch_page("pages/dataset.py").run()
    assert numbers(at)["Records"] == "10"
    at.button(key="dataset_forget").click().run()
    assert not at.metric
    assert at.session_state["dataset_file"] is None


@pytest.mark.parametrize("recipe", ["chatglm", "glm4", "custom"])
def test_a_large_file_is_checked_by_a_process_of_its_own(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened()
    at.selectbox(key="recipe").set_value(recipe).run()
    small = numbers(at)
    monkeypatch.setattr(dataset_run, "SMALL", 0)
    at.segmented_control(key="dataset_source").set_value("upload").run()
    at.file_uploader(key="dataset_upload").set_value(("data.jsonl", SMALL.read_bytes(), "")).run()
    assert not at.exception
    assert numbers(at) == small


# In a browser ---------------------------------------------------------------------------------------------------------


def test_upload_choose_a_rule_and_open_its_record(new_page: NewPage, address: str, tmp_path: Path) -> None:
    good = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    lines = [{"messages": [{"role": "user", "content": f"{n}"}, *good[1:]]} for n in range(60)]
    lines[41] = {"messages": [{"role": "user", "content": "the open question"}]}
    path = tmp_path / "upload.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    page = new_page(viewport={"width": 1400, "height": 1400})
    page.goto(f"{address}?language=en")
    page.get_by_role("link", name="Dataset").click()
    page.locator(".st-key-dataset_source").get_by_text("Upload").click()
    page.locator(".st-key-dataset_upload input[type=file]").set_input_files(path)
    expect(page.get_by_text("1 of 60 records have an error")).to_be_visible()
    _tick(page.locator(".st-key-dataset_findings canvas").first, 0)
    expect(page.get_by_role("button", name="All rules")).to_be_visible()
    expect(page.get_by_text("1 records.")).to_be_visible()
    _tick(page.locator("[class*='st-key-dataset_records_'] canvas").first, 0)
    expect(page.get_by_test_id("token-view")).to_contain_text("the open question")
    expect(page).to_have_url(re.compile("source=paste"))
    page.get_by_role("link", name="Dataset").click()
    expect(page.get_by_text("upload.jsonl")).to_be_visible()
    expect(page.get_by_role("button", name="All rules")).to_be_visible()


def _tick(canvas: Locator, row: int) -> None:
    """Ticks a row of a table, which is one picture to the browser."""
    canvas.click(position={"x": 20, "y": 35 * (row + 1.5)}, force=True)
