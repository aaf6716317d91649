"""Runs of a whole pipeline that are killed at random moments, and what must hold when one of them has ended well."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.tiny_project import Project, cloned, commit_all, keep_only, shorten, shrink  # noqa: E402

MAKE_RUN, DVC_REPRO = ("esr", "run"), ("dvc", "repro")
VICTIMS = ("stage", "snakemake", "dvc", "make run", "all")
STAGES = {"download", "crop", "join", "teacher", "distill", "train", "finetune", "prune", "fuse", "benchmark", "report"}
FRUITLESS = 8  # runs in a row that ended by themselves and not well: the command does not go on
LONGEST = 7200.0  # seconds of a run that nobody kills


@dataclass(frozen=True)
class Pipeline:
    """A project in which nothing has run, and what an undisturbed run makes of it.

    Attributes:
        fresh: the project; to be copied.
        place: a folder for the copies.
        made: the bytes of each weights file and curve of the undisturbed run, by path.
        finished: the project of that run.
    """

    fresh: Project
    place: Path
    made: dict[str, bytes]
    finished: Project

    @classmethod
    def prepared(cls, place: Path, demo: bool, undisturbed: Path | None) -> "Pipeline":
        """Lay the project out in ``place``, and run it undisturbed unless that was done before."""
        fresh = Project(cloned(place / "fresh", without=("released/",)))
        if not demo:
            fresh.edit(shrink)
            fresh.edit(shorten)
            fresh.edit(lambda params: keep_only(params, {"slimrlfn", "rlfn"}))
        commit_all(fresh)
        if undisturbed is None:
            fresh.copy(place / "undisturbed").well(*MAKE_RUN)
        finished = Project(undisturbed or place / "undisturbed")
        return cls(fresh, place, results(finished), finished)

    def edited(self) -> "Pipeline":
        """What is left to do of the finished project when a row was edited, and what becomes of it undisturbed."""
        fresh = self.finished.copy(self.place / "edited")
        fresh.edit(lambda params: params["finetune"]["rlfn-2"].update(learning_rate=3.0e-4))
        finished = fresh.copy(self.place / "edited-undisturbed")
        finished.well(*MAKE_RUN)
        return Pipeline(fresh, self.place, results(finished), finished)


def results(project: Project) -> dict[str, bytes]:
    """What is the same bytes in every run: weights, curves, the sets' manifests."""
    patterns = ("runs/*/*/*/weights.safetensors", "runs/*/*/*/curve.csv", "data/*/sets/*/manifest.json")
    files = [path for pattern in patterns for path in sorted(project.folder.glob(pattern))]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


@dataclass
class Kills:
    """Runs of a pipeline in which one process after the other is killed, until it is finished; then those of the next.

    Attributes:
        mean: seconds from one kill to the next, on average (exponential).
        killed: how often each victim was killed, and in the middle of which kind of stage.
        found: what should not have been, in words.
    """

    pipeline: Pipeline
    chance: random.Random
    mean: float
    killed: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    finished: int = 0
    litter: int = 0

    def until(self, count: int, seconds: float | None) -> dict[str, Any]:
        """Kill so often; the last pipeline is finished in peace. Gives what the record says."""
        end = time.monotonic() + (seconds or float("inf"))
        while self.killed.total() < count and time.monotonic() < end:
            project = self.pipeline.fresh.copy(self.pipeline.place / f"killed-{self.finished}")
            self._to_its_end(project, count, end)
            self.finished += 1
            self._hold_against_the_undisturbed(project)
            print(
                f"{self.killed.total()} kills, {self.finished} pipelines, found: {self.found or 'nothing'}", flush=True
            )
        return {
            "kills": self.killed.total(),
            "of": dict(self.killed),
            "while these ran": dict(self.stages),
            "pipelines that were finished": self.finished,
            "files compared in each": len(self.pipeline.made),
            "temporary files left behind": self.litter,
            "found": self.found,
        }

    def _to_its_end(self, project: Project, count: int, end: float) -> None:
        def in_peace() -> bool:
            return self.killed.total() >= count or time.monotonic() > end

        fruitless = 0
        while fruitless < FRUITLESS:
            command = MAKE_RUN if in_peace() or self.chance.random() < 0.75 else DVC_REPRO
            if command == DVC_REPRO:
                _wait_for(project, "snakemake")  # two drivers at once are nobody's habit
            code, said, was_killed = self._run(project, command, in_peace)
            if code == 0:
                if command == MAKE_RUN:
                    return
                fruitless = 0
            elif was_killed:
                fruitless = 0
            else:
                fruitless += 1
                self.found.append(f"{' '.join(command)} ended with {code} and nobody had killed it: {said[-600:]}")
        raise SystemExit(f"{FRUITLESS} times in a row nothing went on: {self.found[-1]}")

    def _run(self, project: Project, command: tuple[str, ...], in_peace: Callable[[], bool]) -> tuple[int, str, bool]:
        """Run a driver and kill at random moments; gives code, words, and whether anybody was killed."""
        with (project.folder.parent / "said.txt").open("w+") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=project.folder,
                env=project.environment(),
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            before = self.killed.total()
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LONGEST if in_peace() else self.chance.expovariate(1 / self.mean))
                if process.poll() is None and not in_peace():
                    self._kill(project)
            said.seek(0)
            return process.returncode, said.read(), self.killed.total() > before

    def _kill(self, project: Project) -> None:
        """SIGKILL to one of those that work in the project, or to all of them."""
        working = {process: _name(process) for process in processes_in(project)}
        there = sorted({name.split()[0] if name.startswith("stage") else name for name in working.values() if name})
        victim = self.chance.choice([name for name in VICTIMS if name in there] + ["all"])
        self.stages.update(name.removeprefix("stage ") for name in working.values() if name.startswith("stage "))
        targets = [process for process, name in working.items() if victim == "all" or name.startswith(victim)]
        for process in targets if victim == "all" else [self.chance.choice(targets)]:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        self.killed[victim] += 1
        print(f"kill {self.killed.total()}: {victim}", flush=True)

    def _hold_against_the_undisturbed(self, project: Project) -> None:
        made = results(project)
        different = [path for path, content in self.pipeline.made.items() if made.get(path) != content]
        self.found += [f"{path} differs from the undisturbed run's" for path in different]
        for process in processes_in(project):
            self.found.append(f"still at work in the end: {' '.join(process.cmdline())[:200]}")
        before = _times(project)
        time.sleep(3)
        self.found += [
            f"written after the end: {path}" for path, when in _times(project).items() if before.get(path) != when
        ]
        checks = {
            ("esr", "sync"): "Every stage is up to date",
            ("snakemake", "-n"): "Nothing to be done",
            ("dvc", "status"): "up to date",
        }
        for command, wanted in checks.items():
            done = project.run(*command)
            if wanted not in done.stdout + done.stderr:
                self.found.append(f"{' '.join(command)}: {(done.stdout + done.stderr)[-600:]}")
        self.litter += sum(1 for path in _files(project) if path.name.endswith(".part"))


def processes_in(project: Project) -> list[psutil.Process]:
    """All processes whose current folder is the project's."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd() == str(project.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _name(process: psutil.Process) -> str:
    """What a process is: ``stage KIND``, ``snakemake``, ``dvc``, ``make run``, or nothing of these."""
    with suppress(psutil.Error):
        command = process.cmdline()
        if command[1:3] == ["-m", "esr"] and command[3] in STAGES:
            return f"stage {command[3]}"
        if command[1:4] == ["-m", "esr", "run"]:
            return "make run"
        if command[1:2] == ["-m"] and command[2] in ("snakemake", "dvc"):
            return str(command[2])
    return ""


def _wait_for(project: Project, name: str) -> None:
    while any(_name(process) == name for process in processes_in(project)):
        time.sleep(0.5)


def _files(project: Project) -> Iterator[Path]:
    for folder in ("data", "runs", "reports"):
        yield from (path for path in (project.folder / folder).rglob("*") if path.is_file())


def _times(project: Project) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in _files(project)}
