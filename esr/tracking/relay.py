"""The project's journals and one store: who lives, what waits to be sent, and the sending."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from esr.common.errors import EsrError
from esr.common.files import write_text
from esr.tracking.address import answers, database_of, is_lost, store_name
from esr.tracking.database import Kept, runs_in
from esr.tracking.follow import Followed, Told, journal_files, unreadable_files
from esr.tracking.journal import JOURNALS
from esr.tracking.shape import legal

if TYPE_CHECKING:
    from esr.tracking.sending import Sender

PROJECT = JOURNALS / "project"  # a random name: clones that share a server keep their runs apart
QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # by default a dead server holds a caller for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


class Relay:
    """The journals of the project as one store sees them. Only who holds the store's lock may send and settle."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.journals: dict[Path, Followed] = {}
        self._sender: Sender | None = None
        self.look()

    def look(self) -> None:
        """Take in journals that are new; tell everything again if the store's database does not exist."""
        name = store_name(self.uri)
        self.journals = {path: self.journals.get(path) or Followed(path, name) for path in journal_files()}
        if is_lost(self.uri):
            for journal in self.journals.values():
                journal.forget()

    @property
    def is_cut_off(self) -> bool:
        """Whether the store's database was deleted after this process had opened it: what it sends is lost."""
        return self._sender is not None and is_lost(self.uri)

    def living(self) -> list[Followed]:
        """The journals of stages that run now."""
        return [journal for journal in self.journals.values() if journal.lives]

    def measuring(self) -> bool:
        """Whether a stage runs now that measures time and wants the machine to itself."""
        heads = [journal.head() for journal in self.living()]
        return any(head["exclusive"] for head in heads if head)

    def behind(self) -> list[Followed]:
        """The journals with something new, the oldest first."""
        return sorted((each for each in self.journals.values() if each.is_behind), key=lambda journal: journal.begun)

    def missing(self) -> list[Followed]:
        """The journals whose run, or its parent, a local database has no longer, or only as it was before."""
        path = database_of(self.uri)
        if path is None or not path.exists():
            return []
        kept = runs_in(path)
        return [each for each in self.journals.values() if each.told.run and not _has(kept, each.told)]

    def passed_over(self) -> str:
        """A line on the journals of which something cannot be sent, with the remedy; "" if there is none."""
        faults = {str(path): "is no file that can be read" for path in unreadable_files()}
        faults |= {str(each.path): fault for each in self.journals.values() if (fault := each.fault())}
        if JOURNALS.exists() and not JOURNALS.is_dir():
            faults[str(JOURNALS)] = "is no folder"
        if not faults:
            return ""
        listed = "; ".join(f"{path} ({fault})" for path, fault in list(faults.items())[:3])
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        return f"passed over {listed}{more}: move away what is damaged; all else was sent"

    def unsettled(self) -> dict[str, list[Followed]]:
        """By entry's run, all its journals, where something was sent since its status was told and no stage lives."""
        entries: dict[str, list[Followed]] = defaultdict(list)
        for journal in self.journals.values():
            entries[journal.told.parent].append(journal)
        return {
            parent: journals
            for parent, journals in entries.items()
            if not all(journal.told.settled for journal in journals) and not any(journal.lives for journal in journals)
        }

    def send(self, deadline: float = float("inf")) -> str:
        """Send all that is new, until ``deadline`` (of time.monotonic) or until a stage measures; the first trouble."""
        trouble = ""
        for journal in self.behind():
            try:
                sender = self._connected()
                while not (self.measuring() or time.monotonic() > deadline) and sender.send_some(journal):
                    pass
            except Exception as error:  # of mlflow, requests, a database, ...: what is not sent stays in the journal
                trouble = trouble or f"{journal.name}: {one_line(error)}"
                if not self._may_go_on():
                    break
        return trouble

    def settle(self) -> str:
        """Tell the status of the entries whose stages have all ended; the first trouble."""
        trouble = ""
        for journals in self.unsettled().values():
            try:
                self._connected().settle(journals)
            except Exception as error:  # as above
                trouble = trouble or one_line(error)
                if not self._may_go_on():
                    break
        return trouble

    def _connected(self) -> Sender:
        if self._sender is None:
            for name, value in QUIET.items():
                os.environ.setdefault(name, value)
            from esr.tracking.mlflow_store import Store
            from esr.tracking.sending import Sender

            self._sender = Sender(Store(self.uri), _project())
        return self._sender

    def _may_go_on(self) -> bool:
        if self._sender is not None:
            self._sender.doubt()
        return self._sender is not None and answers(self.uri)


def _has(kept: Mapping[str, Kept], told: Told) -> bool:
    run = kept.get(told.run)
    if run is None or told.parent not in kept or run.status != told.status:
        return False
    return all(run.steps.get(legal(name), -1) >= step for name, step in told.last.items())


def _project() -> str:
    """The project's name; a new one where the file is damaged: what was sent stays, what comes has other runs."""
    try:
        name = PROJECT.read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        name = ""
    if not re.fullmatch("[0-9a-f]{16}", name):
        name = secrets.token_hex(8)
        write_text(PROJECT, name)
    return name


def one_line(error: Exception) -> str:
    """An error of whatever library, for people."""
    text = str(error) if isinstance(error, EsrError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]
