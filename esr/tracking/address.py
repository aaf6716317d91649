"""Where MLflow's store is: without mlflow, which takes seconds to import."""

import os
import re


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, else what a bare `mlflow ui` shows when it is started in the project."""
    return os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


def shown(uri: str) -> str:
    """The URI for people, without a password."""
    return re.sub(r"(?<=://)[^/?#]*@", "", uri)  # not by urlsplit, which refuses some of what has to be shown
