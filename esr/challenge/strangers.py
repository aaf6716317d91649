"""The teams' networks, loaded from their own code and counted: ``esr challenge --run``."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from esr.challenge.checkout import RESULTS
from esr.challenge.select_model import Loaded, read_loader
from esr.challenge.stranger import FOUND
from esr.common.errors import EsrError, printable
from esr.common.progress import Progress
from esr.evaluation.complexity import Complexity
from esr.evaluation.organisers import TeamResults, read_teams

TRUST = (
    "--run runs the teams' code, which may read all that you may read. Where this system can bar it, it has no network "
    "and writes in a scratch folder alone; add --trust if you trust it"
)
PASSED_ON = ("PATH", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
LONGEST = 600  # s for a network


@dataclass(frozen=True)
class Stranger:
    """A team's network: its complexity, or the reason why there is none.

    Attributes:
        name: of the loader's branch.
        complexity: counted by esr; None where the network could not be loaded or run.
        reason: why; empty where it could.
        printed: the organisers' results of it, if there are any.
        unbarred: what the system could not bar it from.
    """

    name: str
    complexity: Complexity | None
    reason: str
    printed: TeamResults | None
    unbarred: Sequence[str]


class Found(BaseModel):
    """What the process of a network wrote; the team's code may have written anything in its place."""

    unbarred: list[str] = []
    complexity: Complexity | None = None
    reason: str = ""


def measure_strangers(checkout: Path, wanted: str) -> list[Stranger]:
    """Load and count the networks with these numbers, each in a process of its own.

    Args:
        checkout: a work tree of the organisers' repository, with the checkpoints.
        wanted: numbers, as ``00,21,22``; or ``all``.

    Raises:
        EsrError: the loader cannot be read, or has no network of such a number.
    """
    chosen = _chosen(checkout, wanted)
    results = read_teams(checkout / RESULTS) if (checkout / RESULTS).exists() else {}
    printed = {name.strip(): team for name, team in results.items()}
    with Progress("loading networks", len(chosen), "networks") as progress:
        return list(_measured(checkout.resolve(), chosen, printed, progress))


def _chosen(checkout: Path, wanted: str) -> list[Loaded]:
    loader = read_loader(checkout)
    if not loader:
        raise EsrError(f"{checkout} has no test_demo.py with the organisers' select_model; name a checkout of theirs")
    if wanted == "all":
        return loader
    numbers = [text.strip() for text in wanted.split(",")]
    unknown = [text for text in numbers if not text.isdigit() or int(text) not in {each.number for each in loader}]
    if unknown:
        known = ", ".join(f"{each.number:02}" for each in loader)
        raise EsrError(f"--run: there is no network {printable(', '.join(unknown))}; there are: {known}, or all")
    return [each for each in loader if each.number in set(map(int, numbers))]


def _measured(
    checkout: Path, chosen: Sequence[Loaded], printed: Mapping[str, TeamResults], progress: Progress
) -> Iterator[Stranger]:
    for branch in chosen:
        found = _found(checkout, branch.number)
        name = branch.name.strip()
        yield Stranger(name, found.complexity, found.reason, printed.get(name), found.unbarred)
        progress.add(1)


def _found(checkout: Path, number: int) -> Found:
    """What the process of one network found; a process that ends without a word is a reason, too."""
    with tempfile.TemporaryDirectory(prefix="esr-stranger-") as name:
        folder = Path(name)
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        environment |= {"HOME": name, "TMPDIR": name}
        command = [sys.executable, "-m", "esr.challenge.stranger", str(checkout), str(number), name]
        process = subprocess.Popen(
            command,
            cwd=name,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            return Found(reason=f"it took more than {LONGEST} s")
        finally:
            _end_all(process)
        try:
            return Found.model_validate_json((folder / FOUND).read_bytes())
        except (OSError, ValueError):
            return Found(reason=f"its process ended with code {code}")


def _end_all(leader: "subprocess.Popen[bytes]") -> None:
    """End the process and whatever the team's code has started and left behind."""
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
