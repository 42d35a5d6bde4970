"""The report: nothing in it runs, text is text, it is bounded, and both languages say the same."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

import glm4viz
from glm4viz.linter.batch import lint_batch
from glm4viz.report.page import SHOWN, Batch, report
from glm4viz.report.tokens import HEAD, TAIL, tokens

EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)"> & "quotes" \x1b[31m'


def sample(answer: str = "你好 👋", question: str = "Hi", recipe: str = "glm4") -> Any:
    return glm4viz.label([{"role": "user", "content": question}, {"role": "assistant", "content": answer}], recipe)


def page(*samples: Any, name: str = "run.glm4viz.json.gz", language: str = "en") -> str:
    return report(Batch(name, samples, lint_batch(samples)), language)


class Seen(HTMLParser):
    """Tags, attributes, and the text that stands in tokens."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.trained = self.masked = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "b":
            self.trained += data
        if self.open and self.open[-1] == "i":
            self.masked += data


def test_text_of_the_data_stays_text() -> None:
    seen = Seen(page(sample(EVIL, EVIL), name=EVIL))
    assert not seen.tags & {"script", "img", "a", "link", "iframe", "object", "form"}
    assert not {name for name in seen.attributes if name.startswith("on")} | (seen.attributes & {"src", "href", "style"})
    assert '<script>alert(1)</script><img src=x onerror="alert(2)">' in seen.trained
    assert "\\x1b[31m" in seen.trained
    assert "\x1b" not in seen.trained


def test_its_policy_allows_its_own_style_and_nothing_else() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page(sample()))
    assert policy
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]


def test_trained_and_masked_differ_by_more_than_colour() -> None:
    seen = Seen(page(sample("ANSWER", "QUESTION")))
    assert "ANSWER" in seen.trained
    assert "QUESTION" in seen.masked
    assert "QUESTION" not in seen.trained
    assert "text-decoration:underline" in page(sample())


def test_characters_over_several_tokens_are_whole() -> None:
    shown = Seen(tokens(found := sample("👋龘"), 0, len(found)))
    assert "👋龘" in shown.trained
    assert "\ufffd" not in shown.trained


def test_a_long_sample_shows_head_and_tail_and_says_what_is_missing() -> None:
    long = sample("word " * 20_000)
    html = page(long)
    assert f"{len(long) - HEAD - TAIL:,} tokens are left out here" in html
    assert len(html) < 300_000
    many = page(*[sample()] * (SHOWN + 7))
    assert "7 more sequences are left out here" in many
    assert many.count("<details") == SHOWN


@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_languages_are_there_and_one_is_shown(language: str) -> None:
    html = page(sample(), language=language)
    assert html.count('<span lang="en">') == html.count('<span lang="zh">') > 10
    assert f'id="{language}" checked' in html
    assert html.count(" checked>") == 1


def test_what_the_linter_says_of_a_batch() -> None:
    good = sample()
    masked = glm4viz.label([{"role": "user", "content": "Hi"}])
    assert [finding.severity for finding in lint_batch([masked])] == ["error"]
    assert [(f.rule, f.severity, f.sequences) for f in lint_batch([good, masked])] == [("no-trained-token", "warning", (1,))]
    assert lint_batch([good]) == []
