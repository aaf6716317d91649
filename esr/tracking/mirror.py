"""The mirror: the one process per project and store that sends to MLflow what stages write to their journals.

The first stage starts it as its child, and it leaves when no stage lives and all is sent. It runs at the lowest
priority, does no work while a stage measures time, and may be killed: MLflow itself says what it lacks.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import IO

from esr.common.complaints import writing
from esr.common.errors import EsrError, on_one_line
from esr.common.files import hash_of
from esr.common.lock import hold, is_held
from esr.tracking.journal import is_measuring, living
from esr.tracking.troubles import kept, shown

SWITCH = "ESR_MIRROR"  # environment: with `off` there are journals and no mirror; only `esr track` sends
POLL = 2.0  # seconds between two looks at the journals
GAP = 5.0  # seconds without a stage after which a run has ended
QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # by default a dead server holds a caller for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def ensure_mirror() -> None:
    """Start a mirror if none lives; call it when the stage has opened its journal. Takes milliseconds, never raises."""
    if os.environ.get(SWITCH) == "off" or is_held(log_of(tracking_uri())):
        return
    try:
        if started := _start():
            started.returncode = 0  # it sends this stage's last words: the stage does not wait for it
    except EsrError as error:
        print(f"the mirror to MLflow does not start: {kept(str(error))}", file=sys.stderr)


def drain(elsewhere: bool = False) -> str:
    """Wait at the end of a run until its mirror leaves, a minute at most; gives a line on what was not sent, or "".

    Args:
        elsewhere: the stages ran as jobs of a cluster, which ends a mirror together with its job: send what is left.
    """
    if os.environ.get(SWITCH) == "off":
        return ""
    try:
        return send_all() if elsewhere else _last_words(60.0)
    except EsrError as error:
        return str(error)


def send_all() -> str:
    """Send all that the journals hold and MLflow lacks; gives a line on what was not sent, or "".

    Raises:
        EsrError: the disk is full, or nothing may be written.
    """
    if started := _start("once"):
        started.wait()
    return _last_words(0.0 if living() else float("inf"))


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, else what a bare `mlflow ui` shows when it is started in the project."""
    return os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


def log_of(uri: str) -> Path:
    """The file that a store's mirror holds while it lives. It says what keeps something from being sent, or nothing."""
    return Path(f".esr/mirror-{hash_of(uri)}.log")


def _start(*how_long: str) -> Popen[bytes] | None:
    """Start a mirror unless one lives. It holds its log from its birth to its death, because it inherits the file."""
    path = log_of(tracking_uri())
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as log:
            if not hold(log):
                return None
            _say(log, kept("not all was sent yet"))
            command = [sys.executable, "-m", "esr.tracking.mirror", *how_long]
            return Popen(command, stdin=DEVNULL, stdout=log, stderr=log, env={**QUIET, **os.environ})


def _last_words(patience: float) -> str:
    log, deadline = log_of(tracking_uri()), time.monotonic() + patience
    while is_held(log) and time.monotonic() < deadline:
        time.sleep(0.1)
    return log.read_text().partition("\n")[0] if log.exists() else ""


@cache
def _sender(uri: str) -> Callable[[], str]:
    from esr.tracking.runs import Runs  # here, because mlflow takes seconds to import

    return Runs(uri).send_news


def run_mirror(once: bool) -> None:
    """The life of the mirror's process; ``once`` for a single look at the journals."""
    os.nice(0 if once else 19)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the stage, whose last words are still to be sent
    uri, last_life = tracking_uri(), float("-inf")
    while True:
        lives = living()
        try:
            trouble = kept("nothing is sent while a stage measures time") if is_measuring() else _sender(uri)()
        except Exception as error:  # whatever it is: the store does not open
            trouble = kept(str(error) if isinstance(error, EsrError) else on_one_line(error))
        with suppress(OSError):  # a full disk
            _say(sys.stdout, trouble)
        last_life = time.monotonic() if lives else last_life
        if once or time.monotonic() - last_life > GAP:
            break
        time.sleep(POLL)
    fcntl.flock(sys.stdout, fcntl.LOCK_UN)
    if living() and not once:  # a stage that began in the last moment
        ensure_mirror()


def _say(log: IO[str], trouble: str) -> None:
    os.ftruncate(log.fileno(), 0)
    print(f"MLflow at {shown(tracking_uri())}: {trouble}" if trouble else "", file=log, flush=True)


if __name__ == "__main__":
    run_mirror(once="once" in sys.argv)
