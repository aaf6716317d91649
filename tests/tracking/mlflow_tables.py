"""What is in MLflow's database, read without MLflow."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from esr.tracking.mirror import tracking_uri


class Database:
    """MLflow's tables, read without MLflow."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, query: str, *values: Any) -> list[Any]:
        """The rows of a query; those of one column as plain values."""
        if not self.path.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
            rows = database.execute(query, values).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def status(self, name: str) -> str:
        """Of the one run with this name."""
        (status,) = self.ask("SELECT status FROM runs WHERE name = ? AND lifecycle_stage = 'active'", name)
        return str(status)

    def history(self, name: str, metric: str) -> list[tuple[int, float]]:
        """(step, value) of every entry of a metric of the runs with this name."""
        query = "SELECT step, value FROM metrics JOIN runs USING (run_uuid) WHERE name = ? AND key = ? ORDER BY 1, 2"
        return self.ask(query, name, metric)

    def tags(self, name: str) -> dict[str, str]:
        return dict(self.ask("SELECT key, value FROM tags JOIN runs USING (run_uuid) WHERE name = ?", name))

    def params(self, name: str) -> dict[str, str]:
        return dict(self.ask("SELECT key, value FROM params JOIN runs USING (run_uuid) WHERE name = ?", name))


def wait_until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def send() -> str:
    """Send as the mirror does, without its process."""
    from esr.tracking.runs import Runs

    return Runs(tracking_uri()).send_news()
