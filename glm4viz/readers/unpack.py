"""gzip and zstd, unpacked a little at a time: what is in memory at once stays bounded, however much the file unpacks to."""

import io
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

from glm4viz.errors import ReadError
from glm4viz.texts import Text

LIMIT = 256 * 1024 * 1024  # what one line or one value may unpack to; a conversation is far shorter
_PIECE = 4096  # the most that zstd can make of so little is 128 MiB, and gzip 4 MiB


class Packing(NamedTuple):
    name: Text
    start: Callable[[], Any]  # makes what unpacks one member: .decompress(bytes), .eof, .unused_data
    faults: Callable[[], tuple[type[Exception], ...]]


def _start_gzip() -> Any:
    return zlib.decompressobj(wbits=31)


def _start_zstd() -> Any:
    if native := _native_zstd():
        return native.ZstdDecompressor()
    try:
        import zstandard
    except ImportError:
        raise ReadError(
            "This is a zstd archive. To read it, install zstandard: pip install 'glm4viz[formats]'; or unpack it first (zstd -d).",
            "这是 zstd 压缩包。读取它需要 zstandard：pip install 'glm4viz[formats]'；也可以先解压（zstd -d）。",
        ) from None
    return zstandard.ZstdDecompressor().decompressobj()  # by default it refuses windows over 128 MiB


def _native_zstd() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        return None
    return zstd


def _zstd_faults() -> tuple[type[Exception], ...]:
    if native := _native_zstd():
        return (native.ZstdError,)
    import zstandard

    return (zstandard.ZstdError,)


_PACKINGS = {
    b"\x1f\x8b": Packing({"en": "a gzip archive", "zh": "gzip 压缩包"}, _start_gzip, lambda: (zlib.error,)),
    b"\x28\xb5\x2f\xfd": Packing({"en": "a zstd archive", "zh": "zstd 压缩包"}, _start_zstd, _zstd_faults),
}


def packing_of(head: bytes) -> Packing | None:
    """How a file that begins like this is compressed; None if it isn't."""
    return next((packing for magic, packing in _PACKINGS.items() if head.startswith(magic)), None)


class Unpacked(io.RawIOBase):
    """The bytes a compressed stream unpacks to. A fault in it ends the bytes and is kept, so that all before it can be read."""

    def __init__(self, packed: BinaryIO, packing: Packing) -> None:
        self._packed, self._packing = packed, packing
        self._member, self._faults = packing.start(), packing.faults()
        self._fresh = True  # nothing of the member has been read yet
        self._ready = memoryview(b"")
        self.fault: ReadError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self.fault:
            piece = self._packed.read(_PIECE)
            if not piece:
                if not self._fresh:
                    self._fail("It ends too early: the file is cut off.", "它提前结束：文件被截断了。")
                break
            self._ready = memoryview(self._unpack(piece))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _unpack(self, piece: bytes) -> bytes:
        found = []
        while piece := piece.lstrip(b"\0") if self._fresh else piece:  # some writers pad with zeros
            try:
                found.append(self._member.decompress(piece))
            except self._faults as error:
                self._fail(f"It is damaged ({error}).", f"它已损坏（{error}）。")
                break
            self._fresh = False
            if not self._member.eof:
                break
            # Archives put one after the other are one archive.
            piece, self._member, self._fresh = self._member.unused_data, self._packing.start(), True
        return b"".join(found)

    def _fail(self, en: str, zh: str) -> None:
        name = self._packing.name
        self.fault = ReadError(
            f"This is {name['en']}. {en} What could be unpacked was read; write or download it again.",
            f"这是{name['zh']}。{zh}已读取能解压的部分；请重新写出或下载。",
        )
