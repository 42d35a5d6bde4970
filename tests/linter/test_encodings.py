"""Text that was read in the wrong encoding is found, set right where that is certain, and right text is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm4viz.linter.encodings import find_misread, mend_encoding

TEXTS = ["café naïve", "“quoted — don’t”", "你好，世界。这是一个测试。", "straße, 20 £", "😀 fine", "Привет, мир"]


@pytest.mark.parametrize("text", TEXTS)
def test_utf8_read_as_latin1_is_set_right(text: str) -> None:
    wrong = text.encode().decode("latin-1")
    assert any(find_misread(wrong))
    assert mend_encoding(wrong) == text
    assert mend_encoding(wrong.encode().decode("latin-1")) == text  # misread twice


def test_utf8_read_as_cp1252_is_set_right() -> None:
    assert mend_encoding("donâ€™t, cafÃ©, 10Â°C") == "don’t, café, 10°C"
    assert mend_encoding("ä½ å¥½ä¸–ç•Œ") != "你好世界"  # a hard space that became a soft one is lost; the rest is found
    assert any(find_misread("ä½ å¥½ä¸–ç•Œ"))


def test_utf8_read_as_gbk_is_found_and_set_right_if_nothing_was_lost() -> None:
    assert mend_encoding("浣犲ソ") == "你好"
    lost = "你好，世界。这是一个测试。".encode().decode("gbk", "replace")
    assert any(found.right is None for found in find_misread(lost))
    assert {found.right for found in find_misread("锟斤拷锟斤拷")} == {None}


@pytest.mark.parametrize(
    "text", [*TEXTS, "SÃO PAULO", "涓涓细流汇成江河", "他在鄙视谁？", "À la carte – « là »", "Ünïcödé", "ação", "Â", ""]
)
def test_right_text_is_left_alone(text: str) -> None:
    assert not list(find_misread(text))
    assert mend_encoding(text) == text


@given(st.text())
def test_anything_is_taken(text: str) -> None:
    for found in find_misread(text):
        assert 0 <= found.start < found.stop <= len(text)
    mend_encoding(text)
