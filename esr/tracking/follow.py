"""Read journals: what is new in them since a store (a tracking URI) was last told, and whose stage lives."""

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from esr.errors import EsrError
from esr.files import read_json, write_json
from esr.tracking.held import is_held
from esr.tracking.journal import JOURNALS, Head, events_in

CHUNK = 1 << 20  # bytes of a journal that are sent before the progress is recorded


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
    """A journal as a store sees it."""

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self.name = "/".join(path.parts[-5:-1])  # SCALE/KIND/KEY/IDENTITY
        self.stage = self.name.rpartition("/")[0]
        self._record = path.with_name(f"told-{store}.json")
        self.told = self._read_record()

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

        A journal that is shorter than what was sent has lost its end in a power cut: it is read from its start.
        """
        if self.path.stat().st_size < self.told.size:
            self.told.size = 0
        with self.path.open("rb") as file:
            file.seek(self.told.size)
            lines = file.read(CHUNK)
            if b"\n" not in lines:
                lines += file.readline()
        return lines[: lines.rfind(b"\n") + 1]

    def record(self) -> None:
        """Remember what the store was told."""
        write_json(self._record, dataclasses.asdict(self.told))

    def forget(self) -> None:
        """Tell this journal from its start, to a new run."""
        self.told = Told()
        self._record.unlink(missing_ok=True)

    def _first(self) -> dict[str, Any] | None:
        with self.path.open("rb") as file:
            for line in file:
                for event in events_in(line):
                    if event["event"] == "begin":
                        return event
        return None

    def _read_record(self) -> Told:
        try:
            return Told(**read_json(self._record))
        except (EsrError, TypeError):
            return Told()


def journal_files() -> list[Path]:
    """Every journal of the project."""
    return sorted(JOURNALS.glob("*/*/*/*/events.jsonl"))
