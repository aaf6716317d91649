"""What a stage tells about itself: lines of JSON in a local file, in microseconds, whatever MLflow does.

A journal belongs to one stage with one set of parameters and inputs (its identity). A stage that is resumed goes on in
the same file; of what it tells a second time, MLflow gets nothing.
"""

import json
import os
import shutil
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from esr.common.errors import EsrError
from esr.common.files import hash_of, whole_file
from esr.common.lock import hold, is_held

JOURNALS = Path(".esr/journal")
PROJECT = JOURNALS / "project"  # a random name: clones that share a server keep their runs apart
CHECKSUM = b',"crc":"'  # how the end of a line begins, which holds the CRC-32 of what stands before
BORDERS = (b'{"event":"begin"', b'{"event":"end"')  # how the lines that are not in between start


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
    """The events in a journal; what is damaged is passed over."""
    return (event for event in lines_in(path) if event)


def lines_in(path: Path) -> Iterator[Event | None]:
    """The events in a journal, with None for a line that is not as it was written; nothing where there is no file."""
    with suppress(OSError), path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):  # else it is being written
                yield _parsed(line)


def _parsed(line: bytes) -> Event | None:
    text, mark, checksum = line.rpartition(CHECKSUM)
    if mark and checksum != _checksum(text):  # lines of earlier versions have none
        return None
    try:
        return Event.model_validate_json(line)
    except ValidationError:
        return None


def _checksum(text: bytes) -> bytes:
    return b'%08x"}\n' % zlib.crc32(text)


def borders_in(path: Path) -> list[Event]:
    """The events in a journal that begin or end the stage; of a million lines in between none is parsed."""
    with suppress(OSError), path.open("rb") as lines:
        borders = [line for line in lines if line.startswith(BORDERS)]
        return [event for event in map(_parsed, borders) if event]
    return []


def known_by(*identity: str) -> str:
    """The tag by which MLflow's run of ``identity`` is found: of a stage, the last four folders of its journal.

    Raises:
        OSError: nothing was ever sent from this project.
    """
    return hash_of([PROJECT.read_bytes().hex(), *identity])


def journals() -> dict[Path, tuple[bool, int]]:
    """Of each journal, by age, whether its stage lives and how many bytes it has, asked in this order."""
    paths = sorted(JOURNALS.glob("*/*/*/*/events.jsonl"), key=lambda path: path.stat().st_mtime)
    return {path: (is_held(path), path.stat().st_size) for path in paths}


def living() -> list[Path]:
    """The journals of the stages that run now."""
    return [path for path, (lives, _) in journals().items() if lives]


def is_measuring() -> bool:
    """Whether a stage runs now that measures time and wants the machine to itself."""
    begun = (next(events_in(path), None) for path in living())
    return any(event and event.head and event.head["exclusive"] for event in begun)


class Journal:
    """The journal of a stage that runs now.

    The file is held (see ``esr.common.lock``) until ``close`` or death, which is how others know that the stage lives.
    Every event is one ``write``, so it survives the process; what a power cut takes, a resumed stage tells again.
    A journal that cannot be written (full disk, no permission) says so once on stderr and never
    stops the stage; it is tried again at each event.
    """

    def __init__(self, path: Path, head: Head) -> None:
        self.path = path
        self._complained = False
        self._file: IO[bytes] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
            hold(self._file)  # if an orphan still holds it, this stage counts as alive through the orphan
            self._file.seek(0)
            self._file.truncate(self._file.read().rfind(b"\n") + 1)
        except OSError as error:
            self._complain(error)
        self._append({"event": "begin", "head": head, "tags": {"host": os.uname().nodename, "pid": str(os.getpid())}})

    def metrics(self, step: int, **values: float) -> None:
        """Tell the values of metrics at a step; step 0 is for numbers that have no curve."""
        self._append({"event": "metrics", "step": step, "values": {name: float(values[name]) for name in values}})

    def picture(self, name: str, file: Path, step: int = 0) -> None:
        """Tell of a picture at a step. It is copied: the file may be overwritten. The same again is dropped."""
        place = Path("pictures", name, f"{step}{file.suffix}")
        copy = self.path.parent / place
        try:
            if copy.exists() and copy.read_bytes() == file.read_bytes():
                return
            with whole_file(copy) as temporary:
                shutil.copyfile(file, temporary)
            self._append({"event": "picture", "name": name, "step": step, "file": str(place)})
        except (OSError, EsrError) as error:
            self._complain(error)

    def close(self, status: Literal["finished", "failed", "killed"], tags: Mapping[str, str]) -> None:
        """Tell how the stage ended, with the md5 of its outputs among the tags."""
        self._append({"event": "end", "status": status, "tags": dict(tags)})
        if self._file:
            with suppress(OSError):
                self._file.close()

    def _append(self, event: dict[str, Any]) -> None:
        if self._file is None:
            return
        text = json.dumps({**event, "time": round(time.time() * 1000)}, separators=(",", ":")).encode()[:-1]
        line = text + CHECKSUM + _checksum(text)
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
