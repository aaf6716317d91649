"""Runs of a whole pipeline that are killed at random moments, and what must hold when one of them has ended well."""

import datetime
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
from fault_events import Events, Finished, Kill
from fault_pipeline import DVC_REPRO, MAKE_RUN, Pipeline, files_of, name_of, processes_in, results

from tests.tiny_project import Project

VICTIMS = ("stage", "snakemake", "dvc", "make run", "all")
FRUITLESS = 8  # runs in a row that ended by themselves and not well: the command does not go on
LOOK = 0.3  # seconds from one look at the processes to the next
KillJob = Callable[[random.Random], bool]


@dataclass
class Kills:
    """Runs of a pipeline in which one process after the other is killed, until it is finished; then those of the next.

    Attributes:
        events: of this and all former sittings.
        seed: every kill has a chance of its own, which follows from this seed and the kill's number.
        mean: seconds to wait before a kill, on average (exponential); two of three kills wait for a stage first.
        kill_job: kills one of a cluster's jobs if there is one, and says whether; where stages run on a cluster.
    """

    pipeline: Pipeline
    events: Events
    seed: int
    mean: float
    kill_job: KillJob | None = None
    _found: list[str] = field(default_factory=list)
    _until: int = 0
    _end: float = float("inf")

    def until(self, count: int, seconds: float | None) -> None:
        """Kill until the record has ``count`` kills, and finish the last pipeline in peace; or until time is over."""
        self._until = count
        self._end = time.monotonic() + (seconds or float("inf"))
        while not self._in_peace() and time.monotonic() < self._end:
            project = self.pipeline.copy("killed")
            try:
                ended = self._to_its_end(project)
            finally:
                _kill_everything(project)
            if ended:
                self._hold_against_the_undisturbed(project)
                shutil.rmtree(project.folder)

    def _in_peace(self) -> bool:
        return len(self.events.kills) >= self._until

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self.seed}/{len(self.events.kills) + 1}/{what}")

    def _to_its_end(self, project: Project) -> bool:
        """Run, kill, run again; False: time is over before the pipeline has ended well."""
        fruitless = 0
        while time.monotonic() < self._end:
            by_dvc = self.pipeline.command == MAKE_RUN and self._chance("command").random() < 0.25
            command = DVC_REPRO if by_dvc and not self._in_peace() else self.pipeline.command
            if command == DVC_REPRO:
                _wait_for(project, "snakemake")  # two drivers at once are nobody's habit
            run = _Run(self, project, command)
            run.to_its_end()
            if run.code is None:
                return False
            if run.code == 0 and command == self.pipeline.command:
                return True
            fruitless = fruitless + 1 if run.code and not run.kills else 0
            if run.code and not run.kills:
                self._found.append(
                    f"{' '.join(command)} ended with {run.code}, nobody had killed it: {run.said[-600:]}"
                )
                print(self._found[-1], flush=True)
            if fruitless == FRUITLESS:
                raise SystemExit(f"{FRUITLESS} times in a row nothing went on: {self._found[-1]}")
        return False

    def _hold_against_the_undisturbed(self, project: Project) -> None:
        number = self.events.present
        survived = sum((kill.pipeline, kill.code_of) == (number, self.pipeline.code) for kill in self.events.kills)
        made = results(project)
        self._found += [f"{path} differs" for path, content in self.pipeline.made.items() if made.get(path) != content]
        self._found += [f"still at work: {' '.join(process.cmdline())[:200]}" for process in processes_in(project)]
        before = _times(project)
        time.sleep(3)
        self._found += [
            f"written after the end: {path}" for path, at in _times(project).items() if before.get(path) != at
        ]
        checks = {
            ("esr", "sync"): "Every stage is up to date",
            ("snakemake", "-n"): "Nothing to be done",
            ("dvc", "status"): "up to date",
        }
        for command, wanted in checks.items():
            done = project.run(*command)
            if wanted not in done.stdout + done.stderr:
                self._found.append(f"{' '.join(command)}: {(done.stdout + done.stderr)[-600:]}")
        litter = sum(1 for path in files_of(project) if path.name.endswith(".part"))
        self.events.add(Finished(number, survived, len(self.pipeline.made), litter, self._found))
        print(f"pipeline {number} is finished after {survived} kills; found: {self._found or 'nothing'}", flush=True)
        self._found = []


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
            number = len(whole.events.kills) + self.kills + 1
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

    def _one_of(self, chance: random.Random) -> str:
        """SIGKILL to one of those that work in the project, or to all of them; gives who it was."""
        working = {process: name_of(process) for process in processes_in(self._project)}
        there = {name for name in VICTIMS if any(found.startswith(name) for found in working.values())} | {"all"}
        victim = chance.choice([*sorted(there), *(["job"] if self._whole.kill_job else [])])
        if victim == "job" and self._whole.kill_job and self._whole.kill_job(chance):
            return victim
        victim = "all" if victim == "job" else victim
        targets = [process for process, name in working.items() if victim == "all" or name.startswith(victim)]
        for process in targets if victim == "all" else [chance.choice(targets)]:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        return victim


def _kill_everything(project: Project) -> None:
    for process in processes_in(project):
        with suppress(psutil.Error):
            process.kill()


def _stages(project: Project) -> list[str]:
    """The stages that are at work, as ``KIND@KEY``."""
    names = (name_of(process) for process in processes_in(project))
    return sorted({name.removeprefix("stage ") for name in names if name.startswith("stage ")})


def _wait(over: Callable[[], bool], end: float) -> None:
    while not over() and time.monotonic() < end:
        time.sleep(LOOK)


def _wait_for(project: Project, name: str) -> None:
    while any(name_of(process) == name for process in processes_in(project)):
        time.sleep(0.5)


def _times(project: Project) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in files_of(project) if path.is_file()}
