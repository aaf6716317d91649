"""What `snakemake --profile workflow/profiles/slurm` would ask of Slurm; a dry run, which needs no Slurm."""

import importlib.util
import re
from pathlib import Path

import pytest

from tests.tiny_project import Project

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("snakemake_executor_plugin_slurm") is None,
    reason="snakemake-executor-plugin-slurm is missing: pip install '.[slurm]'",
)
IMAGES = Path(__file__).resolve().parents[2] / "docs/images"


def planned(project: Project, *more: str) -> dict[str, str]:
    """What the dry run says of each job, by kind and row."""
    command = ("snakemake", "-n", "--profile", "workflow/profiles/slurm", *more)
    said = project.well(*command, CUDA_VISIBLE_DEVICES="")  # the machine where one types has no GPU
    found = {}
    for job in re.findall(r"^((?:local)?rule (?!all)\w+:\n(?: .*\n)+)", said, flags=re.M):
        row = re.search(r"wildcards: key=(\S+)", job)
        kind = re.match(r"(?:local)?rule (\w+)", job)
        assert kind
        found[f"{kind[1]} {row[1]}" if row else kind[1]] = job
    return found


def asked(job: str) -> dict[str, str]:
    """Its resources."""
    return dict(word.split("=", 1) for word in re.findall(r"\w+=[^\s,]+", job.partition("resources:")[2]))


@pytest.fixture(scope="module")
def demo(fresh: Project) -> dict[str, str]:
    return planned(fresh)


def test_jobs_ask_for_what_their_kind_s_meta_says(demo: dict[str, str]) -> None:
    for name in ("teacher slimrlfn-teacher", "distill slimrlfn-distill", "train rlfn-1", "finetune rlfn-2"):
        assert {"gpu": "1", "runtime": "10080", "mem_mb": "8000"}.items() <= asked(demo[name]).items()


def test_a_benchmark_has_its_node_to_itself(demo: dict[str, str]) -> None:
    assert {name.split()[0] for name, job in demo.items() if "--exclusive" in job} == {"benchmark"}


def test_a_row_s_gpus_are_asked_for_in_one_machine(everything: Project, tmp_path: Path) -> None:
    paper = everything.copy(tmp_path / "esr")
    paper.edit(lambda params: params.update(scale="paper"))
    paper.edit(lambda params: params["teacher"]["ifadnet-teacher"].update(gpus=4))
    paper.edit(lambda params: params["download"]["lsdir"].update(folder=str(IMAGES)))
    assert {"gpu": "4", "nodes": "1"}.items() <= asked(planned(paper)["teacher ifadnet-teacher"]).items()


def test_a_cluster_without_gpus_is_asked_for_none(fresh: Project) -> None:
    assert asked(planned(fresh, "--resources", "gpu=0")["train rlfn-1"])["gpu"] == "0"
