"""A look into MLflow's database without mlflow, which takes seconds: whether it is whole, and which runs it has."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from esr.common.errors import EsrError
from esr.tracking.journal import JOURNALS

PATIENCE = 3.0  # seconds for somebody who writes to the database
REMEDY = f"move the file away, and `esr track` fills a new one from {JOURNALS}"


class Kept(NamedTuple):
    """What the database has of a run: its status, and the last step of each metric."""

    status: str
    steps: dict[str, int]


def check_database(path: Path, every_page: bool = False) -> None:
    """Look whether the file is a database of MLflow's: its header, its size and its tables, in a millisecond.

    Args:
        path: absolute path of a file that exists.
        every_page: read the whole file as well; some 3 ms per MB.

    Raises:
        EsrError: it is damaged, another program's, or cannot be read.
    """
    with _opened(path) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"runs", "latest_metrics", "alembic_version"} <= tables:
            raise EsrError(f"the file has none of MLflow's tables; {REMEDY}")
        if every_page:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise EsrError(f"the database is damaged ({' '.join(found.split())}); {REMEDY}")


def runs_in(path: Path) -> dict[str, Kept]:
    """The runs that are not in the bin, by their ids; EsrError as for ``check_database``."""
    steps: dict[str, dict[str, int]] = defaultdict(dict)
    with _opened(path) as database:
        for run, name, step in database.execute("SELECT run_uuid, key, step FROM latest_metrics"):
            steps[run][name] = step
        runs = database.execute("SELECT run_uuid, status FROM runs WHERE lifecycle_stage = 'active'")
        return {run: Kept(status, steps[run]) for run, status in runs}


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open for reading. `rw`, because what a killed writer began is undone by whoever reads next; `ro` could not."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=PATIENCE)) as database:
            yield database
    except sqlite3.OperationalError as error:
        raise EsrError(f"the database cannot be read ({error}); see what the file is and who uses it") from error
    except sqlite3.DatabaseError as error:
        raise EsrError(f"the database is damaged ({error}); {REMEDY}") from error
