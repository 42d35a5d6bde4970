"""The review loop: from a finding to its record and on, marks, pairs, rules left out, the cost of every limit, and what is exported."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from glm4viz.check.page import word
from glm4viz.linter import RULES
from glm4viz.locales import LANGUAGES, texts
from glm4viz.ui.dataset.pair import compare, sentences
from glm4viz.ui.dataset.report import ALL_RULES
from glm4viz.ui.i18n import plain
from tests.conftest import NewPage
from tests.ui.test_dataset_page import ROOT, asked, lines, records, said_at_top, uploaded


def said(at: AppTest) -> str:
    return "\n".join(element.value for element in (*at.markdown, *at.caption))


def with_faults() -> list[Any]:
    """Records 3 and 5 have no answer; 7 is 2 again; the others are clean."""
    made: list[Any] = [asked(n) for n in range(8)]
    made[2], made[4], made[6] = [{"role": "user", "content": "Where is it?"}], [{"role": "user", "content": "And when?"}], made[1]
    return made


def in_review(language: str = "en") -> AppTest:
    at = uploaded(lines(*with_faults()), language=language)
    at.segmented_control(key="dataset_order").set_value("file").run()
    at.number_input(key="dataset_open").set_value(3).run()
    at.button(key="dataset_open_go").click().run()
    return on(at, "inspect")


def on(at: AppTest, page: str) -> AppTest:
    """The page to which a button led: the tester doesn't follow by itself."""
    at.switch_page(f"pages/{page}.py").run()
    assert not at.exception
    return at


@pytest.mark.parametrize("language", LANGUAGES)
def test_from_one_finding_to_the_next_and_back(language: str) -> None:
    at, words = in_review(language), texts(language)
    assert words["review.record"].format(record=3, total=8) + words["review.line"].format(line=3) in said(at)
    seen = []
    while True:
        found = at.session_state["review"]
        seen.append((found.record, found.finding))
        assert at.text_area(key="paste").value == found.report.as_pasted(found.record)
        if at.button(key="review_next").disabled:
            break
        at.button(key="review_next").click().run()
        assert not at.exception
    assert {record for record, _ in seen} == {2, 4, 6}
    assert len(seen) == len(set(seen)) == len(at.session_state["review"].steps)
    at.button(key="review_previous").click().run()
    found = at.session_state["review"]
    assert (found.record, found.finding) == seen[-2]
    assert plain(ALL_RULES[int(found.report["rule"][found.finding])].mend[language]) in said(at)
    at.button(key="review_back").click().run()
    on(at, "dataset")
    assert at.segmented_control(key="dataset_order").value == "file"
    assert records(at) == [3, 5, 7]


def test_back_computes_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    at = in_review()
    monkeypatch.setattr("glm4viz.ui.dataset.run.run", lambda *_: pytest.fail("checked again"))
    at.button(key="review_back").click().run()
    on(at, "dataset")
    assert records(at) == [3, 5, 7]


def test_marks_stay_through_an_unreadable_record_and_are_counted() -> None:
    at = uploaded(lines(*with_faults()) + b"\n{broken\n")
    at.number_input(key="dataset_open").set_value(9).run()
    at.button(key="dataset_open_go").click().run()
    on(at, "inspect")
    at.button(key="review_drop").click().run()
    at.button(key="review_back").click().run()
    on(at, "dataset")
    assert texts("en")["review.marks.about"].format(keep=0, drop=1) in said(at)
    at.button(key="review_undo_all").click().run()
    assert texts("en")["review.marks.about"].format(keep=0, drop=0) in said(at)


def test_all_of_a_rule_go_but_those_that_are_kept_and_undo_brings_them_back() -> None:
    at = in_review()
    at.button(key="review_keep").click().run()
    at.button(key="review_back").click().run()
    on(at, "dataset")
    at.session_state["dataset_findings"] = {
        "selection": {"rows": [list(at.dataframe[0].value.iloc[:, 1]).index(RULES["ends-with-user"].title["en"])]}
    }
    at.run()
    at.button(key="review_drop_rule").click().run()
    assert texts("en")["review.marks.about"].format(keep=1, drop=1) in said(at)
    at.button(key="review_undo").click().run()
    assert texts("en")["review.marks.about"].format(keep=1, drop=0) in said(at)


def test_a_copy_is_shown_beside_its_first() -> None:
    at = in_review()
    while at.session_state["review"].record != 6:
        at.button(key="review_next").click().run()
    assert texts("en")["review.pair"].format(record=7, other=2) in said(at)
    assert texts("en")["review.pair.same"] in said(at)
    at.button(key="review_drop_other").click().run()
    at.button(key="review_back").click().run()
    on(at, "dataset")
    assert texts("en")["review.marks.about"].format(keep=0, drop=1) in said(at)


def test_near_duplicates_are_looked_for_on_request_and_differ_where_they_differ() -> None:
    long = " ".join(f"River {n} flows to the sea and is {n} km long." for n in range(40))
    first = [{"role": "user", "content": "Tell me of rivers."}, {"role": "assistant", "content": long}]
    second = [first[0], {"role": "assistant", "content": long.replace("River 7 flows", "River 7 **runs**")}]
    at = uploaded(lines(first, asked(1), second))
    near = RULES["near-duplicate-record"].title["en"]
    assert near not in set(at.dataframe[0].value.iloc[:, 1])
    at.toggle(key="dataset_near").set_value(True).run()
    rules = list(at.dataframe[0].value.iloc[:, 1])
    at.session_state["dataset_findings"] = {"selection": {"rows": [rules.index(near)]}}
    at.run()
    assert records(at) == [3]
    at.number_input(key="dataset_open").set_value(3).run()
    at.button(key="dataset_open_go").click().run()
    on(at, "inspect")
    changed = [line for line in at.code[-1].value.split("\n") if line[0] in "+-"]
    assert changed == ["-River 7 flows to the sea and is 7 km long.", "+River 7 **runs** to the sea and is 7 km long."]


def test_the_diff_says_when_it_is_not_of_all() -> None:
    assert compare(["a"], ["a"]) == ([], False)
    assert compare(["a"] * 500, ["a"])[1]
    assert sentences(object()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_rules_left_out_are_said_and_nothing_is_green_for_it(language: str) -> None:
    at = uploaded(lines(*with_faults()), language=language)
    found = [id for id, rule in RULES.items() if rule.title[language] in set(at.dataframe[0].value.iloc[:, 1])]
    at.multiselect(key="dataset_ignore").set_value(found).run()
    assert not at.exception
    assert not at.success
    assert said_at_top(at) == ("info", word("only_ignored", language))
    assert any(plain(found[0]) in box.value for box in at.warning)
    table = at.dataframe[-1].value
    assert [table.iloc[n - 1, 2] for n in (3, 5, 7)] == ["–"] * 3, "not called clean"
    at.multiselect(key="dataset_ignore").set_value([]).run()
    assert records(at) == [3, 5, 7]


def test_rules_to_leave_out_are_taken_from_the_address() -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["dataset_ignore"] = "null-metadata,no such rule,ends-with-user"
    at.switch_page("pages/dataset.py").run()
    assert at.multiselect(key="dataset_ignore").value == ["null-metadata", "ends-with-user"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_every_limit_costs_of_the_whole_file(language: str) -> None:
    at, words = uploaded(lines(*with_faults()), language=language), texts(language)
    at.session_state["dataset_limits"] = True
    at.run()
    assert not at.exception
    longest = max(at.dataframe[-1].value.iloc[:, -2].max(), 0)
    assert words["limits.none_lost"].format(limit="1,025") in [box.value for box in at.success]
    at.number_input(key="max_length").set_value(10).run()
    at.session_state["dataset_limits"] = True
    at.run()
    boxes = [box.value for box in at.warning]
    assert any(box.startswith(words["limits.lost"].split("{")[0] + "10") and "6 (100.0%)" in box for box in boxes), boxes
    assert longest


# In a browser ---------------------------------------------------------------------------------------------------------


def test_the_whole_loop(new_page: NewPage, address: str, tmp_path: Path) -> None:
    path = tmp_path / "loop.jsonl"
    rows = [{"id": n, "messages": messages, "source": "été"} for n, messages in enumerate(with_faults())]
    given = [json.dumps(row, ensure_ascii=n % 2 == 0, indent=None) for n, row in enumerate(rows)]
    path.write_text("\n".join(given) + "\n", "utf-8")
    page = new_page(viewport={"width": 1400, "height": 1400}, accept_downloads=True)
    page.goto(f"{address}dataset?language=en")
    page.locator(".st-key-dataset_source").get_by_text("Upload").click()
    page.locator(".st-key-dataset_upload input[type=file]").set_input_files(path)
    expect(page.get_by_text("3 records.")).to_be_visible()
    page.locator(".st-key-dataset_order").get_by_text("As in the file").click()
    page.locator(".st-key-dataset_search input").fill("where is it")
    page.locator(".st-key-dataset_search input").press("Enter")
    expect(page.get_by_text("1 records.")).to_be_visible()
    page.locator(".st-key-dataset_search input").fill("")
    page.locator(".st-key-dataset_search input").press("Enter")
    expect(page.get_by_text("3 records.")).to_be_visible()
    page.locator("[class*='st-key-dataset_records_'] canvas").first.click(position={"x": 20, "y": 35 * 1.5}, force=True)
    expect(page.get_by_text("loop.jsonl · record 3 of 8, line 3")).to_be_visible()
    expect(page.locator(".lit").first).to_be_visible()
    while page.get_by_text("record 3 of 8").count():
        before = page.locator(".st-key-review p", has_text=" of ").last.inner_text()
        page.locator(".st-key-review_next button").click()
        expect(page.locator(".st-key-review p", has_text=" of ").last).not_to_have_text(before)
    expect(page.get_by_text("record 5 of 8, line 5")).to_be_visible()
    page.locator(".st-key-review_drop button").first.click()
    expect(page.get_by_text("0 marked to keep, 1 to drop")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("3 records.")).to_be_visible()
    expect(page.locator(".st-key-dataset_order [aria-checked=true], .st-key-dataset_order [kind*=Active]")).to_have_text("As in the file")
    with page.expect_download() as kept:
        page.locator(".st-key-review_export button").first.click()
    assert Path(kept.value.path()).read_text("utf-8").splitlines() == [line for n, line in enumerate(given) if n != 4]
    with page.expect_download() as left:
        page.locator(".st-key-review_export_dropped button").first.click()
    (row,) = map(json.loads, Path(left.value.path()).read_text("utf-8").splitlines())
    assert (row["record"], row["line"], row["raw"]) == (4, 5, given[4])


def test_rules_to_leave_out_stand_in_the_address(new_page: NewPage, address: str) -> None:
    page = new_page()
    page.goto(f"{address}dataset?language=en&dataset_sample=11-broken.jsonl&dataset_ignore=null-metadata")
    expect(page.get_by_text(re.compile(r"Left out: [12] findings of rules that are switched off \(null-metadata\)"))).to_be_visible()
    page.locator(".st-key-dataset_near label").first.click()
    expect(page).to_have_url(re.compile("dataset_ignore=null-metadata.*dataset_near=1"))
