"""A small hub on this machine, which answers huggingface_hub as the real one does, and breaks as it may break."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"
ERRORS = {  # fault: (status, X-Error-Code, X-Error-Message)
    "gated": (403, "GatedRepo", "Access to model is restricted"),
    "missing": (404, "RepoNotFound", "Repository not found"),
    "private": (401, "", "Invalid username or password."),
    "disabled": (403, "", "Access to this resource is disabled."),
    "unwell": (500, "", ""),
}


class Hub(ThreadingHTTPServer):
    """Serves one directory as the model owner/name. `fault` is one of ERRORS or ""; `hold` stops weights after `held_at` bytes."""

    daemon_threads = True

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.directory, self.fault, self.asked = directory, "", list[tuple[str, str]]()
        self.hold, self.reached = threading.Event(), threading.Event()
        self.hold.set()
        self.held_at = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.directory.iterdir()) if path.is_file()}


class _Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append((self.command, path))
        if self.server.fault in ERRORS:
            status, code, message = ERRORS[self.server.fault]
            self._send(status, b"{}", body, {"X-Error-Code": code, "X-Error-Message": message})
        elif path.startswith("/api/models/owner/name/revision/"):
            self._send(200, json.dumps({"id": "owner/name", "sha": SHA, "siblings": []}).encode(), body)
        elif path.startswith("/api/models/owner/name/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(held), "oid": hashlib.sha1(held).hexdigest()}
                for name, held in self.server.files().items()
            ]
            self._send(200, json.dumps(tree).encode(), body)
        elif path.startswith("/owner/name/resolve/") and path.rpartition("/")[2] in self.server.files():
            held = self.server.files()[path.rpartition("/")[2]]
            self._send(200, held, body, {"ETag": f'"{hashlib.sha1(held).hexdigest()}"'}, weights=path.endswith(".safetensors"))
        else:
            self._send(404, b"{}", body, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})

    def _send(self, status: int, held: bytes, body: bool, headers: dict[str, str] | None = None, *, weights: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(held)))
        self.send_header("X-Repo-Commit", SHA)
        for name, value in (headers or {}).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        if weights and not self.server.hold.is_set():
            self.wfile.write(held[: self.server.held_at])
            self.wfile.flush()
            held = held[self.server.held_at :]
            self.server.reached.set()
            self.server.hold.wait(60)
        try:
            self.wfile.write(held)
        except OSError:  # whoever asked has gone
            self.close_connection = True


@contextmanager
def a_hub(directory: Path) -> Iterator[Hub]:
    with Hub(directory) as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.hold.set()
            hub.shutdown()
            thread.join()
