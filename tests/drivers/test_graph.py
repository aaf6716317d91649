"""Our reading of dvc.yaml against DVC's own, and Snakemake's jobs against DVC's stages."""

from pathlib import Path

import pytest

from esr.planning.phases import at_scale
from esr.recipes.graph import read_graph
from esr.recipes.kinds import KINDS
from esr.recipes.read import check

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_graph_is_what_dvc_makes_of_it() -> None:
    from dvc.repo import Repo

    graph = read_graph()
    with Repo() as repo:
        stages = {stage.addressing: stage for stage in repo.index.stages}
    assert stages.keys() == graph.nodes.keys() | {"code"}
    for name, node in graph.nodes.items():
        stage = stages[name]
        files = [dep for dep in stage.deps if not hasattr(dep, "params")]
        params = {key for dep in stage.deps if hasattr(dep, "params") for key in dep.params}
        assert stage.cmd == node.command
        assert {dep.def_path for dep in files} == set(node.deps), name
        assert params == set(node.params), name
        assert {(out.def_path, out.use_cache) for out in stage.outs} == {(out.path, out.cached) for out in node.outs}, (
            name
        )


def test_snakemake_runs_the_same_commands_with_the_same_files() -> None:
    """Snakemake's own list of jobs (with their files) against DVC's stages."""
    from dvc.repo import Repo

    jobs = _snakemake_jobs()
    with Repo() as repo:
        stages = {stage.addressing: stage for stage in repo.index.stages if stage.addressing != "code"}
    outs_of = {out.def_path for stage in stages.values() for out in stage.outs}
    assert jobs.keys() == {stage.cmd for stage in stages.values()}
    for stage in stages.values():
        inputs, outputs = jobs[stage.cmd]
        deps = {dep.def_path for dep in stage.deps if not hasattr(dep, "params")}
        folders = {dep for dep in deps if dep not in outs_of and not Path(dep).suffix}
        inside = {out for out in outs_of for folder in folders if out.startswith(folder + "/")}
        assert inputs == (deps - folders) | inside, stage.cmd
        assert outputs == {out.def_path for out in stage.outs}, stage.cmd


def _snakemake_jobs() -> dict[str, tuple[set[str], set[str]]]:
    """command -> (inputs, outputs) of every job that Snakemake would run from nothing."""
    from snakemake.api import DAGSettings, OutputSettings, ResourceSettings, SnakemakeApi
    from snakemake.settings.types import Quietness

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(ResourceSettings(cores=2), snakefile=Path("Snakefile"))
        workflow.dag(DAGSettings(forceall=True, print_dag_as="dot")).printdag()
        jobs = workflow._workflow.dag.jobs
        return {
            str(job.params.command): ({str(f) for f in job.input}, {str(f) for f in job.output})
            for job in jobs
            if hasattr(job.params, "command")
        }


def test_every_kind_of_stage_is_known_and_params_are_valid() -> None:
    graph = read_graph()
    assert set(graph.templates) == set(KINDS)
    check(graph.params)


@pytest.mark.parametrize(("scale", "cropping"), [("demo", {"crop"}), ("pilot", set()), ("paper", set())])
def test_small_stages_are_those_that_take_a_moment(scale: str, cropping: set[str]) -> None:
    """Photographs that stand in are cropped in seconds, real sets in hours."""
    graph, _ = at_scale(scale)
    small = {kind for kind in graph.templates if graph.is_small(kind)}
    assert small == {"download", "join", "import", "fuse", "report"} | cropping


def test_the_recipe_of_slimrlfn_is_whole() -> None:
    """Teacher, distil, two repeats, 384 and 512 three times each, 640: each from the one before (factsheet)."""
    graph = read_graph()
    node, chain = graph.find("fuse", "slimrlfn"), []
    while node.kind != "teacher":
        row = graph.params[node.kind][node.key]
        chain.append((node.kind, row.get("patch"), row.get("loss")))
        node = graph.find(*(row.get("from") or row["teacher"]).split("/"))
    assert chain[1:] == [
        ("finetune", 640, "l2"),
        *[("finetune", 512, "charbonnier")] * 3,
        *[("finetune", 384, "charbonnier")] * 3,
        *[("finetune", 256, "charbonnier")] * 2,
        ("distill", 256, "charbonnier"),
    ]
    assert graph.params["teacher"][node.key]["arguments"] == {"channels": 196, "inner": 196, "blocks": 6}


def test_dvc_lock_names_every_stage() -> None:
    """The committed record of one machine's demo: it parses and is complete; it need not be current."""
    from ruamel.yaml import YAML

    lock = YAML(typ="safe").load(Path("dvc.lock").read_text())
    assert set(lock["stages"]) == {"code", *read_graph().nodes}
    for stage in lock["stages"].values():
        assert all(len(out["md5"]) >= 32 for out in stage["outs"])
