"""``esr crate``: a finished run as an RO-Crate, held against what the Provenance Run Crate profile 0.5 demands (MUST).

roc-validator 0.13 agrees that nothing required is missing; it cannot run here, because it loads JSON-LD contexts.
"""

import hashlib
import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from esr.cli import app
from esr.recipes.graph import Graph, read_graph
from tests.conftest import Call

Entities = dict[str, dict[str, Any]]
OUT = Path("run.zip")


def ids(value: Any) -> list[str]:
    """The ids that a property refers to."""
    values = value if isinstance(value, list) else [value]
    return [each["@id"] for each in values if isinstance(each, dict) and "@id" in each]


def types(entity: dict[str, Any]) -> set[str]:
    kind = entity["@type"]
    return set(kind) if isinstance(kind, list) else {kind}


def of_type(entities: Entities, kind: str) -> Iterator[dict[str, Any]]:
    return (entity for entity in entities.values() if kind in types(entity))


@pytest.fixture(scope="module")
def crated(finished_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished project with its crate. Do not change it."""
    folder = tmp_path_factory.mktemp("crated") / "esr"
    shutil.copytree(finished_once, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert CliRunner().invoke(app, ["crate", str(OUT), "--agent", "Ada"]).exit_code == 0
    return folder


@pytest.fixture
def entities(crated: Path, monkeypatch: pytest.MonkeyPatch) -> Entities:
    """What the crate of the finished project holds, by id; in that project."""
    monkeypatch.chdir(crated)
    with zipfile.ZipFile(OUT) as archive:
        described = json.loads(archive.read("ro-crate-metadata.json"))
    found = {entity["@id"]: entity for entity in described["@graph"]}
    assert len(found) == len(described["@graph"])
    return found


def test_the_crate_says_what_it_is(entities: Entities) -> None:
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert ids(descriptor["about"]) == ["./"]
    assert "https://w3id.org/ro/crate/1.1" in ids(descriptor["conformsTo"])
    assert {"name", "description", "datePublished", "license"} <= root.keys()
    for profile in ("process", "workflow", "provenance"):
        assert f"https://w3id.org/ro/wfrun/{profile}/0.5" in ids(root["conformsTo"])
    assert all("CreativeWork" in types(entities[each]) for each in ids(root["conformsTo"]))
    (main,) = ids(root["mainEntity"])
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} <= types(entities[main])
    (language,) = ids(entities[main]["programmingLanguage"])
    assert types(entities[language]) == {"ComputerLanguage"}


def test_every_reference_leads_somewhere(entities: Entities) -> None:
    for entity in entities.values():
        for name, value in entity.items():
            for place in ids(value):
                assert (
                    place in entities
                    or (name, place[:4]) in {("conformsTo", "http"), ("url", "http")}
                    or (name == "identifier")
                ), (entity["@id"], name, place)


def test_every_file_is_in_the_crate_with_the_bytes_that_were_made(entities: Entities) -> None:
    with zipfile.ZipFile(OUT) as archive:
        files = set(archive.namelist()) - {"ro-crate-metadata.json"}
        assert {entity["@id"] for entity in of_type(entities, "File")} == files == set(ids(entities["./"]["hasPart"]))
        for name in files - {"Snakefile"}:
            if "md5" in entities[name]:
                assert entities[name]["md5"] == hashlib.md5(archive.read(name)).hexdigest(), name
    assert "md5" in entities["runs/demo/benchmark/rlfn/metrics.json"]


def test_packed_images_are_told_of_and_not_handed_on(entities: Entities) -> None:
    store = "data/demo/sets/div2k/images.store"
    assert entities[f"#{store}"]["md5"] == hashlib.md5(Path(store).read_bytes()).hexdigest()
    assert f"#{store}" in ids(entities["#run/crop@div2k"]["result"])
    assert not any(name.endswith(".store") for name in ids(entities["./"]["hasPart"]))


def test_tools_steps_and_their_runs_belong_together(entities: Entities) -> None:
    main = entities["Snakefile"]
    tools, steps = ids(main["hasPart"]), ids(main["step"])
    assert len(steps) == len(read_graph().nodes)
    assert {step["@id"] for step in of_type(entities, "HowToStep")} == set(steps)
    runs = list(of_type(entities, "CreateAction"))
    instruments = {place for run in runs for place in ids(run["instrument"])}
    assert {*tools, "Snakefile"} == instruments
    assert all(ids(entities[step]["workExample"])[0] in tools for step in steps)
    for control in of_type(entities, "ControlAction"):
        (step,), (run,) = ids(control["instrument"]), ids(control["object"])
        assert ids(entities[run]["instrument"]) == ids(entities[step]["workExample"])
    (organised,) = of_type(entities, "OrganizeAction")
    assert "SoftwareApplication" in types(entities[ids(organised["instrument"])[0]])
    assert len(ids(organised["object"])) == len(steps)
    assert ids(entities[ids(organised["result"])[0]]["instrument"]) == ["Snakefile"]
    for parameter in of_type(entities, "FormalParameter"):
        assert parameter["additionalType"] == "File"
        assert all(parameter["@id"] in ids(entities[each]["exampleOfWork"]) for each in ids(parameter["workExample"]))


def test_the_way_leads_from_a_measurement_back_to_the_source_of_images(entities: Entities) -> None:
    makers = {place: run for run in of_type(entities, "CreateAction") for place in ids(run["result"])}
    del makers["reports/demo/index.html"]
    left, met = ["runs/demo/fuse/rlfn/weights.safetensors"], set[str]()
    while left:
        run = makers.get(left.pop())
        if run and run["@id"] not in met:
            met.add(run["@id"])
            left += ids(run["object"])
    assert {"#run/fuse@rlfn", "#run/finetune@rlfn-3", "#run/train@rlfn-1", "#run/download@div2k"} <= met
    run = entities["#run/finetune@rlfn-3"]
    assert json.loads(entities["#parameter/finetune.rlfn-3"]["value"])["entry"] == "rlfn"
    assert "#parameter/finetune.rlfn-3" in ids(run["object"])
    assert run["description"].startswith("python -m esr finetune rlfn-3; commit ")
    assert run["startTime"] <= run["endTime"]
    assert entities[ids(run["agent"])[0]]["name"] == "Ada"


def test_the_same_run_is_the_same_crate_and_nobody_is_named_unasked(finished: Graph, call: Call) -> None:
    assert call("crate", OUT)[0] == 0
    first = OUT.read_bytes()
    assert "is there already" in call("crate", OUT)[2]
    assert call("crate", OUT, "--overwrite")[0] == 0
    assert OUT.read_bytes() == first
    with zipfile.ZipFile(OUT) as archive:
        assert '"agent"' not in archive.read("ro-crate-metadata.json").decode()


def test_it_is_the_same_crate_later_also_where_no_journal_tells_when_it_ran(
    finished: Graph, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `dvc pull`."""
    shutil.rmtree(".esr/journal")
    assert call("crate", OUT)[0] == 0
    first, later = OUT.read_bytes(), time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert call("crate", OUT, "--overwrite")[0] == 0
    assert OUT.read_bytes() == first


def test_a_run_that_is_not_finished_is_refused(finished: Graph, call: Call) -> None:
    Path("runs/demo/fuse/rlfn/weights.safetensors").unlink()
    code, out, err = call("crate", OUT)
    assert (code, out) == (2, "")
    assert (
        "not up to date: fuse@rlfn, benchmark@rlfn, report; a crate is of a finished run: type `make run` first" in err
    )
    assert not OUT.exists()
    assert "is no ZIP; give a name that ends in .zip" in call("crate", "run.tar")[2]
