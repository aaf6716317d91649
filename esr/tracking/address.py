"""Where MLflow's store is, and whether it can be asked: without mlflow, which takes seconds to import."""

import os
import re
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

from esr.common.errors import EsrError
from esr.common.files import hash_of

VARIABLE = "MLFLOW_TRACKING_URI"

SQLITE = "sqlite:///"
DEFAULT_STORE = "sqlite:///mlflow.db"  # what a bare `mlflow ui` shows when started in the project
PATIENCE = 3.0  # seconds for a store to say that it is there
DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
DATABRICKS = ("databricks", "databricks-uc", "uc")
REMEDY = f"give http://HOST:PORT or {SQLITE}FILE.db, or unset it"


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, or the database in the project; a database's path is made absolute.

    Raises:
        EsrError: the variable names no store.
    """
    uri = os.environ.get(VARIABLE) or DEFAULT_STORE
    try:
        fault = _fault(uri)
    except ValueError as error:  # of urlsplit, or of a port that is no number
        fault = f"is no address ({error})"
    if fault:
        raise EsrError(f"{VARIABLE} is {shown(uri)!r}, which {fault}; {REMEDY}")
    return f"{SQLITE}{Path(uri.removeprefix(SQLITE)).absolute()}" if uri.startswith(SQLITE) else uri


def _fault(uri: str) -> str:
    """What keeps a URI from naming a store, as far as can be told without asking it; ValueError if unparsable."""
    parts = urlsplit(uri)
    _ = parts.port
    scheme = parts.scheme.partition("+")[0]
    if scheme == "sqlite":
        path = Path(uri.removeprefix(SQLITE))
        if not uri.startswith(SQLITE) or not path.name:
            return "names no file"
        return "" if path.parent.is_dir() else f"lies in a folder that does not exist ({path.parent})"
    if scheme in ("http", "https"):
        return "" if parts.hostname else "names no host"
    if scheme in ("", "file") and uri not in DATABRICKS:
        return "is a folder; MLflow keeps its runs in a database"
    known = {*DATABASE_PORTS, *DATABRICKS, ""}
    if scheme in known or scheme in {each.name for each in entry_points(group="mlflow.tracking_store")}:
        return ""
    return f"has a scheme that MLflow does not know ({scheme})"


def store_name(uri: str) -> str:
    """A name for files; the URI itself may hold a password."""
    return hash_of(uri)


def shown(uri: str) -> str:
    """The URI for people, without a password."""
    return re.sub(r"(?<=://)[^/?#]*@", "", uri)  # not by urlsplit, which refuses some of what has to be shown


def database_of(uri: str) -> Path | None:
    """The file of a store that is a local database, whether or not it exists."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def is_lost(uri: str) -> bool:
    """Whether the store is a local database that does not exist, or no longer."""
    path = database_of(uri)
    return path is not None and not path.exists()


def answers(uri: str) -> bool:
    """Whether the store is there, known within ``PATIENCE``: any reply of a server will do."""
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return _replies(shown(uri))
    port = parts.port or DATABASE_PORTS.get(parts.scheme.partition("+")[0])
    return not (parts.hostname and port) or _listens(parts.hostname, port)


def _replies(url: str) -> bool:
    import http.client  # here, because every stage imports this module and none asks a server
    import ssl
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(url.rstrip("/") + "/health", timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLCertVerificationError)  # who it is, mlflow checks by its own settings
    except (OSError, http.client.HTTPException, ValueError):  # ValueError: no name of a host
        return False
    return True


def _listens(host: str, port: int) -> bool:
    import socket

    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            return True
    except (OSError, ValueError):
        return False
