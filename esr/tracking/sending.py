"""From journals to runs: what is new in a journal goes to its run, results also to the entry's run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from esr.common.files import hash_of
from esr.tracking import shape
from esr.tracking.follow import Followed
from esr.tracking.journal import Head, Steps, events_in
from esr.tracking.mlflow_store import Store, Value

MEASURE = "benchmark"  # the kind of stage whose numbers at step 0 are its entry's results
STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
WORST_FIRST = ("FAILED", "KILLED", "FINISHED")


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


class Sender:
    """Sends journals to a store.

    Whatever was sent is recorded after; when a sender is killed in between, the next one sends the same again,
    which changes nothing. So nothing is missing and nothing is there twice.
    """

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project  # two clones that share a server keep their runs apart
        self._checked: set[str] = set()

    def doubt(self) -> None:
        """After an error: look whether runs are still there before the next use."""
        self._checked.clear()

    def send_some(self, journal: Followed) -> bool:
        """Send what is new in a journal, up to a bound; False when there is nothing more."""
        lives = journal.lives  # before reading: the last words of a dead stage are all there
        head = journal.head()
        if head is None:
            return False
        if journal.unread():
            self._find_runs(journal, head)
            self._send(journal, head, journal.unread())
            return True
        if journal.told.status == "RUNNING" and not lives:
            self._find_runs(journal, head)
            self._tell_status(journal, "KILLED", journal.told.time)
            journal.record()
        return False

    def settle(self, journals: Sequence[Followed]) -> None:
        """Give an entry's run the status and the note that its journals (all of them) add up to."""
        in_time = sorted(journals, key=lambda journal: journal.told.time)
        told, head = in_time[-1].told, in_time[-1].head()
        if head and self._store.has(told.parent):
            latest = {journal.stage: journal.told.status for journal in in_time}
            status = next((status for status in WORST_FIRST if status in latest.values()), "FINISHED")
            results = _results(in_time)
            stand_in = {"stand_in": "yes"} if any(values.get("stand_in") for values in results.values()) else {}
            self._store.tags(told.parent, {"mlflow.note.content": shape.note(head, results), **stand_in})
            self._store.status(told.parent, status, told.time)
        for journal in journals:
            journal.told.settled = True
            journal.record()

    def _find_runs(self, journal: Followed, head: Head) -> None:
        """Make sure that the journal's run and its parent are there; start over where somebody deleted the run."""
        told = journal.told
        if told.run in self._checked:
            return
        if told.run and not self._store.has(told.run):
            journal.forget()
            told = journal.told
        told.parent = self._find_parent(head, journal.begun)
        identity = hash_of([self._project, journal.name])
        told.run = told.run or self._store.find_run(identity, shape.child_name(head), journal.begun, told.parent)
        self._store.tags(told.run, {"mlflow.parentRunId": told.parent})
        self._checked.add(told.run)

    def _find_parent(self, head: Head, begun: int) -> str:
        identity = hash_of([self._project, head["entry"], head["recipe"], head["scale"]])
        run = self._store.find_run(identity, shape.parent_name(head), begun)
        if run not in self._checked:
            self._store.parameters(run, shape.parent_parameters(head))
            self._checked.add(run)
        return run

    def _send(self, journal: Followed, head: Head, lines: bytes) -> None:
        told, store = journal.told, self._store
        steps = Steps(told.last, told.first)
        news = News(told.status, told.time)
        events = list(events_in(lines))
        for event in events:
            news.take(event, steps)
        if news.head:
            store.parameters(told.run, shape.child_parameters(head))
            store.tags(told.run, shape.child_tags(news.head))
            store.tags(told.parent, shape.parent_tags(news.head))
            store.status(told.parent, "RUNNING", news.time)
        store.tags(told.run, news.tags)
        store.values(told.run, news.values)
        for picture in news.pictures:
            self._send_picture(journal, told.run, picture["name"], picture)
        if head["kind"] == MEASURE:
            results = [value for value in news.values if value.step == 0]
            store.values(told.parent, [value._replace(name=shape.of_entry(head, value.name)) for value in results])
            for picture in news.pictures:
                self._send_picture(journal, told.parent, shape.of_entry(head, picture["name"]), picture)
        if news.status != told.status:
            self._tell_status(journal, news.status, news.time)
        told.size += len(lines)
        told.time, told.last, told.first, told.settled = news.time, steps.last, steps.first, False
        journal.passed_over += lines.count(b"\n") - len(events)
        journal.record()

    def _send_picture(self, journal: Followed, run: str, name: str, event: dict[str, Any]) -> None:
        self._store.picture(run, name, journal.path.parent / event["file"], event["step"], event["time"])

    def _tell_status(self, journal: Followed, status: str, time: int) -> None:
        self._store.status(journal.told.run, status, time)
        journal.told.status, journal.told.settled = status, False


def _results(in_time: Sequence[Followed]) -> dict[str, dict[str, float]]:
    """The final numbers by row of the leaderboard, the newest where a row was measured more than once."""
    heads = [(journal.head(), journal.told) for journal in in_time]
    return {head["key"]: told.first for head, told in heads if head and head["kind"] == MEASURE}
