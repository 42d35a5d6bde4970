"""JSON over HTTP with one listed server: of bounded size, with a time limit, tried again where that helps, never redirected.

What goes wrong is told in a sentence that names the server and never what was sent or answered: conversations stay out of logs.
"""

import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from socket import SHUT_RDWR
from typing import Any, NamedTuple

from glm4viz.errors import ModelError
from glm4viz.loss.served.address import Address

CONNECT = 10.0  # seconds
ANSWER = 600.0  # seconds for one whole answer: a long conversation on a busy server
PAUSES = (0.5, 2.0)  # seconds before the second try and the third
TICK = 0.2  # seconds between two looks at whether to go on
PIECE = 1 << 16
BUSY = (429, 502, 503, 504)
Tick = Callable[[], None]  # called all the while; may raise Cancelled


class Reply(NamedTuple):
    """`server` is the header of that name. `body` is None where it isn't JSON, which only a status of 400 and above may have."""

    status: int
    server: str
    body: Any


class _Fleeting(ModelError):
    """A failure after which another try may succeed."""


def ask(address: Address, path: str, body: Any = None, *, most: int, tick: Tick = lambda: None) -> Reply:
    """GET, or POST of a body, and its answer of at most so many bytes. Raises ModelError."""
    for pause in (*PAUSES, None):
        try:
            return _watch(_Exchange(address, path, body, most), tick)
        except _Fleeting as error:
            if pause is None:
                raise ModelError(error.said) from None
            until = time.monotonic() + pause
            while time.monotonic() < until:
                tick()
                time.sleep(min(TICK, pause))
    raise AssertionError("the last try returns or raises")


def _watch(exchange: "_Exchange", tick: Tick) -> Reply:
    """The exchange in a thread of its own, so that it can be given up at any time."""
    deadline = time.monotonic() + ANSWER
    pool = ThreadPoolExecutor(1)
    try:
        answer = pool.submit(exchange.run)
        while True:
            with suppress(TimeoutError):  # of the wait: the exchange raises ModelError only
                return answer.result(TICK)
            tick()
            if time.monotonic() > deadline:
                raise ModelError(
                    f"{exchange.address} did not answer within {ANSWER:.0f} seconds. Is it busy, or the conversation very long?",
                    f"{exchange.address} 在 {ANSWER:.0f} 秒内没有答复。是服务器太忙，还是对话太长？",
                )
    finally:
        exchange.close()
        pool.shutdown(wait=False)


@dataclass
class _Exchange:
    """One request and its answer."""

    address: Address
    path: str
    body: Any
    most: int
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        kind = http.client.HTTPSConnection if self.address.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(self.address.host, self.address.port, timeout=CONNECT)

    def close(self) -> None:
        """End it, even while another thread waits for bytes."""
        sock = getattr(self.connection, "sock", None)
        with suppress(OSError):
            if sock is not None:
                sock.shutdown(SHUT_RDWR)
        self.connection.close()

    def run(self) -> Reply:
        try:
            self.connection.connect()
        except (OSError, UnicodeError) as error:  # refused, no such host, no certificate
            raise _Fleeting(
                f"{self.address} can't be reached ({type(error).__name__}). Is the server running, and is the address right?",
                f"无法连接 {self.address}（{type(error).__name__}）。服务器在运行吗？地址对吗？",
            ) from None
        try:
            self.connection.sock.settimeout(ANSWER)
            return self._reply(self._send())
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(type(error).__name__) from None

    def _send(self) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
        if self.body is None:
            self.connection.request("GET", self.address.path + self.path, headers=headers)
        else:
            sent = json.dumps(self.body, separators=(",", ":")).encode()
            self.connection.request("POST", self.address.path + self.path, sent, headers | {"Content-Type": "application/json"})
        return self.connection.getresponse()

    def _reply(self, response: http.client.HTTPResponse) -> Reply:
        if 300 <= response.status < 400:
            raise ModelError(
                f"{self.address} sends one on to another address (status {response.status}), which glm4viz doesn't follow. "
                "List the address of the server itself.",
                f"{self.address} 要求转到别的地址（状态 {response.status}），glm4viz 不会跟随。请列出服务器本身的地址。",
            )
        if response.status in BUSY:
            raise _Fleeting(
                f"{self.address} is busy or not ready (status {response.status}). Try again in a while.",
                f"{self.address} 正忙或尚未就绪（状态 {response.status}）。请稍后再试。",
            )
        content = self._read(response)
        server = response.headers.get("Server", "")
        try:
            return Reply(response.status, server, json.loads(content))
        except (ValueError, RecursionError):
            if response.status >= 400:
                return Reply(response.status, server, None)
            raise ModelError(
                f"{self.address} answers with something that isn't JSON. Is it the address of a vLLM or SGLang server?",
                f"{self.address} 的答复不是 JSON。这是 vLLM 或 SGLang 服务器的地址吗？",
            ) from None

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        content = bytearray()
        while piece := response.read1(PIECE):
            content += piece
            if len(content) > self.most:
                raise ModelError(
                    f"{self.address} answers with more than {self.most >> 20} MiB, far more than these tokens need; the rest was not read.",
                    f"{self.address} 的答复超过 {self.most >> 20} MiB，远多于这些 token 所需；其余部分没有读取。",
                )
        if response.length:  # bytes that were announced and never came
            raise self._broken("IncompleteRead")
        return bytes(content)

    def _broken(self, reason: str) -> _Fleeting:
        return _Fleeting(
            f"{self.address} broke off before its answer was whole ({reason}). Did the server stop? Its own log says why.",
            f"{self.address} 没有答完就断开了（{reason}）。服务器停了吗？原因见它自己的日志。",
        )
