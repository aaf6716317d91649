"""Debian's Chromium without a window, driven over a pipe by the DevTools protocol: no library, no port, no network."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
COMPLAINTS = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
MANY = 10  # file descriptors from here on are free of those that the protocol uses


class Browser:
    """One tab. Every call waits for its answer; what the page complains of meanwhile is kept."""

    def __init__(self, write: IO[bytes], read: IO[bytes]) -> None:
        self._write, self._read = write, read
        self._calls = 0
        self._session: dict[str, str] = {}
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params, **self._session}
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        result: dict[str, Any] = self._wait(lambda answer: answer.get("id") == self._calls).get("result", {})
        return result

    def open(self, page: Path, width: int, height: int, dark: bool = False, scripts: bool = True) -> None:
        """Load a file in a window of this size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Page.navigate", url=page.resolve().as_uri())
        self._wait(lambda answer: answer.get("method") == "Page.loadEventFired")

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click what a selector finds first."""
        self.ask(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, key: str) -> None:
        """Press a key on what has the focus."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with the left button, in px of the window."""
        for kind, (x, y) in (("Pressed", start), ("Moved", end), ("Released", end)):
            held = {"button": "left", "buttons": 1, "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **held)

    def pinch(self, x: float, y: float, near: float, far: float) -> None:
        """Spread two fingers about a point from ``near`` to ``far`` px away from it."""
        for kind, away in (("touchStart", near), ("touchMove", (near + far) / 2), ("touchMove", far), ("touchEnd", 0)):
            points = [{"x": x - away, "y": y, "id": 1}, {"x": x + away, "y": y, "id": 2}] if away else []
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def screenshot(self, path: Path, height: int | None = None) -> None:
        """Write the window's upper ``height`` px, or the whole page, as PNG."""
        size = self.ask("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": height or size[1], "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def _wait(self, wanted: Any) -> dict[str, Any]:
        while True:
            answer = self._next()
            if answer.get("method") in COMPLAINTS:
                self.complaints.append(json.dumps(answer["params"]))
            if wanted(answer):
                assert "error" not in answer, answer
                return answer

    def _next(self) -> dict[str, Any]:
        message = bytearray()
        while (byte := self._read.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            message += byte
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser for as long as the context lasts."""
    assert CHROMIUM, "no Chromium is installed"
    to_browser, write = (fcntl.fcntl(end, fcntl.F_DUPFD, MANY) for end in os.pipe())
    read, from_browser = (fcntl.fcntl(end, fcntl.F_DUPFD, MANY) for end in os.pipe())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        flags += ["--remote-debugging-pipe", f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND"]
        shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        process = subprocess.Popen(
            ["bash", "-c", shell, "bash", CHROMIUM, *flags],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        with os.fdopen(write, "wb") as writing, os.fdopen(read, "rb") as reading:
            browser = Browser(writing, reading)
            try:
                yield browser
            finally:
                browser._session = {}
                browser.call("Browser.close")
        process.wait(30)
