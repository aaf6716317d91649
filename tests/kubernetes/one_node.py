"""As much of Kubernetes as Snakemake's plugin speaks with, on 127.0.0.1: an API server, and one node that runs pods.

What Kubernetes' own API server refuses of a pod is refused here, too.
"""

from __future__ import annotations

import base64
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.kubernetes.pods import Pod

CONFIG = """\
apiVersion: v1
kind: Config
current-context: here
clusters: [{{name: here, cluster: {{server: "{server}"}}}}]
users: [{{name: here, user: {{}}}}]
contexts: [{{name: here, context: {{cluster: here, user: here}}}}]
"""
PATH = re.compile(r"/(?:api|apis/batch)/v1/namespaces/default/(?P<kind>\w+)(?:/(?P<name>[^/]+))?(?:/(?P<part>\w+))?")
Answer = tuple[int, Any]


@dataclass
class Node:
    """What the API server knows, and what runs.

    Attributes:
        claim: the name of the one volume claim.
        folder: where pods get their folders.
        pods: all that there were.
        present: the names of jobs that nobody has deleted.
        secrets: the values of each secret that nobody has deleted.
        asked: verb and resource of all requests, as a Role names them.
    """

    claim: str
    folder: Path
    pods: list[Pod] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: set[tuple[str, str]] = field(default_factory=set)

    def running(self) -> list[Pod]:
        """The pods that have not ended."""
        return [pod for pod in self.pods if pod.code is None]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        """Status and JSON for a request."""
        found = PATH.fullmatch(path)
        if found is None:
            return _refused(404, f"no such path: {path}")
        name = found["name"]
        verb = {"POST": "create", "DELETE": "delete", "GET": "get" if name else "list"}[method]
        what = "/".join(filter(None, [found["kind"], found["part"]]))
        self.asked.add((verb, what))
        match verb, what:
            case "create", "secrets":
                return self._keep_secret(body)
            case "delete", "secrets":
                return (200, {}) if self.secrets.pop(name, None) is not None else _refused(404, name)
            case "create", "jobs":
                return self._create(Pod(body, Path(tempfile.mkdtemp(dir=self.folder))))
            case "delete", "jobs":
                self.present.discard(name)
                return 200, {}
            case "get", "jobs/status":
                return self._status(name)
            case "list", "pods":
                job = query["labelSelector"][0].removeprefix("job-name=")
                return 200, {"items": [pod.shown() for pod in self.pods if pod.name == job]}
            case "delete", "pods":
                self._pod(name).end()
                return 200, self._pod(name).shown()
            case "get", "pods/log":
                return self._log(name, query.get("previous", ["false"])[0].lower() == "true")
        return _refused(404, f"no such thing: {method} {path}")

    def _keep_secret(self, secret: dict[str, Any]) -> Answer:
        values = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
        self.secrets[secret["metadata"]["name"]] = values
        return 201, secret

    def _create(self, pod: Pod) -> Answer:
        if wrong := pod.wrong(self.claim):
            return _refused(422, wrong)
        references = {env["name"]: env["valueFrom"]["secretKeyRef"] for env in pod.container.get("env") or []}
        pod.start({name: self.secrets[each["name"]][each["key"]] for name, each in references.items()})
        self.pods.append(pod)
        self.present.add(pod.name)
        return 201, pod.job

    def _status(self, name: str) -> Answer:
        if name not in self.present:
            return _refused(404, f"jobs {name} not found")
        pod = self._pod(name)
        return 200, pod.job | {"status": {{None: "active", 0: "succeeded"}.get(pod.code, "failed"): 1}}

    def _log(self, name: str, previous: bool) -> Answer:
        """A container that was never started anew has no former one, of which `previous` asks."""
        if previous:
            return _refused(400, f'previous terminated container "snakemake" in pod "{name}" not found')
        return 200, self._pod(name).log.read_text()

    def _pod(self, name: str) -> Pod:
        return next(pod for pod in self.pods if pod.name == name)


def _refused(code: int, message: str) -> Answer:
    return code, {"kind": "Status", "status": "Failure", "code": code, "message": message}


@contextmanager
def one_node(folder: Path, claim: str) -> Iterator[tuple[Node, Path]]:
    """Start the server; gives what it knows, and the file for KUBECONFIG. What still runs at the end is killed."""
    folder.mkdir()
    node = Node(claim, folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            code, told = node.answer(self.command, address.path, parse_qs(address.query), body)
            content = json.dumps(told).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    config = folder / "config"
    config.write_text(CONFIG.format(server=f"http://127.0.0.1:{server.server_address[1]}"))
    try:
        yield node, config
    finally:
        for pod in node.running():
            pod.end()
        server.shutdown()
        server.server_close()
        thread.join()
