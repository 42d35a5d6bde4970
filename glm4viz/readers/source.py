"""From a path, bytes, text or an upload to lines of text; what can't be text is named here."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Protocol

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


def name_of(source: Source) -> str:
    """The name of the file a source comes from, "" if it has none."""
    if isinstance(source, str):
        return "" if _is_text(source) else source
    name = source if isinstance(source, os.PathLike) else getattr(source, "name", "")
    return str(name) if isinstance(name, str | os.PathLike) else ""


def open_source(source: Source) -> Lines:
    """The lines of a source. This, or taking the lines, may raise the `ReadError` that says why it can't be read as text."""
    if isinstance(source, str):
        if _is_text(source):
            return Lines(_text_lines(source), from_bytes=False)
        source = Path(source)
    if isinstance(source, os.PathLike):
        return Lines(_file_lines(Path(source)))
    data = source if isinstance(source, bytes | bytearray | memoryview) else _read(source)
    return Lines(_text_lines(data), from_bytes=False) if isinstance(data, str) else Lines(_byte_lines(bytes(data)))


def _read(upload: Upload) -> str | bytes:
    try:
        if hasattr(upload, "seekable") and hasattr(upload, "seek") and upload.seekable():
            upload.seek(0)  # a page that runs again gets the same upload again, already read to its end
        return upload.read()
    except (OSError, ValueError) as error:  # ValueError: closed, or a text file in another encoding
        raise _unreadable(name_of(upload), error) from None


def _unreadable(name: str, error: Exception) -> ReadError:
    reason = getattr(error, "strerror", None) or str(error)
    return ReadError(
        f"{shown(name, 80)} can't be read: {reason}. Check the name and the permissions.",
        f"无法读取 {shown(name, 80)}：{reason}。请检查文件名和权限。",
    )


def _is_text(source: str) -> bool:
    # A path never has a line break and hardly ever starts like JSON. What is neither is taken as a path, for the error that says so.
    start = source.lstrip("\ufeff \t\r\n")[:1]
    return start in ("", "{", "[", "'", '"') or "\n" in source


def _text_lines(text: str) -> Iterator[str]:
    yield from text.removeprefix("\ufeff").split("\n")


def _byte_lines(data: bytes) -> Iterator[str]:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError as error:
                raise ReadError(
                    f"The file says it is {encoding.upper()}, but byte {error.start} isn't. Save it as UTF-8.",
                    f"文件标明是 {encoding.upper()}，但第 {error.start} 个字节不符。请另存为 UTF-8。",
                ) from None
            return _text_lines(text)
    _refuse_binary(data[:_HEAD])
    return _text_lines(data.decode("utf-8", "surrogateescape"))


def _file_lines(path: Path) -> Iterator[str]:
    try:
        if not path.exists():
            raise ReadError(
                f"There is no file {shown(str(path), 80)}, nor is it JSON. Check the name, or paste JSON that starts with [ or {{.",
                f"没有文件 {shown(str(path), 80)}，它也不是 JSON。请检查文件名，或粘贴以 [ 或 {{ 开头的 JSON。",
            )
        if path.is_dir():
            raise ReadError(
                f"{shown(str(path), 80)} is a folder. Name a file in it.", f"{shown(str(path), 80)} 是文件夹。请指定其中的文件。"
            )
        with path.open("rb") as file:
            yield from _stream_lines(file)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise _unreadable(str(path), error) from None


def _stream_lines(file: BufferedReader) -> Iterator[str]:
    head = file.peek(_HEAD)[:_HEAD]
    if head.startswith(tuple(bom for bom, _ in _BOMS)):
        yield from _byte_lines(file.read())
        return
    _refuse_binary(head)
    for number, line in enumerate(file):
        text = line.decode("utf-8", "surrogateescape").removesuffix("\n")
        yield text if number else text.removeprefix("\ufeff")


def _refuse_binary(head: bytes) -> None:
    for magic, en, zh in _SIGNATURES:
        if head.startswith(magic):
            raise ReadError(
                f"This is {en}, not JSON text. Unpack or export it to JSON or JSON Lines first.",
                f"这是{zh}，不是 JSON 文本。请先解压或导出为 JSON 或 JSON Lines。",
            )
    if b"\0" in head:
        wide = head[:2].count(0) == 1
        raise ReadError(
            "This is not a text file: it has zero bytes in it. "
            + ("It may be UTF-16; save it as UTF-8." if wide else "Choose a JSON or JSON Lines file."),
            "这不是文本文件：其中有零字节。" + ("它可能是 UTF-16，请另存为 UTF-8。" if wide else "请选择 JSON 或 JSON Lines 文件。"),
        )
