"""A server of OpenAI's protocol on this machine that does what a test tells it, good and bad,
and counts what it is asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Act:
    """What the server does with one request."""

    text: str | None = None
    """A completion in OpenAI's form with this text."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent as it is."""
    finish: str = "stop"
    usage: dict[str, Any] | None = field(
        default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 10}
    )
    cut: bool = False
    """Part of the body, then a reset."""
    drip: bool = False
    """White space, drop by drop, until the other side hangs up."""
    hold: threading.Event | None = None
    """Wait for this before anything is sent."""


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def words(self) -> str:
        """What was asked: the last message, or the text."""
        messages = self.body.get("messages")
        words: str = messages[-1]["content"] if messages else self.body["prompt"]
        return words


class JudgeServer:
    """`plan` decides by the request and how many came before it."""

    def __init__(self) -> None:
        self.plan: Callable[[Request, int], Act] = lambda request, number: Act(
            text="#reason: none\n#score: 1"
        )
        self.models = ["m"]
        self.list_status = 200
        """Of the list of models."""
        self.requests: list[Request] = []
        self.replied: Counter[str] = Counter()
        """Whole replies by what was asked."""
        self.changed = threading.Condition()
        self.never = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *parts: object) -> None: ...

            def do_GET(self) -> None:
                listed = {
                    "object": "list",
                    "data": [{"id": name, "object": "model"} for name in server.models],
                }
                body = json.dumps(listed).encode()
                self.send_response(server.list_status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                with suppress(ConnectionError):
                    server.serve(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["content-length"])
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.path, headers, json.loads(handler.rfile.read(length)))
        with self.changed:
            number = len(self.requests)
            self.requests.append(request)
            self.changed.notify_all()
        act = self.plan(request, number)
        if act.hold is not None:
            act.hold.wait()
        body = act.body if act.body is not None else self.completion(request, act)
        handler.send_response(act.status)
        for name, value in {"content-type": "application/json", **act.headers}.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        if act.cut:
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            # A reset, not an orderly end.
            handler.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            handler.connection.close()
            handler.close_connection = True
            return
        while act.drip:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            self.never.wait(0.005)
        handler.wfile.write(body)
        handler.wfile.flush()
        if act.text is not None:
            with self.changed:
                self.replied[request.words] += 1
                self.changed.notify_all()

    def completion(self, request: Request, act: Act) -> bytes:
        if act.text is None:
            return json.dumps({"error": {"message": "it says no", "code": None}}).encode()
        message = (
            {"text": act.text}
            if "prompt" in request.body
            else {"message": {"role": "assistant", "content": act.text}}
        )
        choice = {"index": 0, "finish_reason": act.finish, **message}
        made = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
        }
        return json.dumps({**made, "usage": act.usage} if act.usage is not None else made).encode()

    def wait_for(self, happened: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(happened, timeout=120)
