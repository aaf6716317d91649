"""Where MLflow's store is, and whether it can be asked: without mlflow, which takes seconds to import."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from esr.files import hash_of

SQLITE = "sqlite:///"
DEFAULT_STORE = "sqlite:///mlflow.db"  # what a bare `mlflow ui` shows when started in the project
PATIENCE = 3.0  # seconds for a store to say that it is there
DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, or the database in the project; a database's path is made absolute."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE
    return f"{SQLITE}{Path(uri.removeprefix(SQLITE)).absolute()}" if uri.startswith(SQLITE) else uri


def store_name(uri: str) -> str:
    """A name for files; the URI itself may hold a password."""
    return hash_of(uri)


def shown(uri: str) -> str:
    """The URI for people, without a password."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


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
        return _replies(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    port = parts.port or DATABASE_PORTS.get(parts.scheme.partition("+")[0])
    return not (parts.hostname and port) or _listens(parts.hostname, port)


def _replies(url: str) -> bool:
    import http.client  # here, because every stage imports this module and none asks a server
    import ssl
    import urllib.error
    import urllib.request

    trusting = ssl.create_default_context()  # nothing is sent: who it is, mlflow checks by its own settings
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url.rstrip("/") + "/health", timeout=PATIENCE, context=trusting):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):
        return False


def _listens(host: str, port: int) -> bool:
    import socket

    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            return True
    except OSError:
        return False
