"""The mirror: while stages run, a child of one of them sends to MLflow what they write to their journals.

There is one per project and store. The first stage starts it, and it ends with the run: when no stage lives, it sends
what is left and leaves. It runs at the lowest priority, does no work while a stage measures time, and may be killed at
any moment.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.lock import hold, is_held
from esr.tracking.address import database_of, shown, store_name, tracking_uri
from esr.tracking.database import check_database
from esr.tracking.follow import Journals
from esr.tracking.journal import JOURNALS
from esr.tracking.sending import NOT_NOW, Sender, one_line

STATE = Path(".esr")
LOG = STATE / "mirror.log"
SWITCH = "ESR_MIRROR"  # environment: with `off` there are journals and no mirror; only `esr track` sends

POLL = 1.0  # seconds between two looks at the journals
GAP = 5.0  # seconds without a stage after which a run has ended
LAST_WORDS = 60.0  # seconds after the last stage in which the mirror still begins to send something
LONGEST_PAUSE = 15.0  # seconds between two tries while the store does not answer


def ensure_mirror() -> None:
    """Start a mirror if none lives; call it when the stage has opened its journal. Takes milliseconds, never raises."""
    if os.environ.get(SWITCH) == "off":
        return
    try:
        if not is_held(lock_of(tracking_uri())):
            _start()
    except Exception as error:  # whatever it is, it must not stop the stage
        why = one_line(error)
        print(f"the mirror to MLflow does not start ({why}); `esr track` sends {JOURNALS} later", file=sys.stderr)


def lock_of(uri: str) -> Path:
    """The file that whoever sends to the store holds."""
    return STATE / f"mirror-{store_name(uri)}.lock"


def drain() -> str:
    """Send what waits at the end of a run, for a minute at most; nothing where mirrors are switched off."""
    return "" if os.environ.get(SWITCH) == "off" else send_all(60.0, thorough=False)


def send_all(timeout: float = 600.0, thorough: bool = True) -> str:
    """Send all that the journals hold now and the store has not; a mirror that lives makes way. Cheap if all is there.

    Args:
        timeout: seconds after which nothing more is begun.
        thorough: look into a local database, so that nobody is told that it has everything when it is damaged or
            lacks runs.

    Returns:
        A line for people where something stays unsent, else "". Nothing is raised: tracking stops nobody.
    """
    store = "MLflow"
    try:
        uri = tracking_uri()
        store = f"MLflow at {shown(uri)}"
        trouble = _send_all(uri, time.monotonic() + timeout, thorough)
    except EsrError as error:  # which names the remedy
        return f"{store}: {one_line(error)}"
    except Exception as error:  # whatever it is, it must not spoil the run that has just ended
        trouble = one_line(error)
    return f"{store}: {trouble}; kept in {JOURNALS}, `esr track` sends it later" if trouble else ""


def _send_all(uri: str, deadline: float, thorough: bool) -> str:
    path = database_of(uri)
    if path and path.exists():
        check_database(path, every_page=thorough)
    journals, trouble = Journals(uri), ""
    if journals.behind() or (thorough and journals.lost()):
        if journals.measuring():
            return NOT_NOW
        with _first_in_line(uri, deadline) as is_alone:
            if not is_alone:
                return "not all was sent in time"
            journals = Journals(uri)
            for journal in journals.lost() if thorough else []:
                journal.forget()
            trouble = Sender(journals).send(deadline)
        if journals.any_lives():
            ensure_mirror()
    if not trouble and (damage := journals.damage()):
        raise EsrError(damage)  # which no later try mends
    return trouble


@contextmanager
def _first_in_line(uri: str, deadline: float) -> Iterator[bool]:
    """Hold the store's lock during the block, for which the mirror makes way; gives False if it does not in time."""
    with _queue_of(uri).open("a") as queue, lock_of(uri).open("a") as lock:
        yield all(hold(file, patience=deadline - time.monotonic()) for file in (queue, lock))


def _queue_of(uri: str) -> Path:
    """The file that is held by whoever waits until the mirror makes way."""
    return lock_of(uri).with_suffix(".queue")


def _start() -> None:
    with LOG.open("a") as log:
        log.truncate(0)
        started = subprocess.Popen(
            [sys.executable, "-m", "esr.tracking.mirror"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    started.returncode = 0  # it sends this stage's last words: the stage does not wait for it


def run_mirror() -> None:
    """The life of the mirror's process; EsrError if MLFLOW_TRACKING_URI names no store, which no stage lets happen."""
    os.nice(19)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the stage, whose last words are still to be sent
    uri = tracking_uri()
    with lock_of(uri).open("a") as lock:
        if not hold(lock):
            return
        journals = Journals(uri)
        is_asked_to_leave = _serve(uri, journals)
    journals.look()
    if journals.any_lives() and not is_asked_to_leave:  # one that began in the last moment, or with a new database
        ensure_mirror()


def _serve(uri: str, journals: Journals) -> bool:
    """Send until the run has ended, the database is gone, or somebody else wants to send: then True is returned."""
    sender = Sender(journals)
    last_life = time.monotonic()
    pause, again, said = POLL, 0.0, ""
    while not sender.is_cut_off:
        time.sleep(POLL)
        is_asked = is_held(_queue_of(uri))
        journals.look()
        lives = journals.any_lives()
        last_life = time.monotonic() if lives else last_life
        if not is_asked and time.monotonic() < again:
            continue
        trouble = sender.send(float("inf") if lives else last_life + LAST_WORDS)
        pause = min(2 * pause, LONGEST_PAUSE) if trouble else POLL
        again = time.monotonic() + (pause if trouble else 0)
        if said != (said := trouble or journals.damage()) and said:
            with suppress(OSError):  # a full disk
                print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {said}", flush=True)
        if is_asked:
            return True
        if time.monotonic() - last_life > GAP and (trouble or not journals.behind()):
            break
    return False


if __name__ == "__main__":
    run_mirror()
