"""Runs of a whole pipeline that are killed at random moments, and what must hold when one of them has ended well."""

import datetime
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
from fault_events import Events, Finding, Finished, Kill
from fault_pipeline import DVC_REPRO, MAKE_RUN, Pipeline, files_of, kill_all_in, name_of, processes_in, results
from fault_slurm import Jobs

from tests.tiny_project import Project

VICTIMS = ("stage", "snakemake", "dvc", "make run", "all")
FRUITLESS = 8  # runs in a row that ended by themselves and not well: the command does not go on
LOOK = 0.3  # seconds from one look at the processes to the next
AFTERMATH, AFTERMATH_OF_JOBS = 10.0, 300.0  # seconds in which what a killed driver left comes to its end
KILLED = "killed"  # the folder of the pipeline at hand
AS_IT_SHOULD = {
    ("esr", "sync"): "Every stage is up to date",
    ("snakemake", "-n"): "Nothing to be done",
    ("dvc", "status"): "up to date",
}
"""What each command says in a finished project."""


@dataclass
class Kills:
    """Runs of a pipeline in which one process after the other is killed, until it is finished; then those of the next.

    Attributes:
        events: of this and all former sittings.
        seed: every kill has a chance of its own, which follows from this seed and the kill's number.
        mean: seconds to wait before a kill, on average (exponential); two of three kills wait for a stage first.
        jobs: of the cluster, where stages run on one.
    """

    pipeline: Pipeline
    events: Events
    seed: int
    mean: float
    jobs: Jobs | None = None
    _until: int = 0
    _end: float = float("inf")

    def until(self, count: int, seconds: float | None) -> None:
        """Kill until the record has ``count`` kills, and finish the last pipeline in peace; or until time is over."""
        self._until = count
        self._end = time.monotonic() + (seconds or float("inf"))
        while (not self._in_peace() or self._begun) and time.monotonic() < self._end:
            project = self.pipeline.copy(KILLED)
            try:
                if self._to_its_end(project):
                    self._hold_against_the_undisturbed(project)
                    shutil.rmtree(project.folder)
            finally:
                kill_all_in(project)

    def _in_peace(self) -> bool:
        return self.events.count >= self._until

    @property
    def _begun(self) -> bool:
        """Whether there is a pipeline that was killed and not finished, perhaps by a former sitting."""
        return (self.pipeline.place / KILLED).exists()

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self.seed}/{self.events.count + 1}/{what}")

    def _find(self, what: str) -> None:
        self.events.add(Finding(self.events.present, what))
        print(f"found: {what}", flush=True)

    def _to_its_end(self, project: Project) -> bool:
        """Run, kill, run again; False: time is over before the pipeline has ended well."""
        fruitless = 0
        while time.monotonic() < self._end:
            by_dvc = self.pipeline.command == MAKE_RUN and self._chance("command").random() < 0.25
            if _works(project, "snakemake"):  # two drivers at once are nobody's habit; `make run` waits for it
                by_dvc = False
            command = DVC_REPRO if by_dvc and not self._in_peace() else self.pipeline.command
            run = _Run(self, project, command)
            run.to_its_end()
            if run.code is None:
                return False
            if run.code == 0 and command == self.pipeline.command:
                return True
            fruitless = fruitless + 1 if run.code and not run.kills else 0
            if run.code and not run.kills:
                self._find(f"{' '.join(command)} ended with {run.code}, nobody had killed it: {run.said[-600:]}")
            if fruitless == FRUITLESS:
                raise SystemExit(f"{FRUITLESS} times in a row nothing went on")
        return False

    def _hold_against_the_undisturbed(self, project: Project) -> None:
        number = self.events.present
        survived = sum((kill.pipeline, kill.code_of) == (number, self.pipeline.code) for kill in self.events.kills)
        found = list(self._amiss(project))
        for what in found:
            self._find(what)
        litter = sum(1 for path in files_of(project) if path.name.endswith(".part"))
        self.events.add(Finished(number, survived, len(self.pipeline.made), litter))
        print(f"pipeline {number} is finished after {survived} kills; {len(found)} things are amiss", flush=True)

    def _amiss(self, project: Project) -> Iterator[str]:
        """What is not as after an undisturbed run."""
        before = _times(project)
        _wait(lambda: not self._at_work(project), time.monotonic() + (AFTERMATH_OF_JOBS if self.jobs else AFTERMATH))
        yield from (f"still at work: {what}" for what in self._at_work(project))
        time.sleep(3)
        yield from (f"written after the end: {path}" for path, at in _times(project).items() if before.get(path) != at)
        made = results(project)
        yield from (f"{path} differs" for path, content in self.pipeline.made.items() if made.get(path) != content)
        for command, wanted in AS_IT_SHOULD.items():
            done = project.run(*command)
            if wanted not in done.stdout + done.stderr:
                yield f"{' '.join(command)}: {(done.stdout + done.stderr)[-600:]}"

    def _at_work(self, project: Project) -> list[str]:
        """Processes in the project, and jobs that wait or run."""
        processes = [f"{process.pid} {name_of(process)}" for process in processes_in(project)]
        return processes + (self.jobs.left() if self.jobs else [])


class _Run:
    """One run of a driver, and who is killed during it.

    Attributes:
        code: with which the driver ended; None: time was over first.
        said: what it printed.
        kills: how many there were.
    """

    def __init__(self, kills: Kills, project: Project, command: tuple[str, ...]) -> None:
        self._whole, self._project, self._command = kills, project, command
        self._pending: list[dict[str, Any]] = []
        self.code: int | None = None
        self.said = ""

    @property
    def kills(self) -> int:
        return len(self._pending)

    def to_its_end(self) -> None:
        """Run the driver, and kill until it ends; every kill is written down, also where the sitting ends."""
        start = time.monotonic()
        with (self._project.folder.parent / "said.txt").open("w+") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", *self._command],
                cwd=self._project.folder,
                env=self._project.environment(**self._whole.pipeline.environment),
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                self._disturb(process, start)
                self.code = process.poll()
            finally:
                for kill in self._pending:
                    self._whole.events.add(Kill(**kill, code=self.code))
                said.seek(0)
                self.said = said.read()

    def _disturb(self, process: "subprocess.Popen[bytes]", start: float) -> None:
        whole = self._whole
        while process.poll() is None and time.monotonic() < whole._end:
            number = whole.events.count + self.kills + 1
            if number > whole._until:
                _wait(lambda: process.poll() is not None, whole._end)
                return
            seed = f"{whole.seed}/{number}"
            chance = random.Random(seed)
            if chance.random() < 2 / 3:
                _wait(lambda: process.poll() is not None or bool(_stages(self._project)), whole._end)
            delay = time.monotonic() + chance.expovariate(1 / whole.mean)
            _wait(lambda: process.poll() is not None, min(delay, whole._end))
            if process.poll() is None and time.monotonic() < whole._end:
                self._kill(number, seed, chance, time.monotonic() - start)

    def _kill(self, number: int, seed: str, chance: random.Random, seconds: float) -> None:
        during = _stages(self._project)
        victim = self._one_of(chance)
        if victim is None:  # they have just ended
            return
        self._pending.append(
            {
                "number": number,
                "at": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S"),
                "seed": seed,
                "victim": victim,
                "during": during,
                "seconds": round(seconds, 1),
                "command": " ".join(self._command),
                "pipeline": self._whole.events.present,
                "code_of": self._whole.pipeline.code,
            }
        )
        print(f"kill {number}: {victim}{' while ' if during else ''}{', '.join(during)}", flush=True)

    def _one_of(self, chance: random.Random) -> str | None:
        """SIGKILL to one of those that work in the project, or to all of them; gives who it was, None: nobody."""
        working = {process: name_of(process) for process in processes_in(self._project)}
        there = {name for name in VICTIMS if any(found.startswith(name) for found in working.values())} | {"all"}
        jobs = self._whole.jobs
        victim = chance.choice([*sorted(there), *(["job"] if jobs else [])])
        if victim == "job" and jobs and jobs.kill(chance):
            return victim
        victim = "all" if victim == "job" else victim
        targets = [process for process, name in working.items() if victim == "all" or name.startswith(victim)]
        hit = [_ends(process) for process in (targets if victim == "all" else [chance.choice(targets)])]
        return victim if any(hit) else None


def _ends(process: psutil.Process) -> bool:
    """SIGKILL; False: it had ended before."""
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.Error:
        return False
    return True


def _stages(project: Project) -> list[str]:
    """The stages that are at work, as ``KIND@KEY``."""
    names = (name_of(process) for process in processes_in(project))
    return sorted({name.removeprefix("stage ") for name in names if name.startswith("stage ")})


def _wait(over: Callable[[], bool], end: float) -> None:
    while not over() and time.monotonic() < end:
        time.sleep(LOOK)


def _works(project: Project, name: str) -> bool:
    return any(name_of(process) == name for process in processes_in(project))


def _times(project: Project) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in files_of(project) if path.is_file()}
