"""The bundled vocabulary against a Hugging Face tokenizer and published ids; loading of other tokenizers, and refusals."""

import base64
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import glm4viz
from benchmarks.hf_tokenizer import hf_tokenizer
from glm4viz.errors import TokenizerError
from glm4viz.systems.registry import joined
from glm4viz.tokenizer import GLM4_SPECIALS, VOCABULARY_SIZE, Tokenizer, from_tokenizers_json
from tests.strategies import texts

TOK = glm4viz.load_tokenizer()
SAMPLES = sorted(path for path in (Path(__file__).parent.parent / "sample_data").iterdir() if path.suffix != ".gz")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("你好", [109377]),
        (" 王", [102322]),  # found as a whole; merging alone would give [10231, 236, 233]
        (" 参考资料", [99924]),
        (" 水", [104302]),
        ("hello", [14978]),
        ("Hello", [9703]),
        ("\n", [198]),
        ("\n\n", [271]),
        ("<think>", [13699, 766, 29]),
        ("也能看到", [102057, 99497]),
        ("", []),
    ],
)
def test_known_ids(text: str, ids: list[int]) -> None:
    assert TOK.encode(text) == ids


def test_specials_only_on_request() -> None:
    assert 151336 not in TOK.encode("<|user|>")
    assert TOK.encode("a<|user|>[gMASK]b", specials=True) == [64, 151336, 151331, 65]
    assert TOK.token_bytes(151336) == b"<|user|>"
    assert TOK.token_bytes(151554) == b"<|im_start|>"
    with pytest.raises(TokenizerError):
        TOK.token_bytes(151_400)


@pytest.mark.parametrize(
    ("mine", "reason"),
    [
        ({"<x>": 151_336}, "below 151552"),
        ({"<x>": 151_560}, "151560 is <|begin_of_text|>'s"),
        ({"</s>": 151_900}, "another recipe gives it 151553"),
        ({"<x>": 151_900, "<y>": 151_900}, "151900 is <x>'s"),
    ],
    ids=str,
)
def test_stand_ins_have_ids_of_their_own(mine: dict[str, int], reason: str) -> None:
    known = glm4viz.recipes()
    new = replace(known["glm4"], id="mine", stand_ins=mine)
    with pytest.raises(TokenizerError, match=rf"Recipe mine .*{re.escape(reason)}.* on are free") as caught:
        joined([*known.values(), new])
    assert caught.value.sentence("zh") != caught.value.sentence("en")


def test_glm45_has_more_specials() -> None:
    tok = glm4viz.load_tokenizer("glm-4.5")
    assert tok.encode("<think>", specials=True) == [151350]
    assert len(tok.special_ids) == 36
    assert len(TOK.special_ids) == 14


@given(texts)
@settings(max_examples=200)
@pytest.mark.slow
def test_ids_equal_hugging_face_s(text: str) -> None:
    assert TOK.encode(text, specials=True) == hf_tokenizer().encode(text, add_special_tokens=False).ids


def test_ids_equal_hugging_face_s_on_the_samples() -> None:
    for path in SAMPLES:
        text = path.read_text("utf-8")
        assert TOK.encode(text, specials=True) == hf_tokenizer().encode(text, add_special_tokens=False).ids, path.name


@given(texts)
def test_bytes_are_the_text(text: str) -> None:
    assert b"".join(map(TOK.token_bytes, TOK.encode(text))) == text.encode()


@pytest.mark.skipif("GLM4VIZ_KNOWN_IDS" not in os.environ, reason="GLM4VIZ_KNOWN_IDS names no directory with published ids")
def test_ids_that_others_published() -> None:
    path = Path(os.environ["GLM4VIZ_KNOWN_IDS"]) / "known_ids.jsonl"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert rows
    for row in rows:
        prefix = [151331, 151333] if row["with_prefix"] and not row["text"].startswith("[gMASK]<sop>") else []
        assert row["ids"] in [prefix + TOK.encode(row["text"]), prefix + TOK.encode(row["text"], specials=True)], row["text"]


# Other tokenizers -----------------------------------------------------------------------------------------------------


def model_file() -> bytes:
    return b"".join(base64.b64encode(TOK.token_bytes(i)) + b" %d\n" % i for i in range(VOCABULARY_SIZE))


def test_a_directory_with_a_tiktoken_file(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(model_file())
    tok = glm4viz.load_tokenizer(tmp_path)
    assert tok.special_ids == GLM4_SPECIALS
    assert tok.encode("你好<|user|>", specials=True) == [109377, 151336]


@pytest.mark.slow
def test_a_fast_hugging_face_directory(tmp_path: Path) -> None:
    hf_tokenizer().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": "{{ messages }}"})
    )
    tok = glm4viz.load_tokenizer(str(tmp_path))
    assert tok.chat_template == "{{ messages }}"
    assert tok.special_ids == GLM4_SPECIALS
    messages = [{"role": "user", "content": "你好 <|user|> 👩‍🔬 王"}, {"role": "assistant", "content": "\n\nok"}]
    for recipe in ("glm4", "glm4@dfe4601"):
        theirs, ours = glm4viz.label(messages, recipe, tok), glm4viz.label(messages, recipe)
        assert theirs.input_ids.tolist() == ours.input_ids.tolist()
        assert theirs.spans.tolist() == ours.spans.tolist()
        assert theirs.token_bytes == ours.token_bytes


@pytest.mark.parametrize(
    "content", [b"\x0a\x0e\x0a\x05<unk>\x15\x00\x00\x00\x00\x18\x02", b"not base64! 0\n", b"onlyonecolumn\n"], ids=repr
)
def test_a_sentencepiece_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(TokenizerError, match="SentencePiece"):
        glm4viz.load_tokenizer(tmp_path)


def test_a_vocabulary_without_role_tags_is_refused_by_recipes_that_write_them(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"IQ== 0\nIg== 1\n")
    tok = glm4viz.load_tokenizer(tmp_path)
    assert tok.encode('!"') == [0, 1]
    assert not tok.named_ids  # a stand-in's id may be another token's here
    with pytest.raises(TokenizerError, match=r"has no \[gMASK\].*<\|user\|>"):
        glm4viz.label([{"role": "user", "content": "!"}], "glm4", tok)


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "missing"):
        with pytest.raises(TokenizerError, match="No tokenizer could be loaded"):
            glm4viz.load_tokenizer(source)


def test_a_vocabulary_that_is_not_byte_level_is_refused() -> None:
    description: dict[str, Any] = {"pre_tokenizer": {"type": "Metaspace"}, "decoder": None, "added_tokens": [], "model": {"vocab": {}}}
    with pytest.raises(TokenizerError, match="byte-level"):
        from_tokenizers_json(json.dumps(description), name="other")


def test_a_changed_vocabulary_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from glm4viz import tokenizer

    monkeypatch.setattr(tokenizer, "VOCABULARY_SHA256", "0" * 64)
    with pytest.raises(TokenizerError, match="checksum"):
        tokenizer.read_tokenizer("glm-4")


def test_a_vocabulary_without_special_tokens_has_none() -> None:
    tok = Tokenizer(name="x", vocabulary={}, encoder=TOK.encode_many, special_ids={})
    assert tok.encode("<|user|>", specials=True) == TOK.encode("<|user|>")
    assert tok.split_specials("ab") == [(False, "ab")]
