"""From journals to runs: what is new in a journal goes to its run, results also to the entry's run."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from esr.common.errors import EsrError
from esr.common.files import hash_of, write_text
from esr.tracking import shape
from esr.tracking.address import answers, is_lost, shown
from esr.tracking.follow import Followed, Journals
from esr.tracking.journal import JOURNALS, Head, Steps, events_in

if TYPE_CHECKING:
    from esr.tracking.mlflow_store import Store

PROJECT = JOURNALS / "project"  # a random name: clones that share a server keep their runs apart
Item = TypeVar("Item")
NOT_NOW = "nothing is sent while a stage measures time"
MEASURE = "benchmark"  # the kind of stage whose numbers at step 0 are its entry's results
STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
WORST_FIRST = ("FAILED", "KILLED", "FINISHED")
QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # by default a dead server holds a caller for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


class Value(NamedTuple):
    """A metric's value, with the Unix time in ms at which the stage told it."""

    name: str
    value: float
    time: int
    step: int


@dataclass
class News:
    """Some events of a journal, gathered by what becomes of them."""

    status: str
    time: int
    head: Head | None = None  # of the last time that the stage began
    values: list[Value] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    pictures: list[dict[str, Any]] = field(default_factory=list)

    def take(self, event: dict[str, Any], steps: Steps) -> None:
        """Add an event; metrics only as far as ``steps`` does not know them."""
        self.time = event["time"]
        match event["event"]:
            case "begin":
                self.head, self.status = event["head"], "RUNNING"
                self.tags |= {**event["head"]["tags"], "host": event["host"], "pid": str(event["pid"])}
            case "metrics":
                fresh = steps.new(event["step"], event["values"])
                self.values += [Value(name, value, self.time, event["step"]) for name, value in fresh.items()]
            case "picture":
                self.pictures.append(event)
            case "end":
                self.status = STATUS[event["status"]]
                self.tags |= event["tags"]


class Pause(EsrError):
    """Nothing more is sent now, although the store may be well."""


class Sender:
    """Sends journals to their store. Only who holds the store's lock may.

    Whatever was sent is recorded after; when a sender is killed in between, the next one sends the same again,
    which changes nothing. So nothing is missing and nothing is there twice.
    """

    def __init__(self, journals: Journals) -> None:
        self._journals = journals
        self._checked: set[str] = set()  # runs that are known to be there

    @property
    def is_cut_off(self) -> bool:
        """Whether the store's database was deleted after this process had opened it: what it sends is lost."""
        return "_store" in vars(self) and is_lost(self._journals.uri)

    def send(self, deadline: float = float("inf")) -> str:
        """Send all that is new, and settle the entries whose stages have all ended.

        Args:
            deadline: of time.monotonic(); nothing more is begun after it, nor while a stage measures time.

        Returns:
            The first trouble, in one line; "" if all was sent.
        """
        if not self._journals.waiting():
            return ""
        try:
            self._go_on(deadline)
            if not answers(self._journals.uri):
                return "it does not answer"
            trouble = self._each(self._journals.behind(), self._send_some, deadline)
            return trouble or self._each(self._journals.unsettled(), self._settle, deadline)
        except Pause as pause:
            return str(pause)

    def _each(self, items: Mapping[str, Item], send_some: Callable[[Item], bool], deadline: float) -> str:
        """Send each to its end; what fails stays in the journal, and the others follow if the store still answers."""
        trouble = ""
        for name, item in items.items():
            try:
                self._go_on(deadline)
                while send_some(item):
                    self._go_on(deadline)
            except Pause:
                raise
            except Exception as error:  # of mlflow, requests, a database, ...
                trouble = trouble or f"{name}: {one_line(error)}"
                self._checked.clear()
                if "_store" not in vars(self) or not answers(self._journals.uri):
                    break
        return trouble

    def _go_on(self, deadline: float) -> None:
        self._journals.look()
        if self._journals.measuring():
            raise Pause(NOT_NOW)
        if time.monotonic() > deadline:
            raise Pause("not all was sent in time")

    @cached_property
    def _store(self) -> Store:
        """The connection, made at its first use: mlflow takes seconds to import."""
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        from esr.tracking.mlflow_store import Store

        return Store(self._journals.uri)

    @cached_property
    def _project(self) -> str:
        """The project's name; a new one where the file is damaged: what was sent stays, what comes has other runs."""
        with suppress(FileNotFoundError):
            if re.fullmatch(b"[0-9a-f]{16}", known := PROJECT.read_bytes()):
                return known.decode()
        name = secrets.token_hex(8)
        write_text(PROJECT, name)
        return name

    def _send_some(self, journal: Followed) -> bool:
        """Send what is new in a journal, up to a bound; False when there is nothing more."""
        lives = journal.lives  # before reading: the last words of a dead stage are all there
        head = journal.head()
        if head is None:
            return False
        if journal.unread():
            self._find_runs(journal, head)
            self._send(journal, head, journal.unread())
            return True
        if journal.sent.status == "RUNNING" and not lives:
            self._find_runs(journal, head)
            self._tell_status(journal, "KILLED", journal.sent.time)
            journal.record()
        return False

    def _settle(self, journals: Sequence[Followed]) -> bool:
        """Give an entry's run the status and the note that its journals (all of them) add up to."""
        in_time = sorted(journals, key=lambda journal: journal.sent.time)
        sent, head = in_time[-1].sent, in_time[-1].head()
        if head and self._store.has(sent.parent):
            latest = {journal.stage: journal.sent.status for journal in in_time}
            status = next((status for status in WORST_FIRST if status in latest.values()), "FINISHED")
            results = _results(in_time)
            stand_in = {"stand_in": "yes"} if any(values.get("stand_in") for values in results.values()) else {}
            self._store.tags(sent.parent, {"mlflow.note.content": shape.note(head, results), **stand_in})
            self._store.status(sent.parent, status, sent.time)
        for journal in journals:
            journal.sent.settled = True
            journal.record()
        return False

    def _find_runs(self, journal: Followed, head: Head) -> None:
        """Make sure that the journal's run and its parent are there; start over where somebody deleted the run."""
        sent = journal.sent
        if sent.run in self._checked:
            return
        if sent.run and not self._store.has(sent.run):
            journal.forget()
            sent = journal.sent
        sent.parent = self._find_parent(head, journal.begun)
        identity = hash_of([self._project, journal.name])
        sent.run = sent.run or self._store.find_run(identity, shape.child_name(head), journal.begun, sent.parent)
        self._store.tags(sent.run, {"mlflow.parentRunId": sent.parent})
        self._checked.add(sent.run)

    def _find_parent(self, head: Head, begun: int) -> str:
        identity = hash_of([self._project, head["entry"], head["recipe"], head["scale"]])
        run = self._store.find_run(identity, shape.parent_name(head), begun)
        if run not in self._checked:
            self._store.parameters(run, shape.parent_parameters(head))
            self._checked.add(run)
        return run

    def _send(self, journal: Followed, head: Head, lines: bytes) -> None:
        sent, store = journal.sent, self._store
        steps = Steps(sent.last, sent.first)
        news = News(sent.status, sent.time)
        events = list(events_in(lines))
        for event in events:
            news.take(event, steps)
        if news.head:
            store.parameters(sent.run, shape.child_parameters(head))
            store.tags(sent.run, shape.child_tags(news.head))
            store.tags(sent.parent, shape.parent_tags(news.head))
            store.status(sent.parent, "RUNNING", news.time)
        store.tags(sent.run, news.tags)
        store.values(sent.run, news.values)
        for picture in news.pictures:
            self._send_picture(journal, sent.run, picture["name"], picture)
        if head["kind"] == MEASURE:
            results = [value for value in news.values if value.step == 0]
            store.values(sent.parent, [value._replace(name=shape.of_entry(head, value.name)) for value in results])
            for picture in news.pictures:
                self._send_picture(journal, sent.parent, shape.of_entry(head, picture["name"]), picture)
        if news.status != sent.status:
            self._tell_status(journal, news.status, news.time)
        sent.size += len(lines)
        sent.time, sent.last, sent.first, sent.settled = news.time, steps.last, steps.first, False
        journal.passed_over += lines.count(b"\n") - len(events)
        journal.record()

    def _send_picture(self, journal: Followed, run: str, name: str, event: dict[str, Any]) -> None:
        self._store.picture(run, name, journal.path.parent / event["file"], event["step"], event["time"])

    def _tell_status(self, journal: Followed, status: str, time: int) -> None:
        self._store.status(journal.sent.run, status, time)
        journal.sent.status, journal.sent.settled = status, False


def _results(in_time: Sequence[Followed]) -> dict[str, dict[str, float]]:
    """The final numbers by row of the leaderboard, the newest where a row was measured more than once."""
    heads = [(journal.head(), journal.sent) for journal in in_time]
    return {head["key"]: sent.first for head, sent in heads if head and head["kind"] == MEASURE}


def one_line(error: Exception) -> str:
    """An error of whatever library, for people."""
    text = str(error) if isinstance(error, EsrError) else f"{type(error).__name__}: {error}"
    return shown(" ".join(text.split()))[:300]
