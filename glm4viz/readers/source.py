"""From a path, bytes, text or an upload to a stream of bytes or lines of text; what can't be read as either is named here."""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from glm4viz.conversation import shown
from glm4viz.errors import ReadError


class Upload(Protocol):
    """An open file, or what a web page hands over for one; its `name` is used if it has one."""

    def read(self) -> str | bytes: ...


Source = str | bytes | bytearray | memoryview | os.PathLike[str] | Upload

_HEAD = 4096
_BOMS = (  # UTF-32 first: its little-endian mark starts with UTF-16's
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# What JSON in UTF-16 begins with where it has no mark: a bracket, and a quote, bracket or space.
_WIDE = ((re.compile(rb"[\[{]\0[\"'\[{\s]\0"), "utf-16-le"), (re.compile(rb"\0[\[{]\0[\"'\[{\s]"), "utf-16-be"))
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_TEXT_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{][^\0]")
_SIGNATURES = (
    (b"\x89PNG", "a PNG image", "PNG 图片"),
    (b"\xff\xd8\xff", "a JPEG image", "JPEG 图片"),
    (b"GIF8", "a GIF image", "GIF 图片"),
    (b"%PDF", "a PDF document", "PDF 文档"),
    (b"PK\x03\x04", "a zip archive (or .xlsx, .docx)", "zip 压缩包（或 .xlsx、.docx）"),
    (b"\x1f\x8b", "a gzip archive", "gzip 压缩包"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "zstd 压缩包"),
    (b"BZh", "a bzip2 archive", "bzip2 压缩包"),
    (b"\xfd7zXZ", "an xz archive", "xz 压缩包"),
    (b"7z\xbc\xaf", "a 7z archive", "7z 压缩包"),
    (b"PAR1", "a Parquet file", "Parquet 文件"),
    (b"ARROW1", "an Arrow file", "Arrow 文件"),
    (b"SQLite format 3", "an SQLite database", "SQLite 数据库"),
    (b"\x80\x04\x95", "a Python pickle", "Python pickle 文件"),
)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one source. Bytes that are not UTF-8 stand in them as lone surrogates U+DC80 to U+DCFF (`surrogateescape`)."""

    lines: Iterator[str]
    from_bytes: bool = True  # else the text was given as str, and a surrogate in it is the writer's own
    limit: int = 0  # how long a line, or a value over several lines, may be; 0: no limit


def name_of(source: Source) -> str:
    """The name of the file a source comes from, "" if it has none."""
    if isinstance(source, str):
        return "" if _is_text(source) else source
    name = source if isinstance(source, os.PathLike) else getattr(source, "name", "")
    return str(name) if isinstance(name, str | os.PathLike) else ""


def open_source(source: Source) -> Lines | Path | BinaryIO:
    """The lines of a text, the path that a source names, or its bytes as a stream. May raise the `ReadError` that says why not."""
    if isinstance(source, str):
        return Lines(_text_lines(source), from_bytes=False) if _is_text(source) else Path(source)
    if isinstance(source, os.PathLike):
        return Path(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return buffered(io.BytesIO(source))
    try:
        if hasattr(source, "seekable") and hasattr(source, "seek") and source.seekable():
            source.seek(0)  # a page that runs again gets the same upload again, already read to its end
        if isinstance(source, io.BufferedReader):
            return source  # an open file or standard input need not be in memory as a whole
        data = source.read()
    except (OSError, ValueError) as error:  # ValueError: closed, or a text file in another encoding
        raise unreadable(name_of(source), error) from None
    return Lines(_text_lines(data), from_bytes=False) if isinstance(data, str) else buffered(io.BytesIO(data))


def buffered(raw: io.RawIOBase | io.BytesIO) -> io.BufferedReader:
    return io.BufferedReader(raw, 1 << 18)


def head_of(stream: BinaryIO) -> bytes:
    """The first bytes of a buffered stream, which stay in it."""
    return stream.peek(_HEAD)[:_HEAD] if isinstance(stream, io.BufferedReader) else b""


def unreadable(name: str, error: Exception) -> ReadError:
    reason = getattr(error, "strerror", None) or str(error)
    return ReadError(
        f"{shown(name, 80)} can't be read: {reason}. Check the name and the permissions.",
        f"无法读取 {shown(name, 80)}：{reason}。请检查文件名和权限。",
    )


def _is_text(source: str) -> bool:
    # A path never has a line break and hardly ever starts like JSON. What is neither is taken as a path, for the error that says so.
    start = source.lstrip("\ufeff \t\r\n")[:1]
    return start in ("", "{", "[", "'", '"') or "\n" in source


def open_path(path: Path) -> io.BufferedReader:
    """The file of a path. Raises the `ReadError` that says why there is none."""
    try:
        if not path.exists():
            raise ReadError(
                f"There is no file {shown(str(path), 80)}, nor is it JSON. Check the name, or paste JSON that starts with [ or {{.",
                f"没有文件 {shown(str(path), 80)}，它也不是 JSON。请检查文件名，或粘贴以 [ 或 {{ 开头的 JSON。",
            )
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise unreadable(str(path), error) from None


def _text_lines(text: str) -> Iterator[str]:
    yield from text.removeprefix("\ufeff").split("\n")


def _wide_lines(data: bytes, encoding: str) -> Iterator[str]:
    try:
        return _text_lines(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise ReadError(
            f"The file says it is {encoding.upper()}, but byte {error.start} isn't. Save it as UTF-8.",
            f"文件标明是 {encoding.upper()}，但第 {error.start} 个字节不符。请另存为 UTF-8。",
        ) from None


def stream_lines(stream: BinaryIO, limit: int = 0) -> Iterator[str]:
    """The lines of a buffered stream, one at a time. `limit`: how many bytes a line may have; 0: no limit."""
    head = head_of(stream)
    if encoding := _wide_encoding(head):
        data = stream.read(limit + 1 if limit else -1)
        if limit and len(data) > limit:
            raise too_big(1)
        yield from _wide_lines(data, encoding)
        return
    _refuse_binary(head)
    for number, line in enumerate(iter(lambda: stream.readline(limit + 1), b"") if limit else stream, 1):
        if limit and len(line) > limit:
            raise too_big(number)
        text = line.decode("utf-8", "surrogateescape").removesuffix("\n")
        yield text if number > 1 else text.removeprefix("\ufeff")


def _wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32, if the text says so or can't be anything else; else ""."""
    marked = next((encoding for bom, encoding in _BOMS if head.startswith(bom)), "")
    return marked or next((encoding for start, encoding in _WIDE if start.match(head)), "")


def too_big(line: int) -> ReadError:
    """A line, or a value over several lines, that a compressed file unpacks to and nobody should hold in memory."""
    return ReadError(
        "What begins here unpacks to more than can be held in memory. Unpack the file first, or write one record a line (JSON Lines).",
        "从这里开始的内容解压后太大，内存放不下。请先解压文件，或改成每行一条记录（JSON Lines）。",
        line=line,
    )


def _refuse_binary(head: bytes) -> None:
    for magic, en, zh in _SIGNATURES:
        if head.startswith(magic):
            raise ReadError(
                f"This is {en}, not JSON text. Unpack or export it to JSON, JSON Lines, CSV or Parquet first.",
                f"这是{zh}，不是 JSON 文本。请先解压或导出为 JSON、JSON Lines、CSV 或 Parquet。",
            )
    # A zero byte in a text is one line's fault. What is no text is full of control characters, and doesn't begin like a record.
    if b"\0" in head and not _TEXT_START.match(head) and len(head.translate(None, _CONTROLS)) < 0.9 * len(head):
        wide = head[:2].count(0) == 1
        raise ReadError(
            "This is not a text file: it has zero bytes in it. "
            + ("It may be UTF-16; save it as UTF-8." if wide else "Choose a JSON or JSON Lines file."),
            "这不是文本文件：其中有零字节。" + ("它可能是 UTF-16，请另存为 UTF-8。" if wide else "请选择 JSON 或 JSON Lines 文件。"),
        )
