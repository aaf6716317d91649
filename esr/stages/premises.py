"""What the drivers see of the code, and of what follows from params.yaml: small files that the stages depend on.

There is one for each kind of stage and for each network, which lists the source files that it depends on, with a
digest of each that a comment does not change. One for each entry and scale with the work of the entry's training, and
with what its teachers are where no scale thins them, which at scales that share out no work is null, so that its edit
re-runs nothing there. And one for each row of `import`, with the digest of the file that it has here; of one that it
downloads, the row says all. They are written before a driver decides, and only where they change: DVC has a stage for
it, everything else goes through esr.stages.evidence.Evidence.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from esr.common.files import read_json, write_text
from esr.recipes.graph import Graph
from esr.recipes.kinds import KINDS
from esr.recipes.network_syntax import NETWORK_FOLDERS
from esr.stages.digests import Digests
from esr.stages.source_code import Sources

CODE = Path("runs/.code")
WORK = Path("runs/.work")
CHECKPOINTS = Path("runs/.checkpoints")
MEMORY = Path(".esr/sources.json")


def is_code(path: str) -> bool:
    """Whether a stage that depends on ``path`` depends on code by it."""
    return Path(path).is_relative_to(CODE) or path.endswith(".jinja")


def sources_of(paths: Iterable[str]) -> dict[str, str]:
    """The source files that those of ``paths`` which stand for code list, each with its digest."""
    return {
        source: digest
        for path in paths
        if Path(path).is_relative_to(CODE)
        for source, digest in read_json(Path(path)).items()
    }


def write_premises(graph: Graph) -> None:
    """Bring all of these files up to date with the sources below the current folder, and with params.yaml."""
    _bring_up_to_date(CODE, _code_digests())
    _bring_up_to_date(WORK, _works(graph.params))
    _bring_up_to_date(CHECKPOINTS, _checkpoints(graph.params))


def _code_digests() -> dict[Path, Any]:
    sources = Sources(Path(), MEMORY)
    files = [file for folder in NETWORK_FOLDERS for file in sorted(Path(folder).rglob("*.py"))]
    networks = [file.as_posix() for file in files if file.is_file()]  # an editor's lock is a link to nothing
    digests: dict[Path, Any] = {
        **{CODE / f"{name}.json": sources.closure(kind.code) for name, kind in KINDS.items()},
        **{CODE / f"{network}.json": sources.closure(network) for network in networks},
    }
    sources.remember()
    return digests


def _works(params: Mapping[str, Any]) -> dict[Path, Any]:
    """What SharedWork (esr.recipes) reads, of every entry for each scale; null where nothing is shared out."""
    return {
        WORK / scale / f"{entry}.json": _shared_work(params, entry, rule["training"])
        for scale, rule in params["scales"].items()
        for entry in params["entries"]
    }


def _shared_work(params: Mapping[str, Any], entry: str, rule: Mapping[str, Any]) -> dict[str, Any] | None:
    work = params["entries"][entry].get("training_work")
    if work is None or not rule.get("length", {}).get("work"):
        return None
    return {"training_work": work, "thinned": _teachers(params, entry) if rule.get("teacher") else {}}


def _teachers(params: Mapping[str, Any], entry: str) -> dict[str, Any]:
    """The arguments at paper of all that an entry's phases refer to and that comes from a row of `teacher`."""
    named = {"distill": "teacher", "finetune": "from"}
    references = {
        row[column] for kind, column in named.items() for row in params[kind].values() if row["entry"] == entry
    }
    origins = {reference: _origin(params, reference) for reference in sorted(references)}
    return {
        reference: params["teacher"][origin.split("/")[1]].get("arguments", {})
        for reference, origin in origins.items()
        if origin.startswith("teacher/")
    }


def _origin(params: Mapping[str, Any], reference: str) -> str:
    """The stage that a chain of `from:` begins with; one that makes a circle is refused elsewhere."""
    met = set[str]()
    while reference not in met:
        met.add(reference)
        kind, key = reference.split("/")
        reference = params[kind][key].get("from", reference)
    return reference


def _checkpoints(params: Mapping[str, Any]) -> dict[Path, Any]:
    """The digest of each released file that a row of `import` has here; null where it is missing or elsewhere."""
    digests = Digests()
    files = {key: row.get("checkpoint") for key, row in params["import"].items()}
    return {
        CHECKPOINTS / "_rows.json": sorted(files),  # no row's name begins so; DVC wants the folder there and not empty
        **{CHECKPOINTS / f"{key}.json": digests.of(file) if file else None for key, file in files.items()},
    }


def _bring_up_to_date(folder: Path, contents: Mapping[Path, Any]) -> None:
    """Have the folder hold these files and no other; what is as it should be keeps its time."""
    for path, content in contents.items():
        text = json.dumps(content, indent=1) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    for path in folder.rglob("*.json"):
        if path not in contents:
            path.unlink()
