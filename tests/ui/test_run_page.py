"""The page Your run, and what the other pages make of a capture."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.locales import LANGUAGES, texts
from glm4viz.run.file import HEAD
from glm4viz.ui.run.source import EXAMPLE
from glm4viz.ui.samples import sample_bytes
from tests.conftest import NewPage
from tests.ui.test_app import GOOD, app, said
from tests.view import expect_accessible

EN = texts("en")
CHATML = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"


def run_page(language: str = "en") -> AppTest:
    at = app(language)
    at.switch_page("pages/run.py").run()
    assert not at.exception
    return at


def dropped(data: bytes, name: str = "run.glm4viz.json.gz") -> AppTest:
    at = run_page()
    at.file_uploader(key="run_upload").set_value((name, data, "application/gzip")).run()
    assert not at.exception
    return at


def capture_of(samples: list[Any], folder: Path) -> bytes:
    glm4viz.save_capture(samples, folder / "made.glm4viz.json.gz")
    return (folder / "made.glm4viz.json.gz").read_bytes()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A capture in which nothing is wrong."""
    return capture_of([glm4viz.label(json.loads(GOOD)["messages"])], tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A capture of ChatML, in a vocabulary that isn't GLM's."""
    names = ["<|im_start|>", "<|im_end|>"]
    letters = sorted(set(CHATML))
    tok = glm4viz.Tokenizer(
        name="letters",
        vocabulary={i: letter.encode() for i, letter in enumerate(letters)},
        encoder=lambda _: pytest.fail("nothing is encoded"),
        special_ids={name: len(letters) + i for i, name in enumerate(names)},
    )
    ids: list[int] = []
    for part in re.split(r"(<\|im_\w+\|>)", CHATML):
        ids += [tok.special_ids[part]] if part in names else map(letters.index, part)
    answer = len(ids) - len("Hello") - 2  # with its end and the newline behind it
    labels = [[-100] * answer + ids[answer:-1] + [-100]]
    return capture_of(glm4viz.from_batch({"input_ids": [ids], "labels": labels}, tok), tmp_path_factory.mktemp("foreign"))


# The page itself ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_is_on_screen_before_any_click(language: str) -> None:
    at, here = run_page(language), texts(language)
    samples = glm4viz.read_capture(sample_bytes(EXAMPLE))
    assert here["run.example"] in said(at)
    values = [metric.value for metric in at.metric]
    trained, tokens = sum(int(sample.trained.sum()) for sample in samples), sum(map(len, samples))
    assert here["verdict.trained.value"].format(trained=trained, tokens=tokens) in values
    table = at.dataframe[0].value
    assert table[here["run.column.tokens"]].tolist() == list(map(len, samples))
    assert at.code[0].value.startswith("import glm4viz")


def test_the_example_s_three_faults_are_said_in_words_and_stand_in_their_rows() -> None:
    at = run_page()
    found = at.dataframe[0].value[EN["run.column.found"]].tolist()
    assert found[0] == "✓"
    assert [bool(re.search("stop", text)) for text in found] == [False, True, False, True]
    assert "System text" in found[2]
    assert "System text is trained" in said(at).replace("\\", "")
    assert at.selectbox(key="run_row").value == 2  # the first with the worst fault
    at.selectbox(key="run_row").set_value(1).run()
    assert EN["run.tokens"].format(number=2) in [heading.value for heading in at.subheader]


def test_a_capture_that_is_dropped_is_shown_and_goes_along(clean: bytes) -> None:
    at = dropped(clean, "mine.glm4viz.json.gz")
    assert EN["run.good"] in said(at)
    assert "mine.glm4viz.json.gz" in said(at)
    assert EN["run.example"] not in said(at)
    at.button(key="run_open_inspect").click().run()
    assert not at.exception
    assert at.segmented_control(key="source").value == "upload"
    assert at.selectbox(key="recipe").value == "captured"
    sample = glm4viz.label(json.loads(GOOD)["messages"])
    assert at.metric[0].value == f"{sample.trained.sum()} of {len(sample)}"
    at.switch_page("pages/run.py").run()
    assert "mine" in said(at)
    assert EN["run.example"] not in said(at)


def _bomb() -> bytes:
    return gzip.compress(HEAD + b"1," + b" " * (80 << 20), 9)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x00\x01nothing", "is not a capture"),
        (b'{"a": 1}', "is not a capture"),
        (sample_bytes(EXAMPLE)[:700], "damaged"),
        (_bomb(), "unpacks to more than"),
        (gzip.compress(HEAD + b"1}"), "damaged"),
        (gzip.compress(HEAD + b"99}"), "version 99"),
    ],
    ids=["bytes", "json", "truncated", "bomb", "empty", "version"],
)
def test_a_wrong_file_gets_a_sentence_that_helps(data: bytes, sentence: str) -> None:
    at = dropped(data)
    assert sentence in at.error[0].value.replace("\\", "")
    assert not at.dataframe
    assert at.code  # the lines that write a right one


@pytest.mark.parametrize("page", ["inspect", "dataset"])
def test_conversations_are_offered_where_they_can_be_opened(page: str) -> None:
    at = dropped(f"{GOOD}\n{GOOD}\n".encode(), "data.jsonl")
    assert "data.jsonl" in at.warning[0].value.replace("\\", "")
    at.button(key=f"run_other_{page}").click().run()
    assert not at.exception
    if page == "inspect":
        assert at.segmented_control(key="source").value == "upload"
        assert at.selectbox(key="recipe").value == "glm4"
    else:
        assert at.segmented_control(key="dataset_source").value == "upload"
        assert "data.jsonl" in [code.value for code in at.code]


# The other pages ------------------------------------------------------------------------------------------------------


def uploaded(data: bytes, page: str = "inspect", **query: str) -> AppTest:
    at = AppTest.from_file(str(Path(__file__).parents[2] / "app.py"), default_timeout=60)
    for name, value in {"language": "en", "source": "upload", **query}.items():
        at.query_params[name] = value
    at.run()
    if page != "inspect":
        at.switch_page(f"pages/{page}.py").run()
        at.segmented_control(key="source").set_value("upload").run()
    at.file_uploader(key="upload").set_value(("run.glm4viz.json.gz", data, "application/gzip")).run()
    assert not at.exception
    return at


def test_inspect_takes_what_the_run_fed_by_default_and_any_recipe_on_request() -> None:
    at = uploaded(sample_bytes(EXAMPLE), record="2")
    box = at.selectbox(key="recipe")
    assert box.value == "captured"
    assert box.options[0] == EN["recipe.captured"]
    sample = glm4viz.read_capture(sample_bytes(EXAMPLE))[2]
    assert at.metric[0].value == f"{sample.trained.sum()} of {len(sample)}"
    assert EN["verdict.others"].partition("{")[0] in said(at)
    box.set_value("glm4").run()
    assert not at.exception
    made = glm4viz.label(sample.messages, max_length=1025)
    assert at.metric[0].value == f"{made.trained.sum()} of {len(made)}"


def test_the_recipe_from_before_comes_back_with_another_file() -> None:
    at = uploaded(sample_bytes(EXAMPLE), recipe="trl")
    assert at.selectbox(key="recipe").value == "captured"
    at.segmented_control(key="source").set_value("sample").run()
    assert not at.exception
    assert at.selectbox(key="recipe").value == "trl"


@pytest.mark.parametrize("page", ["inspect", "compare", "batch", "loss", "walkthrough", "recipes", "dataset"])
def test_captured_in_an_address_without_a_capture_is_passed_over(page: str) -> None:
    at = AppTest.from_file(str(Path(__file__).parents[2] / "app.py"), default_timeout=60)
    for name, value in {"language": "en", "recipe": "captured", "compare_recipes": "captured,glm4,trl"}.items():
        at.query_params[name] = value
    at.run().switch_page(f"pages/{page}.py").run()
    assert not at.exception
    assert "captured" not in "".join(error.value for error in at.error)


def test_compare_says_where_the_run_leaves_what_the_recipe_promises() -> None:
    at = uploaded(sample_bytes(EXAMPLE), "compare", record="2")
    assert at.multiselect(key="compare_recipes").value == ["captured", "glm4"]
    assert re.search("captured.*trains the system text", said(at))
    at.segmented_control(key="source").set_value("sample").run()
    assert not at.exception
    assert "captured" not in at.multiselect(key="compare_recipes").value


def test_batch_has_the_rows_of_the_run() -> None:
    at = uploaded(sample_bytes(EXAMPLE), "batch")
    assert at.segmented_control(key="batch_side").value == "fed"
    samples = glm4viz.read_capture(sample_bytes(EXAMPLE))
    width = max(len(sample) + sum(sample.padding) for sample in samples)
    assert EN["batch.shape.value"].format(rows=4, width=width) in [metric.value for metric in at.metric]
    at.selectbox(key="batch_open").set_value(3).run()
    at.button(key="batch_open_go").click().run()
    assert not at.exception
    assert at.selectbox(key="record").value == 3
    assert at.selectbox(key="recipe").value == "captured"


@pytest.mark.parametrize("page", ["inspect", "compare", "batch"])
def test_another_vocabulary_is_shown_wherever_no_model_is_asked(page: str, foreign: bytes) -> None:
    at = uploaded(foreign, page)
    assert not at.exception
    assert not at.error
    assert at.metric or at.dataframe


def test_loss_needs_the_vocabulary_of_the_run(foreign: bytes) -> None:
    at = uploaded(sample_bytes(EXAMPLE), "loss")
    assert not at.error
    at = uploaded(foreign, "loss")
    assert "in the vocabulary of letters" in at.error[0].value


# In a browser ---------------------------------------------------------------------------------------------------------


def test_drop_a_capture_see_the_verdict_and_open_it_in_inspect(new_page: NewPage, address: str, tmp_path: Path) -> None:
    page = new_page(viewport={"width": 1400, "height": 2400})  # scrolling would shut the list of sequences
    samples = glm4viz.read_capture(sample_bytes(EXAMPLE))[::-1]
    page.goto(f"{address}run?language=en")
    expect(page.get_by_text("This is an example")).to_be_visible()
    view = page.get_by_test_id("token-view")
    expect(view).to_be_visible()
    box = page.locator(".st-key-run_upload")
    data = capture_of(list(samples), tmp_path)
    box.locator("input[type=file]").set_input_files({"name": "mine.glm4viz.json.gz", "mimeType": "application/gzip", "buffer": data})
    expect(box).to_contain_text("mine.glm4viz.json.gz")
    expect(page.get_by_text("This is an example")).to_have_count(0)
    expect(page.locator(".st-key-run_findings")).to_contain_text("System text is trained")
    expect(view).to_have_attribute("data-tokens", str(len(samples[1])))
    page.get_by_role("combobox", name="Sequence").fill("Can you")
    page.get_by_role("option", name=re.compile("Can you recommend")).click()
    expect(view).to_have_attribute("data-tokens", str(len(samples[2])))
    page.get_by_role("button", name="Open in Inspect").click()
    expect(page.get_by_role("combobox", name="Recipe")).to_have_value(EN["recipe.captured"])
    expect(page.get_by_test_id("token-view")).to_have_attribute("data-tokens", str(len(samples[2])))
    expect(page).to_have_url(re.compile("recipe=captured"))


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(new_page: NewPage, address: str, scheme: str, width: int) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    page.goto(f"{address}run?language=zh")
    expect(page.get_by_test_id("token-view")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect_accessible(page)
