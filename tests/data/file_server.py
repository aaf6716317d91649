"""A file server on 127.0.0.1 that misbehaves as told."""

from __future__ import annotations

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class FileServer:
    """Serves ``files`` by path. What is queued in ``faults`` for a path happens first, one fault a request."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[tuple[str, Any]]] = {}
        self.etags = True
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.sent = 0
        self._released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def ranges(self) -> list[str]:
        """The Range header of every request so far, "" where there was none."""
        return [headers.get("range", "") for _, headers in self.requests]

    def close(self) -> None:
        self._released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.path, headers))
        fault: str
        value: Any
        fault, value = self.faults[path].pop(0) if self.faults.get(path) else ("", None)
        if path not in self.files and fault not in ("redirect", "status", "promise", "header"):
            fault, value = "status", (404, {})
        match fault:
            case "status":
                self._send(request, value[0], value[1] | {"Content-Length": "0"}, b"")
            case "redirect":
                self._send(request, 302, {"Location": value, "Content-Length": "0"}, b"")
            case "silent":
                self._released.wait()
            case "trickles":  # the first bytes at once, then one at a time
                content = self.files[path]
                self._send(request, 200, {"Content-Length": str(len(content)), "ETag": '"one"'}, content[:1000])
                for byte in content[1000:]:
                    if self._released.wait(0.02):
                        break
                    request.wfile.write(bytes([byte]))
            case "header":
                self._send(request, 200, value, b"x")
            case "promise":
                self._send(request, 200, {"Content-Length": str(value)}, b"x")
            case _:
                self._serve(request, self.files[path], headers, fault, value)

    def _serve(
        self, request: BaseHTTPRequestHandler, content: bytes, headers: dict[str, str], fault: str, value: Any
    ) -> None:
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        answer = {"ETag": etag} if self.etags else {}
        start, status = 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        if asked and fault != "ignores range" and headers.get("if-range", etag) == etag:
            start, status = int(asked[1]), 206
            answer["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if start and start >= len(content):
            status, answer["Content-Range"] = 416, f"bytes */{len(content)}"
        rest = content[start:]
        if fault == "wrong bytes":
            rest = bytes(byte ^ 1 for byte in rest)
        answer["Content-Length"] = str(len(rest))
        self._send(request, status, answer, rest[:value] if fault == "cuts" else rest)

    def _send(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        self.sent += len(body)  # before the client can have them and ask
        request.wfile.write(body)
