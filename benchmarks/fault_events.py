"""What happened to the pipelines so far: a line of JSON each, kept between the sittings, and told in the record."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Kill:
    """One SIGKILL.

    Attributes:
        number: among all kills of this record, from 1.
        at: date and time (UTC).
        seed: of the chance that chose command, moment and victim.
        victim: ``stage``, ``snakemake``, ``dvc``, ``make run``, ``job`` (all of one of Slurm's) or ``all``.
        during: the stages that were at work, as ``KIND@KEY``.
        seconds: into the command.
        command: which was running.
        code: with which the command ended then; None where the sitting ended first.
        pipeline: its number, from 1.
        code_of: name of the code that ran.
    """

    number: int
    at: str
    seed: str
    victim: str
    during: list[str]
    seconds: float
    command: str
    code: int | None
    pipeline: int
    code_of: str

    def told(self) -> str:
        """The record's line."""
        during = f" while {' and '.join(self.during)} ran" if self.during else ""
        ended = "the sitting ended first" if self.code is None else f"it ended with {self.code}"
        return (
            f"{self.number}: {self.at}, seed {self.seed}: {self.victim}{during}, {self.seconds:.0f} s into"
            f" `{self.command}`; {ended}; pipeline {self.pipeline}, code {self.code_of}"
        )


@dataclass(frozen=True)
class Finished:
    """A pipeline that was brought to its end by the one command, after it had been killed.

    Attributes:
        pipeline: its number, from 1.
        kills: how many it has survived.
        files: weights, curves and manifests that were held against the undisturbed run's.
        litter: temporary files that were left behind.
    """

    pipeline: int
    kills: int
    files: int
    litter: int


@dataclass(frozen=True)
class Finding:
    """What should not have been, in words, and the number of the pipeline; written down at once."""

    pipeline: int
    found: str


class Events:
    """Kills, findings and finished pipelines, in a file that only grows.

    Attributes:
        former: the results of records of former sittings whose files are gone; their kills count, too.
    """

    def __init__(self, path: Path, former: Sequence[Mapping[str, Any]] = ()) -> None:
        self._path, self.former = path, former
        self.kills: list[Kill] = []
        self.finished: list[Finished] = []
        self.findings: list[Finding] = []
        for line in path.read_text().splitlines() if path.exists() else []:
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        if "victim" in event:
            self.kills.append(Kill(**event))
        elif "found" in event:
            self.findings.append(Finding(**event))
        else:
            self.finished.append(Finished(**event))

    def add(self, event: Kill | Finding | Finished) -> None:
        """Take an event and write it."""
        self._take(asdict(event))
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(event)) + "\n")

    @property
    def count(self) -> int:
        """How many kills the record has."""
        return len(self.kills) + self._of_former("kills")

    @property
    def present(self) -> int:
        """The number of the pipeline that is not finished yet."""
        return len(self.finished) + self._of_former("pipelines that were finished") + 1

    def summary(self) -> dict[str, Any]:
        """What the record says."""
        victims, stages = Counter(kill.victim for kill in self.kills), Counter(_kinds(self.kills))
        for each in self.former:
            victims.update(each["of"])
            stages.update(each["while these ran"])
        survived = sum(each.kills for each in self.finished) + self._of_former("kills that they survived")
        litter = sum(each.litter for each in self.finished) + self._of_former("temporary files left behind")
        files = [each["files compared in each"] for each in self.former] + [each.files for each in self.finished]
        found = [f"pipeline {each.pipeline}: {each.found}" for each in self.findings]
        return {
            "kills": self.count,
            "of": dict(victims.most_common()),
            "while these ran": dict(stages.most_common()),
            "pipelines that were finished": self.present - 1,
            "kills that they survived": survived,
            "files compared in each": max(files, default=0),
            "temporary files left behind": litter,
            "found": [*(line for each in self.former for line in each["found"]), *found],
            "each": [*(line for each in self.former for line in each["each"]), *(kill.told() for kill in self.kills)],
        }

    def _of_former(self, name: str) -> int:
        return sum(each[name] for each in self.former)


def _kinds(kills: list[Kill]) -> list[str]:
    return [stage.partition("@")[0] for kill in kills for stage in kill.during]
