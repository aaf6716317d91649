"""Journals as a store (a tracking URI) sees them: what it was sent, what is new since, and whose stage lives."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esr.common.errors import EsrError
from esr.common.files import read_json, write_json
from esr.common.lock import is_held
from esr.tracking.address import database_of, is_lost, store_name
from esr.tracking.database import Kept, runs_in
from esr.tracking.journal import JOURNALS, Head, events_in
from esr.tracking.shape import legal


class Sent(BaseModel):
    """What a store was sent of a journal: the record beside the journal.

    Attributes:
        size: bytes of the journal that were sent.
        run, parent: their ids in the store; empty before the first sending.
        status: the run's, as MLflow names it; empty before the first sending.
        time: of the last event that was sent, in Unix ms.
        last: the last step of each metric.
        first: the metrics at step 0; of a benchmark they are the entry's final numbers.
    """

    model_config = ConfigDict(strict=True)

    size: Annotated[int, Field(ge=0)] = 0
    run: str = ""
    parent: str = ""
    status: str = ""
    time: int = 0
    last: dict[str, int] = {}
    first: dict[str, float] = {}


class Followed:
    """A journal as a store sees it.

    Attributes:
        sent: what the store has of it.
        passed_over: lines that were read as sent and hold no event.
    """

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self.name = "/".join(path.parts[-5:-1])  # SCALE/KIND/KEY/IDENTITY
        self.stage = self.name.rpartition("/")[0]
        self._record = path.with_name(f"told-{store}.json")
        self.passed_over = 0
        self.recall()

    @property
    def lives(self) -> bool:
        """Whether the stage that writes the journal runs now."""
        return is_held(self.path)

    @property
    def is_behind(self) -> bool:
        """Whether the store has something to learn."""
        if self.sent.status == "RUNNING" and not self.lives:
            return True
        return self.path.stat().st_size != self.sent.size and bool(self.unread()) and self.head() is not None

    @property
    def begun(self) -> int:
        """When the stage began for the first time, in Unix ms; 0 if a power cut took it."""
        event = self._first()
        return int(event["time"]) if event else 0

    def head(self) -> Head | None:
        """What the stage told of itself; None if a power cut took it."""
        event = self._first()
        return cast(Head, event["head"]) if event else None

    def unread(self) -> bytes:
        """Whole lines that were not sent yet.

        A journal in which no line ends where the sending stopped has lost its end in a power cut, and may have
        grown since: it is read from its start.
        """
        with self.path.open("rb") as file:
            file.seek(max(self.sent.size - 1, 0))
            if self.sent.size and file.read(1) != b"\n":
                self.sent.size = file.seek(0)
            lines = file.read()
        return lines[: lines.rfind(b"\n") + 1]

    def fault(self) -> str:
        """Why nothing of the journal, or not all of it, can be sent; "" where all can."""
        if self.path.stat().st_size and not self.lives and self.head() is None:
            return "no line tells how its stage began"
        return f"lines without an event: {self.passed_over}" if self.passed_over else ""

    def record(self) -> None:
        """Remember what the store was sent."""
        write_json(self._record, self.sent.model_dump())

    def recall(self) -> None:
        """Go back to what is recorded; where that is damaged, all is sent again, which changes nothing."""
        self.sent = Sent()
        with suppress(EsrError, ValidationError):
            self.sent = Sent.model_validate(read_json(self._record))

    def forget(self) -> None:
        """Send this journal from its start, to a new run."""
        self.sent = Sent()
        with suppress(OSError):  # where nothing can be written, what is sent again changes nothing
            self._record.unlink()

    def _first(self) -> dict[str, Any] | None:
        with self.path.open("rb") as file:
            events = (event for line in file for event in events_in(line))
            return next((event for event in events if event["event"] == "begin"), None)


class Journals:
    """All journals of the project, and one store."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._followed: dict[Path, Followed] = {}
        self.look()

    def look(self) -> None:
        """Take in journals that are new; send everything again if the store's database does not exist."""
        name = store_name(self.uri)
        self._followed = {
            path: self._followed.get(path) or Followed(path, name) for path in _places() if _is_readable(path)
        }
        if is_lost(self.uri):
            for journal in self:
                journal.forget()

    def __iter__(self) -> Iterator[Followed]:
        return iter(self._followed.values())

    def any_lives(self) -> bool:
        """Whether a stage runs now."""
        return any(journal.lives for journal in self)

    def measuring(self) -> bool:
        """Whether a stage runs now that measures time and wants the machine to itself."""
        heads = [journal.head() for journal in self if journal.lives]
        return any(head["exclusive"] for head in heads if head)

    def behind(self) -> list[Followed]:
        """The journals with something new, the oldest first."""
        return sorted((each for each in self if each.is_behind), key=lambda journal: journal.begun)

    def of_entry(self, parent: str) -> list[Followed]:
        """The journals below an entry's run, in the order of what was sent last."""
        return sorted((each for each in self if each.sent.parent == parent), key=lambda journal: journal.sent.time)

    def lost(self) -> list[Followed]:
        """The journals whose run, or its parent, a local database has no longer, or only as it was before."""
        path = database_of(self.uri)
        if path is None or not path.exists():
            return []
        kept = runs_in(path)
        return [journal for journal in self if journal.sent.run and not _is_in(kept, journal.sent)]

    def damage(self) -> str:
        """A line on what cannot be sent, with the remedy; "" if all can."""
        faults = {str(path): "is no file that can be read" for path in _places() if not _is_readable(path)}
        faults |= {str(each.path): fault for each in self if (fault := each.fault())}
        if JOURNALS.exists() and not JOURNALS.is_dir():
            faults[str(JOURNALS)] = "is no folder"
        listed = "; ".join(f"{path} ({fault})" for path, fault in list(faults.items())[:3])
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        return f"passed over {listed}{more}: move away what is damaged; all else was sent" if faults else ""


def _is_in(kept: Mapping[str, Kept], sent: Sent) -> bool:
    run = kept.get(sent.run)
    if run is None or sent.parent not in kept or run.status != sent.status:
        return False
    return all(run.steps.get(legal(name), -1) >= step for name, step in sent.last.items())


def _places() -> list[Path]:
    return sorted(JOURNALS.glob("*/*/*/*/events.jsonl"))


def _is_readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
