"""What a stage tells about itself: lines of JSON in a local file, in microseconds, whatever MLflow does.

A journal belongs to one stage with one set of parameters and inputs (its identity). A stage that is
resumed goes on in the same file; what it tells a second time is dropped, so nothing is logged twice.
"""

import filecmp
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from esr.common.errors import EsrError
from esr.common.files import whole_file
from esr.common.lock import hold

JOURNALS = Path(".esr/journal")
PICTURES = "pictures"


class Head(TypedDict):
    """What is known of a stage when it begins."""

    entry: str  # whose row it is; "data" and "leaderboard" for the stages that all entries share
    recipe: str  # hash of `rows`
    rows: Mapping[str, Any]  # the scale's rule and every row of the entry, nested as in params.yaml
    scale: str
    kind: str
    key: str  # "" for a stage without a table
    order: int  # position in the graph, from 0
    exclusive: bool  # it measures time: nobody may disturb the machine while it runs
    params: Mapping[str, Any]  # what dvc.yaml's `params` names, with its values
    tags: Mapping[str, str]  # git_commit, git_dirty, device, ..., and "md5 PATH" of each input


class Event(BaseModel):
    """A line of a journal, with the fields that its kind of event has. Times are Unix times in ms."""

    event: Literal["begin", "metrics", "picture", "end"]
    time: int
    head: Head | None = None
    step: int = 0
    values: dict[str, float] = {}
    name: str = ""
    file: str = ""  # relative to the journal
    status: Literal["", "finished", "failed", "killed"] = ""
    tags: dict[str, str] = {}


def journal_path(scale: str, kind: str, key: str, identity: str) -> Path:
    """The journal of a stage, relative to the project; ``identity`` is a hash of its parameters and inputs."""
    return JOURNALS / scale / kind / (key or kind) / identity / "events.jsonl"


def events_in(path: Path) -> Iterator[Event]:
    """The events in a journal. A line that holds none, such as after a power cut, is passed over; so is no file."""
    with suppress(OSError), path.open("rb") as lines:
        for line in lines:
            with suppress(ValidationError):
                yield Event.model_validate_json(line)


class Journal:
    """The journal of a stage that runs now.

    The file is held (see ``esr.common.lock``) until ``close`` or death, which is how others know that the stage lives.
    Every event is one ``write``, so it survives the process; what a power cut takes, a resumed stage tells again.
    A journal that cannot be written (full disk, no permission) says so once on stderr and never
    stops the stage; it is tried again at each event.
    """

    def __init__(self, path: Path, head: Head) -> None:
        self.path = path
        self._told: dict[str, tuple[int, float]] = {}  # the last step of each metric, and its value
        self._complained = False
        self._file: IO[bytes] | None = None
        try:
            self._file = self._open()
        except OSError as error:
            self._complain(error)
        self._append({"event": "begin", "head": head, "tags": {"host": os.uname().nodename, "pid": str(os.getpid())}})

    def metrics(self, step: int, **values: float) -> None:
        """Tell the values of metrics at a step.

        What was told before is dropped: steps of a metric only rise. Step 0 is for numbers that have no curve: one
        that was measured again and differs replaces the former.
        """
        if fresh := self._new(step, {name: float(value) for name, value in values.items()}):
            self._append({"event": "metrics", "step": step, "values": fresh})

    def picture(self, name: str, file: Path, step: int = 0) -> None:
        """Tell of a picture at a step. It is copied: the file may be overwritten. The same again is dropped."""
        copy = self.path.parent / PICTURES / name / f"{step}{file.suffix}"
        try:
            if copy.exists() and filecmp.cmp(copy, file, shallow=False):
                return
            with whole_file(copy) as temporary:
                shutil.copyfile(file, temporary)
        except (OSError, EsrError) as error:
            self._complain(error)
            return
        self._append({"event": "picture", "name": name, "step": step, "file": f"{PICTURES}/{name}/{copy.name}"})

    def close(self, status: Literal["finished", "failed", "killed"], tags: Mapping[str, str]) -> None:
        """Tell how the stage ended, with the md5 of its outputs among the tags."""
        self._append({"event": "end", "status": status, "tags": dict(tags)})
        if self._file:
            with suppress(OSError):
                self._file.close()

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+b", buffering=0)
        hold(file)  # if an orphan still holds it, this stage counts as alive through the orphan
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        for event in events_in(self.path):
            self._new(event.step, event.values)
        return file

    def _new(self, step: int, values: Mapping[str, float]) -> dict[str, float]:
        """Those of ``values`` that were not told yet; from now on they are."""
        fresh = {name: value for name, value in values.items() if self._is_new(step, name, value)}
        self._told.update({name: (step, value) for name, value in fresh.items()})
        return fresh

    def _is_new(self, step: int, name: str, value: float) -> bool:
        last, told = self._told.get(name, (-1, 0.0))
        return step > last or (step == last == 0 and repr(value) != repr(told))

    def _append(self, event: dict[str, Any]) -> None:
        if self._file is None:
            return
        line = json.dumps({**event, "time": round(time.time() * 1000)}, separators=(",", ":")).encode() + b"\n"
        try:
            size = self._file.seek(0, os.SEEK_END)
            if self._file.write(line) < len(line):
                self._file.truncate(size)
                raise OSError("no space left on the disk")
        except OSError as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            print(f"{self.path} cannot be written ({error}): MLflow will miss a part of this stage", file=sys.stderr)
        self._complained = True
