"""Which servers may be asked: those that the owner of the process lists in GLM4VIZ_SERVERS, and no others."""

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from glm4viz.errors import ModelError

VARIABLE = "GLM4VIZ_SERVERS"
PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """One server. `path` is what stands before its `/v1`, without the last slash."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port == PORTS[self.scheme] else f':{self.port}'}{self.path}"


def is_address(source: str | Path) -> bool:
    """Whether a model's source means a server."""
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def entries() -> list[tuple[str, str | None]]:
    """What GLM4VIZ_SERVERS lists, apart by commas: (address, LoRA or None); `address+name` for a LoRA that the server serves."""
    parts = [entry.strip().partition("+") for entry in os.environ.get(VARIABLE, "").split(",")]
    return [(source, adapter or None) for source, _, adapter in parts if source]


def listed(source: str) -> Address:
    """The address, if it is one of a listed server. Raises ModelError."""
    address = _parse(source)
    known = {_parse(entry) for entry, _ in entries() if is_address(entry)}
    if address not in known:
        raise ModelError(
            f"{address} is not among the servers that this process may ask. The conversation's token ids would be sent there, so its "
            f"owner lists each server first: {VARIABLE}={address} (several apart by commas).",
            f"{address} 不在本进程可以询问的服务器之列。对话的 token 编号会被发送过去，因此须由主人事先逐个列出："
            f"{VARIABLE}={address}（多个用逗号分隔）。",
        )
    return address


def _parse(source: str) -> Address:
    try:
        parts = urlsplit(source.strip())
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:  # no port, no IPv6 address
        raise _no_address() from None
    if scheme not in PORTS or not host or parts.username or parts.password or parts.query or parts.fragment:
        raise _no_address()
    if not all("!" <= c <= "~" for c in source.strip()):
        raise _no_address()
    return Address(scheme, host, port or PORTS[scheme], parts.path.rstrip("/").removesuffix("/v1").rstrip("/"))


def _no_address() -> ModelError:
    # The text isn't repeated: a password may stand in it.
    return ModelError(
        "A server's address looks like http://127.0.0.1:8000: no user name, password, question mark or # in it.",
        "服务器地址形如 http://127.0.0.1:8000：不能含有用户名、密码、问号或 #。",
    )
