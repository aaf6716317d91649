"""Read journals: what is new in them since a store (a tracking URI) was last told, and whose stage lives."""

import dataclasses
import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from esr.common.errors import EsrError
from esr.common.files import read_json, write_json
from esr.tracking.held import is_held
from esr.tracking.journal import JOURNALS, Head, events_in

CHUNK = 1 << 20  # bytes of a journal that are sent before the progress is recorded
LONGEST_LINE = 16 << 20  # bytes; of what is longer no stage told anything


@dataclass
class Told:
    """What a store knows of a journal.

    Attributes:
        size: bytes of the journal that were sent.
        run, parent: their ids in the store; empty before the first sending.
        status: the run's, as MLflow names it; empty before the first sending.
        time: of the last event that was sent, in Unix ms.
        settled: the parent's status and note reflect what was sent.
        last: the last step of each metric.
        first: the metrics at step 0; of a benchmark they are the entry's final numbers.
    """

    size: int = 0
    run: str = ""
    parent: str = ""
    status: str = ""
    time: int = 0
    settled: bool = True
    last: dict[str, int] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)


class Followed:
    """A journal as a store sees it.

    Attributes:
        passed_over: lines that were read as sent and hold no event.
    """

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self.name = "/".join(path.parts[-5:-1])  # SCALE/KIND/KEY/IDENTITY
        self.stage = self.name.rpartition("/")[0]
        self._record = path.with_name(f"told-{store}.json")
        self.told = self._read_record()
        self.passed_over = 0

    @property
    def lives(self) -> bool:
        """Whether the stage that writes the journal runs now."""
        return is_held(self.path)

    @property
    def is_behind(self) -> bool:
        """Whether the run (not its parent) has something to learn."""
        if self.told.status == "RUNNING" and not self.lives:
            return True
        return self.path.stat().st_size != self.told.size and bool(self.unread()) and self.head() is not None

    @cached_property
    def begun(self) -> int:
        """When the stage began for the first time, in Unix ms; 0 if a power cut took it."""
        event = self._first()
        return int(event["time"]) if event else 0

    def head(self) -> Head | None:
        """What the stage told of itself; None if a power cut took it."""
        event = self._first()
        return cast(Head, event["head"]) if event else None

    def unread(self) -> bytes:
        """Whole lines that were not sent yet, at most about ``CHUNK`` bytes.

        A journal in which no line ends where the sending stopped has lost its end in a power cut, and may have
        grown since: it is read from its start.
        """
        with self.path.open("rb") as file:
            file.seek(max(self.told.size - 1, 0))
            if self.told.size and file.read(1) != b"\n":
                self.told.size = file.seek(0)
            lines = file.read(CHUNK)
            if b"\n" not in lines:
                lines += file.readline(LONGEST_LINE)
        return lines[: lines.rfind(b"\n") + 1]

    def fault(self) -> str:
        """Why nothing of the journal, or not all of it, can be sent; "" where all can."""
        if not self.lives and self.path.stat().st_size and self.head() is None:
            return "no line tells how its stage began"
        if not self.lives and self.told.size < self.path.stat().st_size - LONGEST_LINE and not self.unread():
            return "a line has no end"
        return f"lines without an event: {self.passed_over}" if self.passed_over else ""

    def record(self) -> None:
        """Remember what the store was told."""
        write_json(self._record, dataclasses.asdict(self.told))

    def forget(self) -> None:
        """Tell this journal from its start, to a new run."""
        self.told = Told()
        with suppress(OSError):  # where nothing can be written, what is sent again changes nothing
            self._record.unlink()

    def _first(self) -> dict[str, Any] | None:
        with self.path.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                for event in events_in(line):
                    if event["event"] == "begin":
                        return event
        return None

    def _read_record(self) -> Told:
        try:
            told = Told(**read_json(self._record))
        except (EsrError, TypeError, RecursionError):
            return Told()
        return told if _is_sound(told) else Told()


def _is_sound(told: Told) -> bool:
    """Whether each value has its type; anything can be in a file."""
    typed = all(type(value) is type(getattr(Told(), name)) for name, value in vars(told).items())
    numbers = [*told.last.values(), *told.first.values()] if typed else [""]
    return all(isinstance(number, int | float) for number in numbers) and told.size >= 0


def journal_files() -> list[Path]:
    """Every journal of the project that can be read."""
    return [path for path in _places() if path.is_file() and os.access(path, os.R_OK)]


def unreadable_files() -> list[Path]:
    """What lies where a journal should, and is none."""
    return [path for path in _places() if not (path.is_file() and os.access(path, os.R_OK))]


def _places() -> list[Path]:
    return sorted(JOURNALS.glob("*/*/*/*/events.jsonl"))
