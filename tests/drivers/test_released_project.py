"""The project ``released``: its rows, and a tiny copy of it through both drivers, with made files from a server."""

import copy
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from esr.common.yaml_file import read_yaml
from esr.driving.lacking import Lacking
from esr.planning.phases import at_scale
from esr.planning.recipe import print_recipe
from esr.recipes.graph import Graph
from esr.recipes.read import check
from tests.data.file_server import FileServer
from tests.release.made_checkpoints import made_checkpoint
from tests.tiny_project import ROOT, Project, cloned, commit_all

RELEASED = ROOT / "released"
RAW = read_yaml(RELEASED / "params.yaml")
IMPORTED = "runs/minutes/import/fmen/weights.safetensors"
ROWS = {"slimrlfn", "slimrlfn-pruned-here", "fmen"}
LINKS = {"dvc.yaml", "Snakefile", "esr", "workflow", "profiles"}


class TestRows:
    """What is committed, without running it."""

    @pytest.fixture(autouse=True)
    def _in_the_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(RELEASED)

    @pytest.mark.parametrize("scale", list(RAW["scales"]))
    def test_they_are_valid_at_every_scale(self, scale: str) -> None:
        check(copy.deepcopy({**RAW, "scale": scale}))

    def test_every_file_that_was_compared_has_its_address(self) -> None:
        table = re.findall(r"^\| (\w+) \| (\S+\.pth?)\b.*\| [0-9a-f]{32} \|", networks_page(), re.MULTILINE)
        rows = [(Path(row["network"]).stem, row["url"].rsplit("/")[-1]) for row in RAW["import"].values()]
        assert len(table) == 10
        assert sorted(rows) == sorted(table)
        for row in RAW["import"].values():
            assert re.fullmatch(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/.+", row["url"])
            assert re.fullmatch(r"[0-9a-f]{64}", row["sha256"])
            assert row["bytes"] > 0

    def test_an_address_names_the_commit_that_was_compared(self) -> None:
        for row in RAW["import"].values():
            found = re.search(r"com/[^/]+/([^/]+)/([0-9a-f]{40})/", row["url"])
            assert found
            repository, commit = found.groups()
            assert re.search(rf"\[{repository}\]\([^)]*\) {commit[:7]} ", networks_page())

    def test_what_was_published_is_what_the_recipes_say(self) -> None:
        recipes = read_yaml(ROOT / "params.yaml")["entries"]
        shared = RAW["entries"].keys() & recipes.keys()
        assert shared == RAW["entries"].keys() - {"fmen"}
        for key in shared:
            assert RAW["entries"][key].get("published") == recipes[key].get("published")

    def test_nothing_trains_from_random_weights(self) -> None:
        assert not (RAW["teacher"] or RAW["distill"] or RAW["train"])

    def test_the_first_scale_lacks_nothing_and_the_others_ask_for_a_folder(self) -> None:
        def lacks(scale: str) -> list[str]:
            raw = {**RAW, "scale": scale}
            lacking = Lacking(Graph(raw, read_yaml(Path("dvc.yaml"))["stages"]), check(copy.deepcopy(raw)))
            return [reason for _, reason in lacking._needed()]

        assert lacks("minutes") == []
        assert set(lacks("photographs")) == set(lacks("hour"))
        assert all("name a folder of photographs in download.photographs.folder" in each for each in lacks("hour"))

    def test_a_recipe_says_what_is_imported_and_what_is_trained(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_recipe(*at_scale(None), Path("params.yaml"), "slimrlfn")
        said = capsys.readouterr().out
        trained, imported = said.split("Released checkpoints, imported and not trained:")
        assert "import slimrlfn" in trained
        assert "prune pruned-here" in trained
        assert "team21_slimrlfn_prune.pth" in imported
        assert "training_work in params.yaml" not in said  # no scale here shares out work

    def test_the_links_stay_in_the_clone(self) -> None:
        links = {path.name: path for path in RELEASED.iterdir() if path.is_symlink()}
        assert links.keys() == LINKS
        assert all(path.readlink() == Path("..", name) for name, path in links.items())


def networks_page() -> str:
    return (ROOT / "docs" / "networks.md").read_text()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    file_server = FileServer()
    yield file_server
    file_server.close()


@pytest.fixture
def project(server: FileServer, tmp_path: Path) -> Project:
    """The project in a clone: three rows, two images a set, two iterations a phase, every file on the server."""

    def change(params: dict[str, Any]) -> None:
        params["scales"]["minutes"]["training"]["length"] = {
            "later": 2,
            "prune_round": 2,
            "prune_rounds_at_most": 1,
        }
        params["scales"]["minutes"]["training"]["batch"] = {"divide": 32, "at_least": 2}
        for table in ("import", "finetune", "fuse", "benchmark"):
            params[table] = {key: row for key, row in params[table].items() if key in ROWS}
        del params["benchmark"]["fmen"]  # its file is imported, which suffices
        params["crop"]["photographs"]["first"] = params["crop"]["div2k-valid"]["first"] = 2
        params["prune"]["slimrlfn-pruned-here"]["largest_psnr_loss"] = 99.0  # random weights
        for row in params["import"].values():
            name = row["url"].rsplit("/")[-1]
            file = io.BytesIO()
            torch.save(made_checkpoint(name), file)
            content = server.files[f"/{name}"] = file.getvalue()
            row.update(url=server.url(f"/{name}"), sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))

    root = Project(cloned(tmp_path / "esr"))
    released = Project(root.folder / "released")
    released.edit(change)
    commit_all(root)
    return released


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.project
@pytest.mark.parametrize("driver", [["snakemake", "--cores", "all"], ["dvc", "repro"]], ids=["snakemake", "dvc"])
def test_bare_drivers_make_all_of_it_and_nothing_of_the_project_above(
    project: Project, server: FileServer, driver: list[str]
) -> None:
    project.well(*driver)
    assert sorted(path for path, _ in server.requests) == ["/team21_slimrlfn.pth", "/test_weights.pt"]
    page = (project.folder / "reports/minutes/index.html").read_text()
    assert "team21_slimrlfn.pth, as it was released" in page
    assert "then trained here: prune/slimrlfn-pruned-here, finetune/slimrlfn-pruned-here" in page
    metrics = json.loads((project.folder / "runs/minutes/benchmark/slimrlfn-pruned-here/metrics.json").read_text())
    released = json.loads((project.folder / "runs/minutes/benchmark/slimrlfn/metrics.json").read_text())
    assert metrics["parameters"] < released["parameters"]
    assert "Every stage is up to date for both drivers." in project.well("esr", "sync")
    assert "Nothing to be done" in project.well("esr", "run")

    above = Project(project.folder.parent)
    assert not {"runs", "data", "reports", ".snakemake", "dvc.lock"} & {path.name for path in above.folder.iterdir()}
    assert "minutes" not in above.well("dvc", "stage", "list", "--all")
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=above.folder, capture_output=True, text=True)
    assert changed.stdout.splitlines() == ["?? released/dvc.lock"]
    (project.folder / IMPORTED).unlink()
    project.well("esr", "import", "fmen", ESR_OFFLINE="1")  # what was downloaded is kept
    assert len(server.requests) == 2


@pytest.mark.slow
@pytest.mark.project
def test_a_copy_of_the_folder_is_a_project_beside_it(project: Project, server: FileServer) -> None:
    shutil.copytree(project.folder, project.folder.parent / "mine", symlinks=True)
    mine = Project(project.folder.parent / "mine")
    mine.well("dvc", "repro", "import@fmen")
    assert list(mine.weights()) == [IMPORTED]
    assert project.weights() == {}


@pytest.mark.slow
@pytest.mark.project
def test_a_server_that_has_other_bytes_is_one_line_of_either_driver(project: Project, server: FileServer) -> None:
    server.files["/test_weights.pt"] = b"something else"
    for driver in (["dvc", "repro", "import@fmen"], ["snakemake", "--cores", "1", IMPORTED]):
        done = project.run(*driver)
        assert done.returncode != 0
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "test_weights.pt could not be" in line]
        assert lines
        assert all("offers 14 bytes instead of" in line for line in lines)
        assert "Traceback" not in done.stdout + done.stderr
