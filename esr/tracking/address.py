"""Where MLflow's store is: without mlflow, which takes seconds to import."""

import os
import re
from pathlib import Path

VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"
DEFAULT_STORE = "sqlite:///mlflow.db"  # what a bare `mlflow ui` shows when started in the project


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, or the database in the project; a database's path is made absolute."""
    uri = os.environ.get(VARIABLE) or DEFAULT_STORE
    path = database_of(uri)
    return f"{SQLITE}{path.absolute()}" if path else uri


def database_of(uri: str) -> Path | None:
    """The file of a store that is a local database, whether or not it exists."""
    _, sqlite, path = uri.partition("sqlite://")
    return Path(path.removeprefix("/")) if sqlite else None


def shown(uri: str) -> str:
    """The URI for people, without a password."""
    return re.sub(r"(?<=://)[^/?#]*@", "", uri)  # not by urlsplit, which refuses some of what has to be shown
