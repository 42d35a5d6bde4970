"""The names of the options that each framework knows, so that a misspelt one is told from one that changes no label.

`options.json` has them as the frameworks' own classes declare them: LLaMA-Factory ff6d4d1, ms-swift 3602360, Axolotl 067b021 and TRL
f2cd577, each with the names that older versions had, and under "trainer" those of transformers' Seq2SeqTrainingArguments (5.23.0), which
the others take too.
"""

import json
from difflib import get_close_matches
from functools import cache
from pathlib import Path


@cache
def _options() -> dict[str, frozenset[str]]:
    names = json.loads(Path(__file__).with_name("options.json").read_text("utf-8"))
    return {system: frozenset(words.split()) for system, words in names.items()}


def is_option(system: str, key: str) -> bool:
    """Whether the framework has an option of this name; yes of any, where its options aren't listed."""
    return system not in _options() or key in _options()[system] or key in _options()["trainer"]


def nearest_option(system: str, key: str) -> str:
    """The option whose name is most like this one, "" if none is."""
    return next(iter(get_close_matches(key, [*_options()[system], *_options()["trainer"]], 1, 0.8)), "")
