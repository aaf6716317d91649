"""One missing source, or one stage that fails, does not stop the rest: said first, left out, told again last."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from esr.driving.lacking import Lacking
from esr.planning.phases import at_scale
from esr.recipes.read import check
from tests.tiny_project import Project, keep_only

NEED_LSDIR = {"slimrlfn", "slimrlfn-pruned", "ifadnet"}
LSDIR = "slimrlfn, slimrlfn-pruned, ifadnet and the report cannot be made: download.lsdir: nothing says where"
METRICS = "runs/demo/benchmark/{}/metrics.json"


def lines_of(text: str) -> list[str]:
    """What esr itself says, without Snakemake's lines."""
    return [line for line in text.splitlines() if line.startswith("esr: ")]


Planned = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def paper(everything: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """All entries at `paper`, as a clone has them: LSDIR is behind its form. Nothing is made in it."""
    project = everything.copy(tmp_path_factory.mktemp("paper") / "esr")
    project.edit(lambda params: params.update(scale="paper"))
    return project


@pytest.fixture(scope="module")
def all_planned(paper: Project) -> Planned:
    """`snakemake -n` where one GPU is visible."""
    return paper.run("snakemake", "-n", CUDA_VISIBLE_DEVICES="0")


@pytest.fixture(scope="module")
def r2net_planned(paper: Project) -> Planned:
    """`snakemake -n r2net` where no GPU is visible."""
    return paper.run("snakemake", "-n", "r2net", CUDA_VISIBLE_DEVICES="")


class TestAtPaperWithoutLSDIR:
    def test_snakemake_says_first_what_it_leaves_out_and_plans_the_rest(self, all_planned: Planned) -> None:
        assert all_planned.returncode == 0
        (said,) = lines_of(all_planned.stderr)
        assert LSDIR in said and "download.lsdir.folder" in said
        planned = set(re.findall(r"wildcards: key=(\S+)", all_planned.stdout))
        assert {"r2net", "ripfdn", "edrn", "rlfn", "rfdn"} <= planned
        assert not {key for key in planned if key.startswith(("lsdir", "df2k-lsdir", "slimrlfn", "ifadnet"))}

    @pytest.mark.parametrize(
        "target",
        [
            "slimrlfn",
            "runs/paper/fuse/ifadnet/weights.safetensors",
            pytest.param("report", marks=pytest.mark.slow),  # as a file is
        ],
    )
    def test_a_target_that_needs_it_is_refused_in_one_line(self, paper: Project, target: str) -> None:
        done = paper.run("snakemake", "--cores", "all", "r2net", target)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(f"esr: {target} cannot be made: download.lsdir: nothing says")
        assert "Traceback" not in done.stderr and "Exception" not in done.stderr
        assert not (paper.folder / "data").exists() and not (paper.folder / "logs").exists()

    def test_a_target_that_does_not_is_planned_without_a_word(self, r2net_planned: Planned) -> None:
        assert r2net_planned.returncode == 0 and lines_of(r2net_planned.stderr) == []


def test_snakemake_finds_the_default_profile_which_counts_gpus(all_planned: Planned, r2net_planned: Planned) -> None:
    for planned, taken in ((all_planned, 1), (r2net_planned, 0)):
        asked = re.findall(r"rule train:.*?gpu=(\d)", planned.stdout, flags=re.S)
        assert asked and set(map(int, asked)) == {taken}


class TestWhatIsLacking:
    @pytest.fixture(autouse=True)
    def _in_the_project(self, everything: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(everything.folder)

    @staticmethod
    def lacking(scale: str, change: Callable[[dict[str, Any]], None] = lambda rows: None) -> Lacking:
        graph, _ = at_scale(scale)
        change(graph.params)
        return Lacking(graph, check(graph.params))

    @pytest.mark.parametrize("scale", ["demo", "pilot"])
    def test_nothing_where_photographs_stand_in_or_div2k_alone_is_used(self, scale: str) -> None:
        def only_div2k(params: dict[str, Any]) -> None:
            if scale == "pilot":
                params["scales"]["pilot"]["data"] = {"stand_in": False, "only_source": "div2k"}

        lacking = self.lacking(scale, only_div2k)
        assert lacking.messages() == [] and lacking.left_out == set()

    def test_a_source_whose_folder_is_given_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "1.png").touch()
        assert (
            self.lacking("paper", lambda rows: rows["download"]["lsdir"].update(folder=str(tmp_path))).messages() == []
        )

    @pytest.mark.parametrize(("place", "told"), [("nowhere", "is not a folder"), ("unmounted", "holds no images")])
    def test_a_folder_that_is_not_there_is_a_missing_source(self, tmp_path: Path, place: str, told: str) -> None:
        (tmp_path / "unmounted").mkdir()
        folder = str(tmp_path / place)
        (line,) = self.lacking("paper", lambda rows: rows["download"]["lsdir"].update(folder=folder)).messages()
        assert f"download.lsdir.folder: {folder} {told}" in line

    def test_the_optional_validation_sets_stop_nothing(self) -> None:
        assert set(self.lacking("paper").rows) == NEED_LSDIR

    def test_what_serves_only_such_rows_is_left_out(self) -> None:
        """IFADNet's teacher trains for weeks, on DIV2K and Flickr2K, for a student that cannot be trained."""
        lacking = self.lacking("paper")
        assert "teacher@ifadnet-teacher" in lacking.left_out - lacking.stages
        assert not {"download@flickr2k", "join@df2k", "benchmark@edrn"} & lacking.left_out

    def test_the_report_is_made_where_no_row_of_it_needs_what_is_missing(self) -> None:
        def unmeasured(params: dict[str, Any]) -> None:
            params["benchmark"] = {key: row for key, row in params["benchmark"].items() if key not in NEED_LSDIR}

        lacking = self.lacking("paper", unmeasured)
        (line,) = lacking.messages()
        assert line.startswith("esr: download@lsdir and what follows it cannot be made: download.lsdir: nothing")
        assert "report" not in lacking.left_out

    def test_a_missing_checkpoint_stops_its_entry_alone(self) -> None:
        def imported(params: dict[str, Any]) -> None:
            row = {"entry": "rfdn", "network": "esr/networks/rfdn.py", "checkpoint": "checkpoints/rfdn.pth"}
            params["import"] = {"rfdn": row}
            params["benchmark"]["rfdn"]["from"] = "import/rfdn"

        lacking = self.lacking("demo", imported)
        (line,) = lacking.messages()
        assert line.startswith(
            "esr: rfdn and the report cannot be made: import.rfdn.checkpoint: checkpoints/rfdn.pth is"
        )


def own_images(project: Project) -> None:
    """Small images in the place of DIV2K, three rows of one phase, and nothing for the row that LSDIR would train."""
    dice = np.random.default_rng(0)
    for use, count in (("training", 4), ("validation", 2)):
        (project.folder / "photos" / use).mkdir(parents=True)
        for number in range(count):
            image = Image.fromarray(dice.integers(0, 255, (16, 16, 3), np.uint8)).resize((128, 128))
            image.save(project.folder / f"photos/{use}/{number}.png")

    def change(params: dict[str, Any]) -> None:
        keep_only(params, {"slimrlfn", "rlfn", "rfdn"})
        params["scales"]["demo"]["data"] = {"stand_in": False, "only_source": None}
        params["finetune"] = params["prune"] = params["distill"] = params["teacher"] = {}
        rlfn = params["train"]["rlfn-1"]
        for row in (rlfn, params["train"]["rfdn-1"]):
            row["data"] = "div2k"
        params["train"]["slim"] = {**rlfn, "entry": "slimrlfn", "network": "esr/networks/slimrlfn.py", "data": "lsdir"}
        del params["fuse"]["slimrlfn-pruned"], params["benchmark"]["slimrlfn-pruned"]
        params["fuse"]["slimrlfn"]["from"], params["fuse"]["rlfn"]["from"] = "train/slim", "train/rlfn-1"
        for row in params["benchmark"].values():
            row["validation"] = "div2k-valid"
        for row in (params["train"]["rfdn-1"], params["fuse"]["rfdn"], params["benchmark"]["rfdn"]):
            row["network"] = "networks/leaves.py"
        params["join"] = {}
        for table in ("download", "crop"):
            params[table] = {key: params[table][key] for key in ("div2k", "lsdir", "div2k-valid")}
        for row in (params["download"]["div2k"], params["download"]["div2k-valid"]):
            del row["images"], row["archives"]
            row["folder"] = f"photos/{row['use']}"
        for entry in params["entries"].values():
            entry.pop("thresholds", None)

    project.edit(change)
    rfdn = (project.folder / "esr/networks/rfdn.py").read_text()
    (project.folder / "networks/leaves.py").write_text(f"{rfdn}\n\nraise SystemExit(0)\n")


Run = tuple[Project, Planned]


@pytest.fixture(scope="module")
def gone_on(everything: Project, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A project with a row that trains, one whose source is missing and one that fails, after `snakemake`."""
    project = everything.copy(tmp_path_factory.mktemp("gone-on") / "esr")
    own_images(project)
    return project, project.run("snakemake", "--cores", "all")


MISSING = "esr: slimrlfn and the report cannot be made: download.lsdir: nothing says where its images are; accept"


@pytest.mark.slow
class TestARunThatCannotMakeEverything:
    def test_it_says_so_first_makes_the_other_row_and_ends_with_the_list_and_a_code(self, gone_on: Run) -> None:
        project, done = gone_on
        assert done.returncode == 1
        assert {path.parent.name for path in project.folder.glob(METRICS.format("*"))} == {"rlfn"}
        assert not list(project.folder.glob("logs/demo/*/*slim*"))
        first, last = done.stderr.index(MISSING), done.stderr.rindex(MISSING)
        assert first < done.stderr.index("download@div2k: done") < done.stderr.index("benchmark@rlfn: done") < last
        *_, finished, failed, missing, culprit = done.stderr.splitlines()
        assert finished == f"esr: finished: rlfn; numbers in {METRICS.format('ROW')}"
        assert failed == "esr: not finished: rfdn"
        assert missing.startswith(MISSING)
        assert culprit.startswith("esr: train@rfdn-1: network networks/leaves.py cannot be imported (SystemExit: 0)")

    def test_make_run_says_the_same_with_the_leaderboard_of_the_row(self, gone_on: Run, tmp_path: Path) -> None:
        project = gone_on[0].copy(tmp_path / "esr")
        done = project.run("esr", "run")
        assert done.returncode == 2
        assert done.stderr.splitlines()[0].startswith(MISSING)
        assert "1 of 3 rows" in done.stdout
        psnr = json.loads((project.folder / METRICS.format("rlfn")).read_text())["psnr"]
        assert re.search(rf"rlfn +{psnr:.3f} ", done.stdout)
        told = [line.split(";")[0] for line in done.stderr.splitlines()[-4:]]
        assert told[:2] == ["esr: finished: rlfn", "esr: not finished: rfdn"]
        assert told[2] in MISSING and told[3].startswith("esr: train@rfdn-1: network networks/leaves.py")
        assert not list(project.folder.glob("reports/demo/*"))

    def test_a_second_run_makes_nothing_and_says_it_again(self, gone_on: Run, tmp_path: Path) -> None:
        project = gone_on[0].copy(tmp_path / "esr")
        project.edit(lambda params: without(params, "rfdn"))
        for command, code in ((["snakemake", "--cores", "all"], 1), (["esr", "run"], 2)):
            done = project.run(*command)
            assert done.returncode == code
            assert done.stderr.splitlines()[-1].startswith(MISSING)
            assert ": done" not in done.stderr

    def test_what_is_made_needs_its_source_no_more(self, gone_on: Run, tmp_path: Path) -> None:
        """The images' disk is not mounted: nothing of what is current is called missing, and what can be kept stays."""
        project = gone_on[0].copy(tmp_path / "esr")
        shutil.rmtree(project.folder / "photos")
        assert [line[: len(MISSING)] for line in lines_of(project.run("snakemake", "-n").stderr)] == [MISSING]
        (project.folder / "data/demo/sets/div2k-valid/images.store").unlink()
        assert "crop@div2k-valid" in project.well("esr", "sync")
        said = lines_of(project.run("snakemake", "-n").stderr)
        assert any("rlfn" in line and "download.div2k-valid.folder" in line for line in said)


def without(params: dict[str, Any], entry: str) -> None:
    """Drop an entry and its rows."""
    del params["entries"][entry]
    for table in ("train", "fuse", "benchmark"):
        params[table] = {key: row for key, row in params[table].items() if row["entry"] != entry}
