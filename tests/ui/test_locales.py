"""Both languages have every text, with the same placeholders, and every text is used."""

import json
import re
from pathlib import Path

import glm4viz
from glm4viz.locales import LANGUAGES, texts
from glm4viz.reading.reasons import REASONS

ROOT = Path(__file__).parents[2]


def test_both_languages_say_the_same_things() -> None:
    en, zh = texts("en"), texts("zh")
    assert en.keys() == zh.keys()
    for key, text in en.items():
        assert set(re.findall(r"{\w*}", text)) == set(re.findall(r"{\w*}", zh[key])), key


def test_a_key_stands_in_one_file_only() -> None:
    for language in LANGUAGES:
        files = sorted((ROOT / "glm4viz" / "locales" / language).glob("*.json"))
        keys = [key for path in files for key in json.loads(path.read_text("utf-8"))]
        assert len(keys) == len(set(keys)) == len(texts(language))


def test_no_text_is_left_over() -> None:
    code = "\n".join(path.read_text("utf-8") for folder in ("glm4viz", "pages") for path in (ROOT / folder).rglob("*.py"))
    code += (ROOT / "app.py").read_text("utf-8")
    for key in texts("en"):
        stem = key.rpartition(".")[0]
        assert f'"{key}"' in code or f'"{stem}.' in code or f"{stem}.{{" in code or stem in ("sample", "part", "role"), key


def test_rules_and_reasons_are_in_both_languages() -> None:
    for recipe in glm4viz.recipes().values():
        for text in (recipe.rule, recipe.max_length, *recipe.quirks):
            assert set(text) == set(LANGUAGES), recipe.id
    assert all(set(text) == set(LANGUAGES) for text in REASONS.values())
