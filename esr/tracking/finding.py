"""MLflow's ids of the runs that the journals were sent to. A module that imports mlflow only where it is called."""

import os
from collections.abc import Iterable
from pathlib import Path

from esr.common.errors import on_one_line
from esr.tracking.mirror import QUIET, tracking_uri
from esr.tracking.troubles import shown


def find_runs(tags: Iterable[str]) -> tuple[dict[str, str], str]:
    """The id of the run with each of these tags ``esr.id``, as far as MLflow has it; and what keeps it from telling.

    A store that is not there, or does not answer, has none: no number hangs on it.
    """
    uri = tracking_uri()
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///")).absolute()
        if not path.is_file():
            return {}, ""
        uri = f"sqlite:///{path}"  # as the mirror calls it: MLflow keeps a store by its name, whatever the folder
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        return _search(uri, tags), ""
    except Exception as error:  # whatever it is: the store does not answer
        return {}, f"MLflow at {shown(uri)} does not tell its runs: {shown(on_one_line(error))[:200]}"


def _search(uri: str, tags: Iterable[str]) -> dict[str, str]:
    from mlflow.tracking import MlflowClient

    from esr.tracking.runs import IDENTITY
    from esr.tracking.views import EXPERIMENT

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return {}
    found = {}
    for tag in filter(None, tags):
        for run in client.search_runs([experiment.experiment_id], f"tags.`{IDENTITY}` = '{tag}'", max_results=1):
            found[tag] = run.info.run_id
    return found
