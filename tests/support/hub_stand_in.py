"""As much of a hub as `huggingface_hub.HfApi` needs to create a repository and commit a folder to
it.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """What was asked of it."""

    def __init__(self) -> None:
        self.private: dict[str, bool] = {}
        self.files: dict[str, bytes] = {}
        self.url = ""


REGULAR = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}


def committed(body: bytes) -> dict[str, bytes]:
    """By path, the files of a commit."""
    found = {}
    for line in body.splitlines():
        one = json.loads(line)
        if one["key"] == "file":
            found[one["value"]["path"]] = base64.b64decode(one["value"]["content"])
    return found


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, value: object, status: int = 200) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def do_GET(self) -> None:
            name = self.path.split("?")[0].split("/", 3)[-1].removesuffix("/revision/main")
            known = {
                "id": name,
                "sha": "0" * 40,
                "private": hub.private.get(name, True),
                "siblings": [],
            }
            self._answer(
                known if name in hub.private else {"error": "no such repository"},
                200 if name in hub.private else 404,
            )

        def do_POST(self) -> None:
            body = self._body()
            if self.path.endswith("/repos/create"):
                asked = json.loads(body)
                name = "/".join(part for part in (asked.get("organization"), asked["name"]) if part)
                there = name in hub.private
                hub.private.setdefault(
                    name, asked.get("private", asked.get("visibility") == "private")
                )
                self._answer({"url": f"{hub.url}/{name}", "error": "exists"}, 409 if there else 200)
            elif "/preupload/" in self.path:
                self._answer({"files": [{**one, **REGULAR} for one in json.loads(body)["files"]]})
            elif "/commit/" in self.path:
                hub.files |= committed(body)
                self._answer(
                    {
                        "commitUrl": f"{hub.url}/org/x/commit/1",
                        "commitOid": "1" * 40,
                        "success": True,
                    }
                )
            else:
                self._answer({}, 200)

    return Handler


@contextmanager
def hub_stand_in() -> Iterator[Hub]:
    """A hub on this machine, as long as the context lasts."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
