"""The entities of a run's RO-Crate, as the Provenance Run Crate profile wants them."""

import importlib.metadata
import json
import mimetypes
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from esr.recipes.kinds import KINDS

METADATA = "ro-crate-metadata.json"
MAIN = "Snakefile"
RECIPES = "params.yaml"
AGENT = "#agent"
INPUT, OUTPUT = "#input/recipes", "#output/results"
PROFILES = {
    "Process Run Crate": "https://w3id.org/ro/wfrun/process/0.5",
    "Workflow Run Crate": "https://w3id.org/ro/wfrun/workflow/0.5",
    "Provenance Run Crate": "https://w3id.org/ro/wfrun/provenance/0.5",
    "Workflow RO-Crate": "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
}
SNAKEMAKE = "https://snakemake.github.io"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
LICENCE = "https://spdx.org/licenses/MIT"
COMPLETED = "http://schema.org/CompletedActionStatus"
FORMATS = {".safetensors": "application/octet-stream", ".yaml": "application/yaml", ".md": "text/markdown"}

Entity = dict[str, Any]
Span = tuple[int | None, int | None]
"""When something began and ended, Unix time in ms."""


def moment(milliseconds: int) -> str:
    """A Unix time in ms as ISO 8601 with seconds, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(milliseconds / 1000))


def descriptor() -> Entity:
    """The metadata file about itself."""
    conforms = ["https://w3id.org/ro/crate/1.1", PROFILES["Workflow RO-Crate"]]
    return {"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": _ids(conforms)}


def root(scale: str, published: str, files: Sequence[str], mentions: Sequence[str], agent: str) -> Entity:
    """The crate as a whole."""
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"A run of esr at scale {scale}",
        "description": "Entries of the NTIRE Efficient Super-Resolution challenge, trained, fused and measured: every "
        "stage with its command, parameters, inputs and outputs.",
        "datePublished": published,
        "license": {"@id": LICENCE},
        "conformsTo": _ids(PROFILES.values()),
        "mainEntity": {"@id": MAIN},
        "hasPart": _ids(map(quote, files)),
        "mentions": _ids(mentions),
        **_by("author", agent),
    }


def profiles() -> Iterator[Entity]:
    """What the crate conforms to, and its licence."""
    for name, place in PROFILES.items():
        yield {"@id": place, "@type": "CreativeWork", "name": name, "version": place.rpartition("/")[2]}
    yield {
        "@id": LICENCE,
        "@type": "CreativeWork",
        "name": "MIT License",
        "description": "https://opensource.org/licenses/MIT",
    }


def person(name: str) -> Entity:
    """Who ran it."""
    return {"@id": AGENT, "@type": "Person", "name": name}


def engine() -> Iterator[Entity]:
    """Snakemake, as the workflow's language and as what ran it; receipts do not say where it was DVC."""
    name = {"name": "Snakemake", "url": {"@id": SNAKEMAKE}}
    yield {"@id": LANGUAGE, "@type": "ComputerLanguage", "identifier": {"@id": SNAKEMAKE}, **name}
    version = importlib.metadata.version("snakemake")
    yield {
        "@id": SNAKEMAKE,
        "@type": ["SoftwareApplication", "WebSite"],
        "softwareVersion": version,
        "description": "or DVC, which runs the same stages of the same graph; which of the two ran one is not recorded",
        **name,
    }


def workflow(kinds: Sequence[str], stages: Sequence[str], results: Sequence[str]) -> Iterator[Entity]:
    """The Snakefile with its tools and steps, what goes in and what comes out."""
    yield {
        "@id": MAIN,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "esr",
        "encodingFormat": "text/plain",
        "version": importlib.metadata.version("esr"),
        "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
        "programmingLanguage": {"@id": LANGUAGE},
        "license": {"@id": LICENCE},
        "hasPart": _ids(f"#tool/{kind}" for kind in kinds),
        "step": _ids(f"#step/{name}" for name in stages),
        "input": {"@id": INPUT},
        "output": {"@id": OUTPUT},
    }
    yield _formal(INPUT, "recipes", RECIPES, "every recipe, a row per phase, and the scale")
    yield _formal(OUTPUT, "results", results[-1], "the leaderboard, and what it is made from")


def _formal(place: str, name: str, example: str, about: str) -> Entity:
    return {
        "@id": place,
        "@type": "FormalParameter",
        "additionalType": "File",
        "conformsTo": {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"},
        "name": name,
        "description": about,
        "workExample": {"@id": quote(example)},
    }


def tool(kind: str) -> Entity:
    """The command of a kind of stage."""
    return {
        "@id": f"#tool/{kind}",
        "@type": "SoftwareSourceCode",
        "name": f"esr {kind}",
        "description": f"The function in {KINDS[kind].code}",
        "version": importlib.metadata.version("esr"),
    }


def step(name: str, kind: str, position: int) -> Entity:
    """A stage of the graph."""
    return {
        "@id": f"#step/{name}",
        "@type": "HowToStep",
        "name": name,
        "position": position,
        "workExample": {"@id": f"#tool/{kind}"},
    }


def action(
    name: str, kind: str, about: str, read: Sequence[Entity], made: Sequence[Entity], span: Span, agent: str
) -> Entity:
    """A stage's run."""
    return {
        "@id": f"#run/{name}",
        "@type": "CreateAction",
        "name": f"run of {name}",
        "description": about,
        "instrument": {"@id": f"#tool/{kind}"},
        "object": _compact(read),
        "result": _compact(made),
        **_done(span, agent),
    }


def control(name: str) -> Entity:
    """What ties a step to its run."""
    return {
        "@id": f"#control/{name}",
        "@type": "ControlAction",
        "name": f"orchestration of {name}",
        "instrument": {"@id": f"#step/{name}"},
        "object": {"@id": f"#run/{name}"},
    }


def organiser(stages: Sequence[str], span: Span, agent: str) -> Entity:
    """The driver at work."""
    return {
        "@id": "#organised",
        "@type": "OrganizeAction",
        "name": "Snakemake or DVC ran what was out of date",
        "instrument": {"@id": SNAKEMAKE},
        "object": _ids(f"#control/{name}" for name in stages),
        "result": {"@id": "#run"},
        **_done(span, agent),
    }


def whole_run(results: Sequence[str], span: Span, agent: str) -> Entity:
    """The run of the workflow."""
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "run of esr",
        "description": "snakemake --cores all, or dvc repro",
        "instrument": {"@id": MAIN},
        "object": {"@id": RECIPES},
        "result": _ids(map(quote, results)),
        **_done(span, agent),
    }


def file_entity(path: str, md5: str | None, size: int, result: str) -> Entity:
    """A file in the crate; the md5 is of what a stage read or made, ``result`` the file that the run is shown by."""
    suffix = f".{path.rpartition('.')[2]}"
    kind = FORMATS.get(suffix) or mimetypes.guess_type(path)[0] or "text/plain"
    about: Entity = {
        "@id": quote(path),
        "@type": "File",
        "name": path,
        "encodingFormat": kind,
        "contentSize": str(size),
    }
    about |= {"md5": md5} if md5 else {}
    if path == "README.md":
        about["about"] = {"@id": "./"}
    if path in (RECIPES, result):
        about["exampleOfWork"] = {"@id": INPUT if path == RECIPES else OUTPUT}
    return about


def left_out(path: str, md5: str | None, size: int) -> Entity:
    """A file that is not in the crate."""
    return {
        "@id": f"#{quote(path)}",
        "@type": "CreativeWork",
        "name": path,
        "description": "packed images, not in the crate; the same stage makes the same bytes of them again",
        "md5": md5,
        "contentSize": str(size),
    }


def parameter(name: str, value: Any) -> Entity:
    """A row or a setting of params.yaml, as JSON."""
    return {
        "@id": f"#parameter/{quote(name)}",
        "@type": "PropertyValue",
        "name": name,
        "value": json.dumps(value, sort_keys=True),
    }


def references(paths: Iterable[str], files: Mapping[str, bool]) -> list[Entity]:
    """The ids of files, which depend on whether they are in the crate."""
    return [{"@id": quote(path) if files[path] else f"#{quote(path)}"} for path in paths]


def _done(span: Span, agent: str) -> Entity:
    began, ended = span
    return {
        "actionStatus": COMPLETED,
        **({"startTime": moment(began)} if began else {}),
        **({"endTime": moment(ended)} if ended else {}),
        **_by("agent", agent),
    }


def _by(what: str, agent: str) -> Entity:
    return {what: {"@id": AGENT}} if agent else {}


def _ids(places: Iterable[str]) -> Any:
    return _compact([{"@id": place} for place in places])


def _compact(found: Sequence[Entity]) -> Any:
    """A list, or the one thing that is in it, as JSON-LD has it."""
    return found[0] if len(found) == 1 else list(found)
