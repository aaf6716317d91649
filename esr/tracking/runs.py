"""From journals to MLflow's runs. Nothing imports this module at its top: mlflow takes seconds.

A run is given what it lacks. So whoever sends may be killed at any moment: what is sent again changes nothing.
"""

import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from time import monotonic

import PIL.Image
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from esr.common.errors import EsrError, on_one_line
from esr.common.files import write_text
from esr.tracking import shape
from esr.tracking.journal import PROJECT, Head, is_measuring, journals, known_by, lines_in
from esr.tracking.troubles import kept
from esr.tracking.views import EXPERIMENT, experiment_tags

IDENTITY = "esr.id"  # the tag by which a run is found again
PARENT = "mlflow.parentRunId"
WORST_FIRST = ("RUNNING", "FAILED", "KILLED", "FINISHED")
PATIENCE = 60.0  # seconds with trouble after which a look at the journals ends
REMEDY = "MLflow has the others; move the file away, and this is not said again"
HEADLESS = "nothing of it can be sent, all else is; move away what is damaged"
MOST, MOST_METRICS = 100, 800  # parameters, tags and metrics at once; MLflow takes 1000 of all together

Point = tuple[str, float, int, int]  # name and value of a metric, Unix time in ms, step
Picture = tuple[str, Path, int, int]  # name and file of a picture, Unix time in ms, step
Texts = dict[str, str]


class Runs:
    """The project's runs in one store. Whatever mlflow, requests or a database raises may come out of it."""

    def __init__(self, uri: str) -> None:
        _, is_sqlite, database = uri.partition("sqlite://")
        if is_sqlite:
            path = Path(database.removeprefix("/")).absolute()
            uri = f"sqlite:///{path}"
            if not path.exists():
                _make_database(path)
            _check_database(path)
        if not PROJECT.exists():
            write_text(PROJECT, secrets.token_hex(8))
        self._sent: dict[Path, tuple[bool, int]] = {}
        self._damage: dict[Path, str] = {}  # what cannot be sent of a journal, in words
        self._client = MlflowClient(uri)
        self._place = [self._experiment()]

    def send_news(self) -> str:
        """Send the journals to which something has happened since they were sent; gives the first trouble, or ""."""
        begun, trouble = monotonic(), ""
        for path, state in journals().items():
            if self._sent.get(path) == state or (trouble and monotonic() - begun > PATIENCE):
                continue
            if is_measuring():
                return kept("nothing is sent while a stage measures time")
            try:
                self._send(path, lives=state[0])
                self._sent[path] = state
            except Exception as error:  # whatever it is, it must not keep back the others
                trouble = trouble or kept(f"{path}: {on_one_line(error)}")
        damage = [told for path, told in self._damage.items() if path.exists()]
        return trouble or next(iter(damage), "")

    def _experiment(self) -> str:
        """The experiment's id; made where there is none, unless another clone makes it at this moment."""
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            try:
                made = self._client.create_experiment(EXPERIMENT)
            except MlflowException:
                found = self._client.get_experiment_by_name(EXPERIMENT)
                if found is None:
                    raise
            else:
                found = self._client.get_experiment(made)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        for name, value in experiment_tags(found.experiment_id).items():
            if found.tags.get(name) != value:  # of an earlier version, or of none
                self._client.set_experiment_tag(found.experiment_id, name, value)
        return str(found.experiment_id)

    def _send(self, journal: Path, lives: bool) -> None:
        """Give the run of a journal's stage, and the run of its entry, what they lack."""
        self._damage.pop(journal, None)
        lines = list(lines_in(journal))
        events = [event for event in lines if event]
        if damaged := len(lines) - len(events):
            self._damage[journal] = f"{journal}: {damaged} of {len(lines)} lines are damaged; {REMEDY}"
        heads = [event.head for event in events if event.head]
        if not heads:
            if not lives and journal.stat().st_size:
                self._damage[journal] = f"{journal}: no line tells how its stage began; {HEADLESS}"
            return
        head, began = heads[-1], events[0].time
        entry = self._run([head["entry"], head["recipe"], head["scale"]], shape.parent_name(head), began)
        run = self._run(journal.parts[-5:-1], shape.child_name(head), began)
        told = {name: value for event in events for name, value in event.tags.items()}
        tags = {**shape.child_tags(head), PARENT: entry.info.run_id, **told}
        points = [(name, value, event.time, event.step) for event in events for name, value in event.values.items()]
        files = [(event.name, journal.parent / event.file, event.time, event.step) for event in events if event.file]
        self._log(run, points, files, shape.child_parameters(head), tags)
        end = [event.status for event in events if event.event in ("begin", "end")][-1]
        status = end.upper() or ("RUNNING" if lives else "KILLED")
        self._turn(run, status, events[-1].time)
        self._log(entry, [], [], dict(shape.flat(head["rows"])), shape.parent_tags(head))
        if head["kind"] == "benchmark":
            row = self._show(head, entry, began, points, files)
            if row is not entry:
                self._turn(row, status, events[-1].time)
        self._sum_up(entry)
        if head["kind"] == "fuse" and end == "finished":
            from esr.tracking.models import register  # here, because it takes seconds, too

            register(self._client, run, head["key"], told)

    def _show(self, head: Head, entry: Run, began: int, points: list[Point], files: list[Picture]) -> Run:
        """Give the final figures to the run of a line of the leaderboard, the entry's or one of its own; gives it."""
        row = entry
        if head["key"] != head["entry"]:
            row = self._run([head["entry"], head["recipe"], head["scale"], head["key"]], shape.row_name(head), began)
        figures = [
            (final, rounded, time, step)
            for name, value, time, step in points
            if step == 0
            for final, rounded in shape.final({name: value}).items()
        ]
        params = {} if row is entry else dict(shape.flat(head["rows"]["benchmark"][head["key"]]))
        self._log(row, figures, files, params, {**shape.parent_tags(head), "row": head["key"]})
        return row

    def _run(self, identity: Iterable[str], name: str, began: int) -> Run:
        """The run of this identity; made where there is none, or where somebody has deleted it."""
        tag = known_by(*identity)
        found = self._client.search_runs(self._place, f"tags.`{IDENTITY}` = '{tag}'", max_results=1)
        return found[0] if found else self._client.create_run(self._place[0], began, {IDENTITY: tag}, name)

    def _log(self, run: Run, points: list[Point], files: list[Picture], params: Texts, tags: Texts) -> None:
        """Log what the run lacks; a parameter that it has stays, because MLflow refuses to change one."""
        last, metrics = {metric.key: metric for metric in run.data.to_proto().metrics}, []
        for metric in (Metric(shape.legal(name), value, time, step) for name, value, time, step in points):
            if metric.key not in last or _is_newer(metric, last[metric.key]):
                last[metric.key] = metric
                metrics.append(metric)
        missing = [Param(name, value) for name, value in params.items() if name not in run.data.params]
        changed = [RunTag(shape.legal(name), value) for name, value in tags.items()]
        changed = [tag for tag in changed if run.data.tags.get(tag.key) != tag.value]
        while metrics or missing or changed:
            self._client.log_batch(run.info.run_id, metrics[:MOST_METRICS], missing[:MOST], changed[:MOST])
            metrics, missing, changed = metrics[MOST_METRICS:], missing[MOST:], changed[MOST:]
        there = [each.path for each in self._client.list_artifacts(run.info.run_id, "images")] if files else []
        for name, file, time, step in files:
            begin = f"images/{name.replace('/', '~')}+step+{step}+timestamp+{time}+"  # as log_image names it
            if file.exists() and not any(path.startswith(begin) for path in there):
                with PIL.Image.open(file) as image:
                    self._client.log_image(run.info.run_id, image, key=name, step=step, timestamp=time)

    def _turn(self, run: Run, status: str, time: int) -> None:
        """RUNNING, or how the run ended at ``time``."""
        if status == "RUNNING":
            self._client.update_run(run.info.run_id, status)
        elif (status, time) != (run.info.status, run.info.end_time):
            self._client.set_terminated(run.info.run_id, status, time)

    def _sum_up(self, entry: Run) -> None:
        """Give an entry's run the worst status of its stages; of a stage's runs the latest counts."""
        runs = self._client.search_runs(self._place, f"tags.`{PARENT}` = '{entry.info.run_id}'")
        infos = sorted((run.info for run in runs), key=lambda info: (info.status == "RUNNING", info.end_time or 0))
        latest = {info.run_name: info.status for info in infos}
        self._turn(entry, min(latest.values(), key=WORST_FIRST.index), infos[-1].end_time or 0)


def _is_newer(metric: Metric, last: Metric) -> bool:
    """Whether it is news: steps only rise, but a number without a curve (step 0) that was measured again counts."""
    if metric.step == last.step == 0:
        return bool(metric.timestamp > last.timestamp and metric.value != last.value)
    return bool(metric.step > last.step)


def _make_database(path: Path) -> None:
    """Make an empty database that appears whole: MLflow takes seconds for it, and killed within, leaves it broken."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    MlflowClient(f"sqlite:///{fresh}").search_experiments()
    Path(f"{path}-journal").unlink(missing_ok=True)  # of a former file: it would be played back into this one
    fresh.rename(path)


def _check_database(path: Path) -> None:
    """Read every page, some 3 ms per MB: mlflow meets damage late, and tries for a minute to open what is no file."""
    try:
        with closing(sqlite3.connect(path)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        found = on_one_line(error)
    if found != "ok":
        found = " ".join(found.split())
        raise EsrError(f"the database is damaged ({found}); move the file away, and `esr track` fills a new one")
