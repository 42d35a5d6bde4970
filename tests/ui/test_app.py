"""The app without a browser: what the pages say for good and bad input, in both languages."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.locales import LANGUAGES, texts
from glm4viz.ui.link import pack_conversation

ROOT = Path(__file__).parents[2]
GOOD = '{"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}]}'


def app(language: str = "en") -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["language"] = language
    return at.run()


def pasted(text: str, language: str = "en") -> AppTest:
    at = app(language)
    at.segmented_control(key="source").set_value("paste").run()
    at.text_area(key="paste").set_value(text).run()
    assert not at.exception
    return at


def in_the_box(at: AppTest) -> str:
    """The text that is pasted."""
    text = at.text_area(key="paste").value
    assert text is not None
    return text


def said(at: AppTest) -> str:
    texts = [element.value for kind in (at.error, at.warning, at.info, at.success, at.markdown, at.caption) for element in kind]
    return "\n".join(texts + [button.label for button in at.button])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_verdict_stands_there_before_any_click(language: str) -> None:
    at = app(language)
    assert not at.exception
    assert at.metric[0].label == texts(language)["verdict.trained"]
    assert texts(language)["verdict.good"] in said(at)


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "sample_data").iterdir()))
def test_every_sample_has_something_to_show(name: str) -> None:
    at = app()
    at.selectbox(key="sample").set_value(name).run()
    assert not at.exception
    assert at.metric
    assert at.get_by_key("token_table") is not None


def test_the_readme_s_tools_are_refused_and_shown() -> None:
    at = app()
    at.selectbox(key="sample").set_value("09-readme-tools.json").run()
    assert "KeyError" in at.error[0].value
    assert texts("en")["rejected.tools"] in said(at)
    assert at.metric


def test_the_numbers_are_the_library_s() -> None:
    at = pasted(GOOD)
    sample = glm4viz.label(json.loads(GOOD)["messages"])
    assert at.metric[0].value == f"{sample.trained.sum()} of {len(sample)}"


def test_the_limit_says_what_it_cuts() -> None:
    at = app()
    at.selectbox(key="sample").set_value("08-long-zh-en.json").run()
    assert texts("en")["turn.lost"] in said(at)
    at.number_input(key="max_length").set_value(3000).run()
    assert texts("en")["verdict.good"] in said(at)
    at.number_input(key="max_input_length").set_value(10).run()
    at.number_input(key="max_output_length").set_value(5).run()
    assert at.number_input(key="max_length").value == 16
    assert texts("en")["verdict.nothing"] in said(at)


NO_SYSTEM_MESSAGE = {"chatglm", "chatglm2", "internlm-alpaca"}


@pytest.mark.parametrize("recipe", list(glm4viz.recipes()))
def test_every_recipe_labels_or_says_why_not(recipe: str) -> None:
    at = app()
    at.selectbox(key="recipe").set_value(recipe).run()
    assert not at.exception
    if recipe in NO_SYSTEM_MESSAGE:
        assert texts("en")["rejected"] in at.error[0].value
        assert "has no place for this system message" in at.error[0].value
    else:
        assert at.metric[0].value.split(" of ")[0] != "0"


BAD = {
    "empty": ("", None),
    "python": ("{'messages': [{'role': 'user', 'content': open('x')}]}", None),
    "not json": ("hello", None),
    "unknown role": ('{"messages": [{"role": "bot", "content": "hi"}]}', None),
    "html": ('{"messages": [{"role": "<script>alert(1)</script>", "content": "![x](http://example.com/x.png)"}]}', None),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_a_sentence(name: str, language: str) -> None:
    at = pasted(BAD[name][0], language)
    assert at.error
    assert not at.metric
    assert texts(language)["read.none"] in said(at)
    assert in_the_box(at) == BAD[name][0]


def test_a_python_literal_is_read_and_said() -> None:
    at = pasted("{'messages': [{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'It is 5.', 'x': None}]}")
    assert not at.error
    assert at.metric
    assert "Python literal" in said(at)


def test_good_records_survive_bad_ones() -> None:
    at = pasted(f"{GOOD}\n{{'bad': 1}}\n{GOOD}")
    assert at.error
    assert at.metric
    assert len(at.selectbox(key="record").options) == 2


ODD: dict[str, Callable[[], list[dict[str, str]]]] = {
    "only a user": lambda: [{"role": "user", "content": "hi"}],
    "only a system": lambda: [{"role": "system", "content": "hi"}],
    "empty contents": lambda: [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    "emoji": lambda: [{"role": "user", "content": "👩‍🔬🏳️‍🌈"}, {"role": "assistant", "content": "مرحبا 龘"}],
    "a million characters": lambda: [{"role": "user", "content": "你好 hello 123\n" * 70_000}, {"role": "assistant", "content": "ok"}],
    "500 messages": lambda: [{"role": role, "content": "hi"} for _ in range(250) for role in ("user", "assistant")],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_conversations_are_shown(name: str) -> None:
    at = pasted(json.dumps({"messages": ODD[name]()}, ensure_ascii=False))
    assert at.metric
    assert not at.error or texts("en")["verdict.nothing"] in said(at)


def test_the_editor_changes_the_pasted_text() -> None:
    at = pasted(GOOD)
    at.session_state["editor"] = True
    at.run()
    field = next(area for area in at.text_area if str(area.key).startswith("editor_1_"))
    field.set_value("再见！").run()
    assert not at.exception
    assert json.loads(in_the_box(at))["messages"][1]["content"] == "再见！"
    at.button(key="editor_add").click().run()
    assert [m["role"] for m in json.loads(in_the_box(at))["messages"]] == ["user", "assistant", "user"]
    at.button(key="editor_reset").click().run()
    assert json.loads(in_the_box(at)) == json.loads(GOOD)


def test_a_link_with_a_conversation_shows_it() -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["language"] = "en"
    at.query_params["conversation"] = pack_conversation({"messages": [{"role": "user", "content": "linked"}]}) or ""
    at.run()
    assert "linked" in in_the_box(at)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["language"] = "en"
    at.query_params["conversation"] = "damaged"
    at.run()
    assert texts("en")["link.damaged"] in said(at)


def test_an_uploaded_file_goes_along_to_other_pages() -> None:
    at = app()
    at.segmented_control(key="source").set_value("upload").run()
    at.file_uploader(key="upload").set_value(("mine.jsonl", GOOD.encode(), "application/json")).run()
    assert not at.exception
    sample = glm4viz.label(json.loads(GOOD)["messages"])
    assert at.metric[0].value == f"{sample.trained.sum()} of {len(sample)}"
    at.switch_page("pages/compare.py").run()
    at.segmented_control(key="source").set_value("upload").run()
    assert not at.exception
    assert "mine" in said(at)
