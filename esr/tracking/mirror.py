"""The mirror: one process per project and store that sends to MLflow what stages write to their journals.

The first stage starts it. It lives as long as a stage does and a little longer, gives way to the stages (lowest
priority, and no work while one measures time), and may be killed at any moment.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.files import write_text
from esr.tracking.address import answers, database_of, shown, store_name, tracking_uri
from esr.tracking.database import check_database
from esr.tracking.held import hold, is_held
from esr.tracking.journal import JOURNALS
from esr.tracking.relay import Relay, one_line

STATE = Path(".esr")
WANTED = STATE / "mirror.wanted"  # name of the store that the latest stage wants; mirrors to other stores leave
LOG = STATE / "mirror.log"
SWITCH = "ESR_MIRROR"  # environment: with `off` there are journals and no mirror; only `esr track` sends

POLL = 1.0  # seconds between two looks at the journals
LINGER = 10.0  # seconds that the mirror outlives the last stage, so that the next one finds it
CALM = 3.0  # seconds without a stage after which an entry's run gets its status
LONGEST_PAUSE = 15.0  # seconds between two tries while the store does not answer


def ensure_mirror() -> None:
    """Start a mirror if none lives; call it when the stage has opened its journal. Takes milliseconds, never raises."""
    if os.environ.get(SWITCH) == "off":
        return
    try:
        uri = tracking_uri()
        if not _is_wanted(uri):
            write_text(WANTED, store_name(uri))
        if not is_held(lock_of(uri)):
            _start()
    except Exception as error:  # whatever it is, it must not stop the stage
        why = one_line(error)
        print(f"the mirror to MLflow does not start ({why}); `esr track` sends {JOURNALS} later", file=sys.stderr)


def lock_of(uri: str) -> Path:
    """The file that whoever sends to the store holds."""
    return STATE / f"mirror-{store_name(uri)}.lock"


def run_mirror() -> None:
    """The life of the mirror's process; EsrError if MLFLOW_TRACKING_URI names no store, which no stage lets happen."""
    os.nice(19)
    uri = tracking_uri()
    with _alone(uri) as is_alone:
        if not is_alone:
            return
        with LOG.open("w", buffering=1) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        _serve(Relay(uri))
    _hand_over(uri)


def drain(timeout: float = 60.0) -> str:
    """Send what waits at the end of a run; nothing where mirrors are switched off. As ``send_all``, but trusting."""
    return "" if os.environ.get(SWITCH) == "off" else _sent(timeout, thorough=False)


def send_all(timeout: float = 600.0) -> str:
    """Send all that the journals hold now and the store has not, from this process or by the mirror that lives.

    A local database is looked into, so that nobody is told that it has everything when it is damaged or lacks runs.
    Cheap if all is there.

    Args:
        timeout: seconds after which nothing more is begun.

    Returns:
        A line for people where something stays unsent, else "". Nothing is raised: tracking stops nobody.
    """
    return _sent(timeout, thorough=True)


def _sent(timeout: float, thorough: bool) -> str:
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
    relay = Relay(uri)
    missing = relay.missing() if thorough else []
    goal = {journal.path: journal.path.stat().st_size for journal in relay.behind()}
    if not goal and not relay.unsettled() and not missing:
        return _and_passed_over("", relay)
    while True:
        if relay.measuring():
            return "nothing is sent while a stage measures time"
        if not answers(uri):
            return "it does not answer"
        with _alone(uri) as is_alone:
            relay = Relay(uri)
            if is_alone and thorough:
                for journal in relay.missing():
                    journal.forget()
            trouble = (relay.send(deadline) or relay.settle()) if is_alone else ""
        if is_alone:
            _hand_over(uri)
        elif missing and relay.living():
            return f"{len(missing)} of its runs are gone, and are sent again only while no stage runs"
        if trouble or (_is_sent(relay, goal) and (is_alone or not missing)):
            return _and_passed_over(trouble, relay)
        if time.monotonic() > deadline:
            return "not all was sent in time"
        time.sleep(POLL / 10)


def _and_passed_over(trouble: str, relay: Relay) -> str:
    """The trouble; where there is none, EsrError tells of damaged journals, which no later try mends."""
    if not trouble and (damage := relay.passed_over()):
        raise EsrError(damage)
    return trouble


def _is_sent(relay: Relay, goal: dict[Path, int]) -> bool:
    """Whether every journal was sent as far as ``goal`` (path -> bytes); a torn last line never is."""
    journals = relay.journals.values()
    return all(journal.told.size >= goal.get(journal.path, 0) or not journal.is_behind for journal in journals)


def _serve(relay: Relay) -> None:
    last_life, pause, again, damage = time.monotonic(), POLL, 0.0, ""
    while _is_wanted(relay.uri) and not relay.is_cut_off and time.monotonic() - last_life < LINGER:
        time.sleep(POLL)
        relay.look()
        if relay.living():
            last_life = time.monotonic()
        if time.monotonic() < again or relay.measuring():
            continue
        trouble = _send(relay, calm=time.monotonic() - last_life > CALM)
        pause = min(2 * pause, LONGEST_PAUSE) if trouble else POLL
        if trouble:
            again = time.monotonic() + pause
            _log(f"{trouble}; next try in {pause:.0f} s")
        if damage != (damage := relay.passed_over()):
            _log(damage)


def _log(line: str) -> None:
    with suppress(OSError):  # a full disk
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", flush=True)


def _send(relay: Relay, calm: bool) -> str:
    if (relay.behind() or (calm and relay.unsettled())) and not answers(relay.uri):
        return f"{shown(relay.uri)} does not answer"
    return relay.send() or (relay.settle() if calm else "")


@contextmanager
def _alone(uri: str) -> Iterator[bool]:
    """Hold the store's lock during the block; gives False where a living process has it."""
    with lock_of(uri).open("a+") as lock:
        is_alone = hold(lock, patience=0.05)
        if is_alone:
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        yield is_alone


def _hand_over(uri: str) -> None:
    """Start a mirror for stages that live now and found the lock taken."""
    if _is_wanted(uri) and Relay(uri).living():
        ensure_mirror()


def _is_wanted(uri: str) -> bool:
    return WANTED.is_file() and WANTED.read_bytes() == store_name(uri).encode()


def _start() -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "esr.tracking"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    started.returncode = 0  # it outlives this process: nobody waits for it
