"""MLflow's client as the mirror uses it: the only module that imports mlflow, which takes seconds."""

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import PIL.Image
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from esr.tracking.address import SQLITE, database_of
from esr.tracking.database import check_database
from esr.tracking.sending import Value
from esr.tracking.shape import legal
from esr.tracking.views import EXPERIMENT, experiment_tags

IDENTITY = "esr.id"  # the tag by which a run is found again
MOST_METRICS, MOST_TAGS = 1000, 100  # that MLflow takes at once


class Store:
    """One MLflow store. Every method may raise whatever mlflow, requests or a database raise; all may be repeated."""

    def __init__(self, uri: str) -> None:
        for logger in ("mlflow", "alembic"):
            logging.getLogger(logger).setLevel(logging.WARNING)
        if path := database_of(uri):
            if not path.exists():
                _make_database(path)
            check_database(path)
        self._client = MlflowClient(uri)
        self._experiment = self._find_experiment()
        self._pictures: dict[str, set[str]] = {}  # what runs are known to have

    def find_run(self, identity: str, name: str, started: int, parent: str = "") -> str:
        """The id of the run with this identity; made where there is none, or where somebody has deleted it."""
        found = self._client.search_runs([self._experiment], f"tags.`{IDENTITY}` = '{identity}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        tags = {IDENTITY: identity, **({"mlflow.parentRunId": parent} if parent else {})}
        run = self._client.create_run(self._experiment, start_time=started, tags=tags, run_name=name)
        return str(run.info.run_id)

    def has(self, run: str) -> bool:
        """Whether the run exists and is not in the bin."""
        try:
            return bool(self._client.get_run(run).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False

    def values(self, run: str, values: Sequence[Value]) -> None:
        """Metrics. The same again (name, value, time and step) changes nothing."""
        metrics = [Metric(legal(name), value, time, step) for name, value, time, step in values]
        for first in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(run, metrics=metrics[first : first + MOST_METRICS])

    def parameters(self, run: str, parameters: Mapping[str, str]) -> None:
        """Parameters. MLflow refuses to change one: those that are there stay."""
        known = self._client.get_run(run).data.params
        listed = [Param(name, value) for name, value in parameters.items() if name not in known]
        for first in range(0, len(listed), MOST_TAGS):
            self._client.log_batch(run, params=listed[first : first + MOST_TAGS])

    def tags(self, run: str, tags: Mapping[str, str]) -> None:
        """Tags; those that are there are replaced."""
        listed = [RunTag(legal(name), value) for name, value in tags.items()]
        for first in range(0, len(listed), MOST_TAGS):
            self._client.log_batch(run, tags=listed[first : first + MOST_TAGS])

    def picture(self, run: str, name: str, folder: Path, event: Mapping[str, Any]) -> None:
        """A journal's picture, where MLflow's image grid finds it; the same name, step and time change nothing."""
        file, step, time = folder / event["file"], event["step"], event["time"]
        stem = f"images/{name.replace('/', '~')}+step+{step}+timestamp+{time}+"  # as MlflowClient.log_image names it
        if run not in self._pictures:
            listed = self._client.list_artifacts(run, "images")
            self._pictures[run] = {each.path.rpartition("+")[0] + "+" for each in listed if each.path.endswith(".png")}
        if stem not in self._pictures[run] and file.exists():
            with PIL.Image.open(file) as image:
                self._client.log_image(run, image, key=name, step=step, timestamp=time, synchronous=True)
            self._pictures[run].add(stem)

    def status(self, run: str, status: str, time: int) -> None:
        """RUNNING, or how it ended at ``time``."""
        if status == "RUNNING":
            self._client.update_run(run, status)
        else:
            self._client.set_terminated(run, status, end_time=time)

    def _find_experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            try:
                return str(self._client.create_experiment(EXPERIMENT, tags=experiment_tags()))
            except MlflowException:  # another machine was faster
                experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            raise MlflowException(f"cannot make the experiment {EXPERIMENT}")
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)


def _make_database(path: Path) -> None:
    """Make an empty database that appears whole: MLflow takes seconds for it, and killed within, leaves it broken."""
    fresh = path.with_name(f"{path.name}.new")
    for suffix in ("", "-journal"):
        Path(f"{fresh}{suffix}").unlink(missing_ok=True)
    MlflowClient(f"{SQLITE}{fresh}").search_experiments()
    for suffix in ("-journal", "-wal"):  # of the file that was moved away: it would be played back into the new one
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{path}{suffix}.old")
    with suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
