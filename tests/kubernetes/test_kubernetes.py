"""The tiny pipeline through Snakemake's plugin for Kubernetes, which speaks with a stand-in for a cluster."""

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.one_node import Node, one_node
from tests.kubernetes.pods import Pod
from tests.tiny_project import ROOT, Project, wait_for

PLUGIN = "snakemake_executor_plugin_kubernetes"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec(PLUGIN) is None, reason=f"{PLUGIN} is missing: pip install '.[kubernetes]'"
    ),
]
TRAIN = "runs/demo/train/rlfn-1/weights.safetensors"
OWN_PROFILE = """\
kubernetes-persistent-volumes: ["esr:{folder}"]
seconds-between-status-checks: 1
retries: 0
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Node, Path]]:
    with one_node(tmp_path / "node", "esr") as running:
        yield running


def environment(project: Project, cluster: tuple[Node, Path], tmp_path: Path) -> dict[str, str]:
    """What a user has set who drives from a machine that sees the volume: a profile `here` of their own."""
    profile = tmp_path / "config/snakemake/here/config.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text(OWN_PROFILE.format(folder=project.folder))
    return {
        "KUBECONFIG": str(cluster[1]),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "ESR_IMAGE": "registry.example/esr:1",
        "PYTHONPATH": os.pathsep.join([str(project.folder), os.environ.get("PYTHONPATH", "")]),
    }


def of_rule(node: Node, rule: str) -> Pod:
    return next(pod for pod in node.pods if pod.rule == rule)


def test_the_tiny_pipeline_ends_as_on_one_machine(
    made_rlfn: Project, fresh_rlfn: Project, tmp_path: Path, cluster: tuple[Node, Path]
) -> None:
    node, _ = cluster
    project = fresh_rlfn.copy(tmp_path / "esr")
    project.well(
        "esr", "run", "--profile", "kubernetes", "--profile", "here", **environment(project, cluster, tmp_path)
    )
    assert {pod.rule for pod in node.pods} == {"train", "finetune", "benchmark"}  # the others ran beside the driver
    assert project.weights() == made_rlfn.weights()
    assert "up to date" in project.well("dvc", "status")
    assert "Nothing to be done" in project.well("snakemake", "-n")
    assert not node.present and not node.secrets

    pod = of_rule(node, "train")
    assert pod.container["image"] == "registry.example/esr:1"
    mounts = {mount["name"]: mount["mountPath"] for mount in pod.container["volumeMounts"]}
    assert mounts["esr"] == str(project.folder)
    assert pod.command.startswith(f"cd {project.folder} && ")
    limits = pod.container["resources"]["limits"]  # as dvc.yaml's `meta` of train has it
    assert limits["nvidia.com/gpu"] == "1" and limits["memory"] == "8000M"
    threads = yaml.safe_load((project.folder / "params.yaml").read_text())["scales"]["demo"]["threads"]
    assert limits["cpu"] == f"{threads}000m"
    allowed = role(ROOT / "workflow/containers/kubernetes-nodes.yaml")
    assert node.asked <= allowed


def role(file: Path) -> set[tuple[str, str]]:
    """Verb and resource of all that a Role allows."""
    found = next(each for each in yaml.safe_load_all(file.read_text()) if each["kind"] == "Role")
    return {(verb, resource) for rule in found["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def test_a_stage_that_fails_is_told_by_its_own_line_and_what_others_made_is_kept(
    working_rlfn: Project, tmp_path: Path, cluster: tuple[Node, Path]
) -> None:
    node, _ = cluster
    network = working_rlfn.folder / "esr/networks/rlfn.py"
    network.write_text(network.read_text().replace("        head = self.head(x)\n", "        head = missing(x)\n"))
    outside = environment(working_rlfn, cluster, tmp_path)
    done = working_rlfn.run("esr", "run", "--profile", "kubernetes", "--profile", "here", timeout=600, **outside)
    assert done.returncode == 2
    assert [pod.rule for pod in node.pods] == ["train"]
    said = done.stdout + done.stderr
    assert "esr: train@rlfn-1: network esr/networks/rlfn.py fails" in said
    assert "Kubernetes request failed" not in said and not node.present


def test_a_cancelled_run_leaves_no_pod_behind(
    working_rlfn: Project, tmp_path: Path, cluster: tuple[Node, Path]
) -> None:
    node, _ = cluster
    working_rlfn.edit(lambda params: params["scales"]["demo"]["training"]["length"].update(first=100000))
    outside = environment(working_rlfn, cluster, tmp_path)
    run = subprocess.Popen(
        [sys.executable, "-m", "esr", "run", "--profile", "kubernetes", "--profile", "here"],
        cwd=working_rlfn.folder,
        env=working_rlfn.environment(**outside),
        start_new_session=True,
    )
    try:
        wait_for(lambda: bool(node.running()), 300)
        run.send_signal(signal.SIGTERM)
        assert run.wait(300) == 128 + signal.SIGTERM
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    assert not node.running() and not node.present
