"""The mirror: a process that sends to MLflow what stages write to their journals, and nothing else ever does.

There is one per project and store. The first stage starts it as its child, and it ends with the run: when no stage
lives, it sends what is left and leaves. It runs at the lowest priority, does no work while a stage measures time, and
may be killed at any moment: of every journal, MLflow itself says what it lacks (``esr.tracking.runs``).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from esr.common.errors import on_one_line
from esr.common.files import hash_of
from esr.common.lock import hold, is_held
from esr.tracking.address import shown, tracking_uri
from esr.tracking.journal import JOURNALS, events_in

if TYPE_CHECKING:
    from esr.tracking.runs import Runs

SWITCH = "ESR_MIRROR"  # environment: with `off` there are journals and no mirror; only `esr track` sends
LATER = f"kept in {JOURNALS}, `esr track` sends it later"
POLL = 2.0  # seconds between two looks at the journals
GAP = 5.0  # seconds without a stage after which a run has ended
PATIENCE = 60.0  # seconds with trouble after which a look at the journals ends
QUIET = {  # environment
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # by default a dead server holds a caller for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "OMP_NUM_THREADS": "1",
}


State = tuple[bool, int]  # of a journal: whether its stage lives, and its bytes


def ensure_mirror() -> None:
    """Start a mirror if none lives; call it when the stage has opened its journal. Takes milliseconds, never raises."""
    if os.environ.get(SWITCH) == "off":
        return
    try:
        if not is_held(log_of(tracking_uri())):
            _start().returncode = 0  # it sends this stage's last words: the stage does not wait for it
    except OSError as error:
        print(f"the mirror to MLflow does not start ({on_one_line(error)}); {LATER}", file=sys.stderr)


def drain() -> str:
    """Wait at the end of a run until its mirror leaves, a minute at most; gives a line on what was not sent, or ""."""
    return "" if os.environ.get(SWITCH) == "off" else _last_words(60.0)


def send_all() -> str:
    """Send all that the journals hold and MLflow lacks; gives a line on what was not sent, or ""."""
    try:
        _start().wait()  # which leaves at once where one lives
    except OSError as error:
        return f"the mirror to MLflow does not start ({on_one_line(error)}); {LATER}"
    return _last_words(0.0 if any_lives(journals()) else float("inf"))


def log_of(uri: str) -> Path:
    """The file that a store's mirror holds while it lives. It says what keeps something from being sent, or nothing."""
    return Path(f".esr/mirror-{hash_of(uri)}.log")


def _start() -> subprocess.Popen[bytes]:
    path = log_of(tracking_uri())
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as log:
        command = [sys.executable, "-m", "esr.tracking.mirror"]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**QUIET, **os.environ})


def _last_words(patience: float) -> str:
    log, deadline = log_of(tracking_uri()), time.monotonic() + patience
    while is_held(log) and time.monotonic() < deadline:
        time.sleep(0.1)
    return log.read_text().strip().rpartition("\n")[2] if log.exists() else ""


def journals() -> dict[Path, State]:
    """All journals of the project. Whether a stage lives is asked first: of a dead one every word is there."""
    return {path: (is_held(path), path.stat().st_size) for path in sorted(JOURNALS.glob("*/*/*/*/events.jsonl"))}


def any_lives(found: Mapping[Path, State]) -> bool:
    """Whether a stage runs now."""
    return any(lives for lives, _ in found.values())


def is_measuring() -> bool:
    """Whether a stage runs now that measures time and wants the machine to itself."""
    living = [path for path, (lives, _) in journals().items() if lives]
    return any(event.head["exclusive"] for path in living for event in islice(events_in(path), 1) if event.head)


class Sender:
    """Sends journals to a store."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._sent: dict[Path, State] = {}

    def send(self) -> str:
        """Send what is new since the last time, at first all that the store lacks; gives the first trouble, or ""."""
        trouble, begun, found = "", time.monotonic(), journals()
        for path in sorted((path for path in found if self._sent.get(path) != found[path]), key=_began):
            if is_measuring():
                return "nothing is sent while a stage measures time"
            if trouble and time.monotonic() - begun > PATIENCE:
                break
            try:
                self._runs.update(path, lives=found[path][0])
                self._sent[path] = found[path]
            except Exception as error:  # whatever it is, it must not keep back the others
                trouble = trouble or f"{path}: {on_one_line(error)}"
                if "_runs" not in vars(self):
                    return on_one_line(error)
        return trouble

    @cached_property
    def _runs(self) -> Runs:
        """The connection, made at its first use: mlflow takes seconds to import."""
        from esr.tracking.runs import Runs

        return Runs(self._uri)


def _began(journal: Path) -> int:
    return next((event.time for event in events_in(journal)), 0)


def run_mirror() -> None:
    """The life of the mirror's process."""
    os.nice(19)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the stage, whose last words are still to be sent
    uri, last_life = tracking_uri(), float("-inf")
    sender = Sender(uri)
    with log_of(uri).open("a") as log:
        if not hold(log):
            return
        _say(log, uri, "it was not asked yet")
        while True:
            lives = any_lives(journals())
            _say(log, uri, sender.send())
            last_life = time.monotonic() if lives else last_life
            if time.monotonic() - last_life > GAP:
                break
            time.sleep(POLL)
    if any_lives(journals()):  # one that began in the last moment
        ensure_mirror()


def _say(log: IO[str], uri: str, trouble: str) -> None:
    with suppress(OSError):  # a full disk
        log.truncate(0)
        print(f"MLflow at {shown(uri)}: {shown(trouble)[:300]}; {LATER}" if trouble else "", file=log, flush=True)


if __name__ == "__main__":
    run_mirror()
