"""A trail in a terminal."""

import json
import time
from collections.abc import Iterator, Mapping

from esr.common.duration import duration
from esr.common.errors import printable
from esr.report.columns import MEASURED
from esr.report.trail import Circumstances, TracedFile, TracedStage, Trail


def print_trail(trail: Trail, runs: Mapping[str, str], as_json: bool) -> None:
    """Print the trail: as JSON and nothing else, or for people.

    Args:
        trail: what was found.
        runs: MLflow's id of each stage's run, by its tag ``esr.id``; without those that it does not have.
        as_json: whether to print JSON.
    """
    if as_json:
        told = trail.model_dump()
        for stage in told["stages"]:
            stage["mlflow_run"] = runs.get(stage["run"])
        print(json.dumps(told, indent=2))
        return
    for line in _head(trail):
        print(printable(line))
    for stage in trail.stages:
        print(f"\n{stage.name}: {', '.join(stage.faults) or 'current'}")
        for line in stage_lines(stage, runs.get(stage.run, "")):
            print(printable(f"  {line}"))


def _head(trail: Trail) -> Iterator[str]:
    if trail.column:
        column = next((each for each in MEASURED if each.name == trail.column), None)
        shown = column.text(trail.value) if column else "unknown" if trail.value is None else str(trail.value)
        yield f"{trail.row}, {column.head if column else trail.column}: {shown}"
        if column:
            yield column.about
    else:
        yield trail.row
    yield f"{len(trail.stages)} stages are behind it, the last one first."
    yield "All that lies on disk matches." if trail.sound else "What lies on disk does not match:"
    yield from (f"  {stage.name}: {', '.join(stage.faults)}" for stage in trail.stages if stage.faults)


def stage_lines(stage: TracedStage, run: str) -> Iterator[str]:
    """How a stage ran; ``run`` is MLflow's id of its run, or empty."""
    yield stage.command
    yield _ran(stage.circumstances)
    if run:
        yield f"MLflow run {run}"
    for name, value in stage.parameters.items():
        yield f"parameter  {name} = {json.dumps(value)}"
    yield from (f"input      {_file(each)}" for each in stage.inputs)
    yield from (f"output     {_file(each)}" for each in stage.outputs)
    yield from (f"accepted   {reason}" for reason in stage.accepted)
    yield from (f"differs    {each.text}" for each in stage.differences)


def _file(file: TracedFile) -> str:
    note = "" if file.same else f" (now {file.present})" if file.present else " (now missing)"
    return f"{file.recorded or 'not recorded'}  {file.path}{note}"


def _ran(ran: Circumstances | None) -> str:
    if ran is None:
        return "no journal tells where and when it ran"
    commit = ran.commit[:12] or "an unknown commit"
    edited = {True: ", with edits", False: "", None: ""}[ran.dirty]
    machine = ", ".join(filter(None, [ran.host, ran.processor, "" if ran.device == "cpu" else ran.device]))
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ran.began / 1000)) if ran.began else "unknown"
    took = f", {duration((ran.ended - ran.began) / 1000)}" if ran.began and ran.ended else ""
    versions = ", ".join(f"{name} {version}" for name, version in ran.versions.items())
    return f"ran at {commit}{edited} on {machine or 'an unknown machine'}; {when}{took}; {versions}"
