"""A small server that answers as vLLM, SGLang, another echoing server or llama.cpp would, from a model in memory; it can also misbehave.

The shapes are those of vllm-project/vllm at 002032ee, sgl-project/sglang at 0025436e and ggml-org/llama.cpp issue 27174.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
import torch

from glm4viz.errors import TokenizerError
from glm4viz.loss import LossModel, ServedModel, load_model
from glm4viz.systems.registry import load_tokenizer

NAMES = {"vllm": "vllm", "sglang": "sglang", "echo": "somebody", "echo-ids": "somebody", "llama.cpp": "llamacpp"}
LORA = "tuned"
KINDS = ("vllm", "sglang", "echo", "echo-ids")
TALK = [
    {"role": "system", "content": "回答要简短。"},
    {"role": "user", "content": "你好, what is 12345?"},
    {"role": "assistant", "content": "It is a number, 龘."},
    {"role": "user", "content": "谢谢"},
    {"role": "assistant", "content": "不客气！"},
]


class FakeServer(ThreadingHTTPServer):
    """`fault` says what goes wrong at the next question, and `faults` how often; `asked` holds every body that came."""

    daemon_threads = True

    def __init__(self, kind: str, model: LossModel, longest: int = 8192) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kind, self.model, self.longest = kind, model, longest
        self.fault, self.faults, self.asked, self.tokenizer = "", 10**9, list[Any](), load_tokenizer()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def logprobs(self, ids: list[int]) -> Any:
        """[T - 1, vocabulary]: what is predicted for tokens 1 …"""
        with torch.inference_mode():
            logits = self.model.module(input_ids=torch.tensor([ids])).logits[0, :-1].float()
        return torch.log_softmax(logits, -1).numpy()

    def text(self, token: int) -> str:
        try:
            return self.tokenizer.token_bytes(token).decode("utf-8", "replace")
        except TokenizerError:  # a row of the model that is no token of its vocabulary
            return ""


@contextmanager
def serving(kind: str, model: LossModel, **options: Any) -> Iterator[FakeServer]:
    server = FakeServer(kind, model, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def log_message(self, *_: Any) -> None:
        pass

    def version_string(self) -> str:
        return "llama.cpp" if self.server.kind == "llama.cpp" else "uvicorn"

    def do_GET(self) -> None:
        server = self.server
        card = {"object": "model", "created": 1, "owned_by": NAMES[server.kind], "max_model_len": server.longest}
        cards = [card | {"id": "glm-demo"}, card | {"id": LORA, "parent": "glm-demo"}]
        self._send(401 if server.fault == "key" else 200, {"object": "list", "data": cards})

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(body)
        fault = server.fault if server.faults > 0 else ""
        server.faults -= 1
        if fault == "redirect":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.2:9/elsewhere")
            self.end_headers()
        elif fault == "html":
            self._write(200, b"<!doctype html><p>hello")
        elif fault == "nothing":
            self.close_connection = True
        elif fault == "slow":
            time.sleep(5)
        elif fault == "huge":
            self._write(200, b'{"choices": "' + b"a" * (8 << 20) + b'"}')
        elif fault == "deep":
            self._write(200, b"[" * 200_000)
        elif fault.isdigit():
            self._send(int(fault), _error("The prompt 你好 crashed the engine"))
        else:
            self._answer(body, fault)

    def _answer(self, body: dict[str, Any], fault: str) -> None:
        server = self.server
        ids = body["input_ids"] if server.kind == "sglang" else body["prompt"]
        if max(ids) >= server.model.rows:
            said = f"Token id {max(ids)} is out of vocabulary"
            return self._send(
                400, _error(f"The input_ids {ids} contains values greater than the vocab size (1)." if server.kind == "sglang" else said)
            )
        if len(ids) + 1 > 4000:
            return self._send(400, _error("This model's maximum context length is 4000 tokens. However, you requested 5000."))
        if (body.get("prompt_logprobs") or 0) > 20:
            return self._send(400, _error("Requested prompt logprobs of 25, which is greater than max allowed: 20"))
        shape: Any = {"vllm": self._vllm, "sglang": self._sglang, "llama.cpp": self._llama_cpp}.get(server.kind, self._echo)
        made = shape(body, ids, server.logprobs(ids))
        _spoil(made, fault)
        content = json.dumps(made, ensure_ascii=False).encode()
        self._write(200, content, content[: len(content) // 2] if fault == "half" else content)
        return None

    def _vllm(self, body: dict[str, Any], ids: list[int], logprobs: Any) -> dict[str, Any]:
        entries: list[Any] = [None]
        for token, row in zip(ids[1:], logprobs, strict=True):
            entry = {str(token): self._said(token, row, int((row >= row[token]).sum()))}
            for rank, likely in enumerate(_top(row, body["prompt_logprobs"]), 1):
                entry[str(likely)] = self._said(likely, row, rank)
            entries.append(entry)
        choice = {"index": 0, "text": "x", "logprobs": None, "finish_reason": "length", "prompt_logprobs": entries}
        return {
            "id": "cmpl-1",
            "object": "text_completion",
            "model": body["model"],
            "choices": [choice],
            "usage": {"prompt_tokens": len(ids)},
        }

    def _said(self, token: int, row: Any, rank: int) -> dict[str, Any]:
        return {"logprob": float(row[token]), "rank": rank, "decoded_token": self.server.text(token)}

    def _sglang(self, body: dict[str, Any], ids: list[int], logprobs: Any) -> dict[str, Any]:
        def triple(token: int, row: Any) -> list[Any]:
            return [float(row[token]), token, self.server.text(token)]

        own: list[Any] = [[None, ids[0], self.server.text(ids[0])]]
        own += [triple(token, row) for token, row in zip(ids[1:], logprobs, strict=True)]
        said = {"prompt_tokens": len(ids), "cached_tokens": 0, "input_token_logprobs": own, "output_token_logprobs": []}
        if body["top_logprobs_num"]:
            said["input_top_logprobs"] = [None, *([triple(one, row) for one in _top(row, body["top_logprobs_num"])] for row in logprobs)]
        return {"text": "", "meta_info": said}

    def _echo(self, body: dict[str, Any], ids: list[int], logprobs: Any) -> dict[str, Any]:
        def named(token: int) -> str:
            return f"token_id:{token}" if self.server.kind == "echo-ids" else self.server.text(token)

        top: list[Any] = [None]
        for token, row in zip(ids[1:], logprobs, strict=True):
            top.append({named(one): float(row[one]) for one in [token, *_top(row, body["logprobs"])]})
        values = [None, *(float(row[token]) for token, row in zip(ids[1:], logprobs, strict=True))]
        said = {"tokens": [*map(named, ids), "x"], "token_logprobs": [*values, -0.5], "top_logprobs": [*top, {"x": -0.5}]}
        return {"object": "text_completion", "choices": [{"index": 0, "text": "…", "logprobs": said}]}

    def _llama_cpp(self, *_: Any) -> dict[str, Any]:
        said = {"content": [{"id": 1, "token": "x", "logprob": -0.1, "top_logprobs": []}]}
        return {"object": "text_completion", "choices": [{"index": 0, "text": "x", "logprobs": said}]}

    def _send(self, status: int, value: Any) -> None:
        self._write(status, json.dumps(value).encode())

    def _write(self, status: int, content: bytes, sent: bytes | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if sent is None else sent)


def _top(row: Any, k: int) -> list[int]:
    best = np.argpartition(-row, k)[:k] if k else np.zeros(0, int)
    return [int(i) for i in best[np.argsort(-row[best])]]


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400}}


def _spoil(made: dict[str, Any], fault: str) -> None:
    """What a server with a fault would say instead."""
    if "meta_info" in made:
        rows = made["meta_info"]["input_token_logprobs"]
        if fault == "null":
            rows[3][0] = None
        elif fault == "other":
            rows[3][1] += 1
        elif fault == "short":
            rows.pop()
        elif fault == "cached":
            made["meta_info"]["cached_tokens"] = 16
        return
    entries = made["choices"][0].get("prompt_logprobs") or []
    if fault == "null":
        entries[3] = None
    elif fault == "stale":
        for said in entries[3].values():
            said["logprob"] = 417.25
    elif fault == "even":
        for said in entries[3].values():
            said["logprob"] = 0.0
    elif fault == "other":
        entries[3] = {"77": next(iter(entries[3].values()))}
    elif fault == "short":
        entries.pop()
    elif fault == "none":
        made["choices"][0]["prompt_logprobs"] = None
    elif fault == "vocabulary":
        for entry in entries[1:]:
            for said in entry.values():
                said["decoded_token"] = "Ġother"
    elif fault == "unnamed":
        for entry in entries[1:]:
            for said in entry.values():
                said["decoded_token"] = None


# For tests ------------------------------------------------------------------------------------------------------------


def connected(server: FakeServer, **options: Any) -> ServedModel:
    model = load_model(server.url, **options)
    assert isinstance(model, ServedModel)
    return model


def sentence(error: pytest.ExceptionInfo[Any]) -> str:
    """The English one; the Chinese one must be another."""
    assert error.value.sentence("zh") != error.value.sentence("en")
    return str(error.value)
