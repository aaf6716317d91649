"""From journals to runs: what is new in a journal goes to its run, results also to the entry's run."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from esr.common.errors import EsrError
from esr.common.files import hash_of, write_text
from esr.tracking import shape
from esr.tracking.address import answers, is_lost, shown
from esr.tracking.follow import Followed, Journals, Sent
from esr.tracking.journal import JOURNALS, Head, Steps, events_in

if TYPE_CHECKING:
    from esr.tracking.mlflow_store import Store

PROJECT = JOURNALS / "project"  # a random name: clones that share a server keep their runs apart
NOT_NOW = "nothing is sent while a stage measures time"
MEASURE = "benchmark"  # the kind of stage whose numbers at step 0 are its entry's results
STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
WORST_FIRST = ("RUNNING", "FAILED", "KILLED", "FINISHED")
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


class News:
    """Events of a journal that a store was not sent yet, gathered by what becomes of them.

    Attributes:
        status, time: of the run after them.
        steps: which metrics the store knows after them.
        head: what the stage told of itself when it began the last time, if it did.
    """

    def __init__(self, sent: Sent, events: Iterable[Mapping[str, Any]]) -> None:
        self.status, self.time = sent.status, sent.time
        self.steps = Steps(sent.last, sent.first)
        self.head: Head | None = None
        self.values: list[Value] = []
        self.tags: dict[str, str] = {}
        self.pictures: list[Mapping[str, Any]] = []
        for event in events:
            self._take(event)

    def _take(self, event: Mapping[str, Any]) -> None:
        self.time = event["time"]
        match event["event"]:
            case "begin":
                self.head, self.status = event["head"], "RUNNING"
                self.tags |= {**event["head"]["tags"], "host": event["host"], "pid": str(event["pid"])}
            case "metrics":
                fresh = self.steps.new(event["step"], event["values"])
                self.values += [Value(name, value, self.time, event["step"]) for name, value in fresh.items()]
            case "picture":
                self.pictures.append(event)
            case "end":
                self.status = STATUS[event["status"]]
                self.tags |= event["tags"]


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
        """Send all that is new.

        Args:
            deadline: of time.monotonic(); nothing more is begun after it, nor while a stage measures time.

        Returns:
            The first trouble, in one line; "" if all was sent.
        """
        trouble, is_well = "", False
        for journal in self._journals.behind():
            self._journals.look()
            if self._journals.measuring():
                return NOT_NOW
            if time.monotonic() > deadline:
                return "not all was sent in time"
            is_well = is_well or answers(self._journals.uri)
            if not is_well:
                return trouble or "it does not answer"
            try:
                self._send(journal)
            except Exception as error:  # of mlflow, requests, a database, ...: what is not sent stays in the journal
                trouble, is_well = trouble or f"{journal.name}: {one_line(error)}", False
                journal.recall()
                self._checked.clear()
                if "_store" not in vars(self):
                    break
        return trouble

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

    def _send(self, journal: Followed) -> None:
        """Send what is new in a journal."""
        lives = journal.lives  # before reading: the last words of a dead stage are all there
        head = journal.head()
        if head is None:
            return
        self._find_runs(journal, head)
        sent, store, lines = journal.sent, self._store, journal.unread()
        events = list(events_in(lines))
        news = News(sent, events)
        if news.status == "RUNNING" and not lives:
            news.status = "KILLED"
        if news.head:
            store.parameters(sent.run, shape.child_parameters(head))
            store.tags(sent.run, shape.child_tags(news.head))
            store.tags(sent.parent, shape.parent_tags(news.head))
        store.tags(sent.run, news.tags)
        store.values(sent.run, news.values)
        for picture in news.pictures:
            store.picture(sent.run, picture["name"], journal.path.parent, picture)
        if head["kind"] == MEASURE:
            results = [value for value in news.values if value.step == 0]
            store.values(sent.parent, [value._replace(name=shape.of_entry(head, value.name)) for value in results])
            for picture in news.pictures:
                store.picture(sent.parent, shape.of_entry(head, picture["name"]), journal.path.parent, picture)
        has_turned = news.status != sent.status
        sent.size += len(lines)
        sent.status, sent.time, sent.last, sent.first = news.status, news.time, news.steps.last, news.steps.first
        if has_turned:
            store.status(sent.run, sent.status, sent.time)
        if has_turned or news.head:
            self._update_entry(sent.parent, head)
        journal.passed_over += lines.count(b"\n") - len(events)
        journal.record()

    def _update_entry(self, run: str, head: Head) -> None:
        """Give an entry's run the status and the note that its journals add up to."""
        in_time = self._journals.of_entry(run)
        latest = {journal.stage: journal.sent.status for journal in in_time}
        heads = [(journal.head(), journal.sent) for journal in in_time]
        results = {head["key"]: sent.first for head, sent in heads if head and head["kind"] == MEASURE}
        stand_in = {"stand_in": "yes"} if any(values.get("stand_in") for values in results.values()) else {}
        self._store.tags(run, {"mlflow.note.content": shape.note(head, results), **stand_in})
        self._store.status(run, min(latest.values(), key=WORST_FIRST.index), in_time[-1].sent.time)

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


def one_line(error: Exception) -> str:
    """An error of whatever library, for people."""
    text = str(error) if isinstance(error, EsrError) else f"{type(error).__name__}: {error}"
    return shown(" ".join(text.split()))[:300]
