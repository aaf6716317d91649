"""What a stage tells about itself: lines of JSON in a local file, in microseconds, whatever MLflow does.

A journal belongs to one stage with one set of parameters and inputs (its identity). A stage that is
resumed goes on in the same file; what it tells a second time is dropped, so nothing is logged twice.
"""

import errno
import filecmp
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal, TypedDict, get_origin, get_type_hints

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


HEAD_TYPES = {name: get_origin(kind) or kind for name, kind in get_type_hints(Head).items()}


def journal_path(scale: str, kind: str, key: str, identity: str) -> Path:
    """The journal of a stage, relative to the project; ``identity`` is a hash of its parameters and inputs."""
    return JOURNALS / scale / kind / (key or kind) / identity / "events.jsonl"


class Steps:
    """Which steps of each metric are known already: steps of a metric only rise.

    Step 0 is for numbers that have no curve: one that was measured again and differs replaces the former.
    """

    def __init__(self, last: Mapping[str, int] | None = None, first: Mapping[str, float] | None = None) -> None:
        self.last = dict(last or {})
        self.first = dict(first or {})

    def new(self, step: int, values: Mapping[str, float]) -> dict[str, float]:
        """Those of ``values`` that are not known yet; from now on they are."""
        fresh = {name: value for name, value in values.items() if self._is_new(step, name, value)}
        self.last.update(dict.fromkeys(fresh, step))
        if step == 0:
            self.first.update(fresh)
        return fresh

    def _is_new(self, step: int, name: str, value: float) -> bool:
        last = self.last.get(name, -1)
        return step > last or (step == last == 0 and repr(value) != repr(self.first.get(name)))


class Journal:
    """The journal of a stage that runs now.

    The file is held (see ``esr.common.lock``) until ``close`` or death, which is how others know that the stage lives.
    Every event is one ``write``, so it survives the process; what a power cut takes, a resumed stage tells again.
    A journal that cannot be written (full disk, no permission) says so once on stderr and never
    stops the stage; it is tried again at each event.
    """

    def __init__(self, path: Path, head: Head) -> None:
        self.path = path
        self._steps = Steps()
        self._complained = False
        self._file: IO[bytes] | None = None
        try:
            self._file = self._open()
        except OSError as error:
            self._complain(error)
        self._append({"event": "begin", "host": os.uname().nodename, "pid": os.getpid(), "head": head})

    def metrics(self, step: int, **values: float) -> None:
        """Tell the values of metrics at a step; what was told before is dropped."""
        fresh = self._steps.new(step, {name: float(value) for name, value in values.items()})
        if fresh:
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
        known = file.read()
        file.truncate(known.rfind(b"\n") + 1)
        for event in events_in(known):
            if event["event"] == "metrics":
                self._steps.new(event["step"], event["values"])
        return file

    def _append(self, event: dict[str, Any]) -> None:
        if self._file is None:
            return
        line = json.dumps({**event, "time": round(time.time() * 1000)}, separators=(",", ":")).encode() + b"\n"
        try:
            size = self._file.seek(0, os.SEEK_END)
            if self._file.write(line) < len(line):
                with suppress(OSError):  # else half a line stays, which whoever reads passes over
                    self._file.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            print(f"{self.path} cannot be written ({error}): MLflow will miss a part of this stage", file=sys.stderr)
        self._complained = True


def events_in(lines: bytes) -> Iterator[dict[str, Any]]:
    """The events in some bytes of a journal; a line that is none, such as after a power cut, is passed over."""
    for line in lines.split(b"\n")[:-1]:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_sound(event):
            yield event


def _is_sound(event: object) -> bool:
    """Whether the event has all that a reader takes from it, in its type."""
    match event:
        case {"event": "begin", "time": int(), "host": str(), "pid": int(), "head": head}:
            return _is_head(head)
        case {"event": "metrics", "time": int(), "step": int(), "values": dict(values)}:
            return all(isinstance(value, int | float) for value in values.values())
        case {"event": "picture", "time": int(), "name": str(), "step": int(), "file": str()}:
            return True
        case {"event": "end", "time": int(), "status": "finished" | "failed" | "killed", "tags": dict(tags)}:
            return _are_texts(tags)
    return False


def _is_head(head: object) -> bool:
    """Whether it has every field of ``Head`` in its type."""
    if not isinstance(head, dict) or not all(isinstance(head.get(name), kind) for name, kind in HEAD_TYPES.items()):
        return False
    return _are_texts(head["tags"])


def _are_texts(tags: Mapping[Any, Any]) -> bool:
    return all(isinstance(value, str) for value in tags.values())
