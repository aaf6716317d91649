"""Two drivers, one truth: Snakemake and DVC run the same graph and agree on what is up to date."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tiny_project import Project, wait_for

DIRTY = "runs/demo/finetune/rlfn-2/weights.safetensors"


def listed(project: Project) -> set[str]:
    """Jobs that `snakemake -n` would run, as commands' ends such as `finetune rlfn-2`."""
    output = project.well("snakemake", "-n")
    rules = re.findall(r"^(?:local)?rule (\S+):", output, flags=re.M)
    keys = re.findall(r"^\s+wildcards: key=(\S+)", output, flags=re.M)
    named = [rule for rule in rules if rule not in ("all", "report")]
    assert len(named) == len(keys)
    return {f"{rule}@{key}" for rule, key in zip(named, keys, strict=True)} | ({"report"} & set(rules))


def stale(project: Project) -> set[str]:
    """Stages that `dvc status` calls changed."""
    done = project.run("dvc", "status", "--json")
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def reproduced(project: Project) -> set[str]:
    """Stages that `dvc repro` runs."""
    output = project.well("dvc", "repro")
    return set(re.findall(r"Running stage '(\S+)'", output))


def test_after_snakemake_dvc_is_clean_and_an_edited_comment_leaves_nothing_to_do(working_rlfn: Project) -> None:
    """DVC looks at the sources once more and finds nothing new."""
    assert stale(working_rlfn) == set()
    edit_comments(working_rlfn)
    assert listed(working_rlfn) == set()
    assert reproduced(working_rlfn) == {"code"}
    assert stale(working_rlfn) == set()


@pytest.mark.slow
def test_stages_that_dvc_runs_again_end_with_the_same_bytes(made: Project, working: Project) -> None:
    stages = ["train@rlfn-1", "finetune@rlfn-2"]
    output = working.well("dvc", "repro", "--force", "--single-item", *stages)
    assert re.findall(r"Running stage '(\S+)'", output) == stages
    assert working.weights() == made.weights()
    assert stale(working) == set()
    working.well("esr", "sync")
    assert listed(working) == set()


@pytest.mark.slow
def test_after_dvc_and_sync_snakemake_is_clean_and_the_weights_are_the_same_bytes(
    made: Project, untouched: Project
) -> None:
    assert len(reproduced(untouched)) > 25
    untouched.well("esr", "sync")
    assert listed(untouched) == set()
    assert stale(untouched) == set()
    ours, theirs = made.weights(), untouched.weights()
    assert len(ours) > 10 and ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


@pytest.mark.slow
def test_one_edited_row_reruns_itself_and_its_followers_in_both(working: Project) -> None:
    followers = {"finetune@rlfn-2", "finetune@rlfn-3", "fuse@rlfn", "benchmark@rlfn", "report"}
    working.edit(lambda params: params["finetune"]["rlfn-2"].update(learning_rate=4.0e-4))
    assert listed(working) == followers
    # The report shows the rows. Of other followers DVC sees a change only after what comes before ran.
    assert stale(working) == {"code", "finetune@rlfn-2", "report"}
    other = working.copy(working.folder.parent / "by-dvc")
    assert reproduced(other) == {"code", *followers}
    working.well("snakemake", "--cores", "all")
    assert stale(working) == set() and listed(working) == set()
    assert working.weights() == other.weights()


def append(project: Project, file: str, text: str) -> None:
    with (project.folder / file).open("a") as source:
        source.write(text)


def edit_comments(project: Project) -> None:
    """In code that everything uses, and in a network."""
    for file in ("esr/common/errors.py", "esr/networks/rlfn.py"):
        append(project, file, '\n# a better comment\n"""And a text that nobody reads."""\n')


def test_an_edit_of_the_fusion_s_code_does_not_train_again(working_rlfn: Project) -> None:
    append(working_rlfn, "esr/compression/fusion.py", "EDITED = 1\n")
    assert listed(working_rlfn) == {"fuse@rlfn", "benchmark@rlfn", "report"}
    assert stale(working_rlfn) == {"code", "fuse@rlfn"}


@pytest.mark.slow
def test_an_edit_of_the_pruning_code_does_not_train_again(working: Project) -> None:
    append(working, "esr/compression/prune.py", "EDITED = 1\n")
    assert stale(working) == {"code"}  # DVC sees more only when this has run
    assert listed(working) == {"prune@slimrlfn-pruned", "fuse@slimrlfn-pruned", "benchmark@slimrlfn-pruned", "report"}
    assert stale(working) == {"code", "prune@slimrlfn-pruned"}


@pytest.mark.slow
def test_the_work_of_an_entry_s_training_runs_nothing_where_it_is_not_shared_out(working: Project) -> None:
    working.edit(lambda params: params["entries"]["rlfn"].update(training_work={"first": 1e18}))
    assert listed(working) == {"report"}  # which shows what the entries say
    assert reproduced(working) == {"code", "report"}


@pytest.mark.slow
def test_an_edited_network_runs_its_own_stages_again_and_no_others(working: Project) -> None:
    append(working, "esr/networks/slimrlfn.py", "EDITED = 1\n")
    assert {name for name in listed(working) if "rlfn-" in name and "slim" not in name} == set()
    assert {"distill@slimrlfn-distill", "prune@slimrlfn-pruned", "benchmark@slimrlfn"} <= listed(working)
    assert "teacher@slimrlfn-teacher" not in listed(working)


@pytest.mark.slow
def test_an_edit_that_changes_no_result_is_accepted_by_name_and_recorded(working: Project) -> None:
    append(working, "esr/training/losses.py", "HALF = 0.5\n")
    working.well("esr", "code")
    assert "teacher@slimrlfn-teacher" in stale(working)
    weights = working.weights()
    assert working.run("esr", "accept").returncode == 2  # a reason is asked for
    working.well("esr", "accept", "--because", "a constant that nobody uses")
    assert stale(working) == set()
    assert listed(working) == set()
    assert working.weights() == weights
    record = [json.loads(line) for line in (working.folder / "accepted.jsonl").read_text().splitlines()]
    assert {"teacher@slimrlfn-teacher", "prune@slimrlfn-pruned"} <= {line["stage"] for line in record}
    assert all(list(line["files"]) == ["esr/training/losses.py"] for line in record)
    assert all(line["reason"] == "a constant that nobody uses" for line in record)
    working.edit(lambda params: params["train"]["rlfn-1"].update(seed=3))
    done = working.run("esr", "accept", "train@rlfn-1", "--because", "no")
    assert done.returncode == 2 and "more than code has changed" in done.stderr


@pytest.mark.slow
def test_switching_the_scale_forth_and_back_trains_nothing_again(working: Project) -> None:
    before = working.weights()
    working.edit(lambda params: params.update(scale="pilot"))
    working.well("snakemake", "--cores", "all", "runs/pilot/train/rlfn-1/weights.safetensors")
    assert {name: working.weights()[name] for name in before} == before
    working.edit(lambda params: params.update(scale="demo"))
    assert listed(working) == set()
    working.well("esr", "sync")
    assert stale(working) == set()
    assert reproduced(working) == set()
    working.edit(lambda params: params.update(scale="pilot"))
    assert "train@rlfn-1" not in listed(working)
    assert "runs/pilot/train/rlfn-1/weights.safetensors" in working.weights()
    working.well("esr", "sync")
    assert "train@rlfn-1" not in stale(working)


@pytest.mark.slow
def test_an_entry_is_a_target_and_its_record_is_kept(untouched: Project) -> None:
    untouched.well("snakemake", "--cores", "all", "rlfn")
    made = stale(untouched)
    assert not {"train@rlfn-1", "finetune@rlfn-3", "fuse@rlfn", "benchmark@rlfn", "join@df2k"} & made
    assert {"teacher@slimrlfn-teacher", "download@lsdir", "report"} <= made
    assert not (untouched.folder / "runs/demo/teacher").exists()


@pytest.mark.slow
def test_sync_blesses_only_what_a_driver_made(working: Project) -> None:
    weights = working.folder / DIRTY
    weights.write_bytes(b"not made by any stage")
    shutil.rmtree(working.folder / ".dvc/cache")  # from which sync would bring back what a stage made
    working.well("esr", "sync")
    assert "finetune@rlfn-2" in stale(working)
    working.edit(lambda params: params["finetune"]["rlfn-3"].update(learning_rate=2.0e-5))
    working.well("esr", "sync")
    assert "finetune@rlfn-3" in stale(working)


@pytest.mark.slow
def test_sync_records_what_was_made_before_a_kill(working: Project) -> None:
    """A kill between the last job and DVC's commit: the handlers never ran."""
    working.edit(lambda params: params["finetune"]["rlfn-3"].update(seed=7))
    working.well("snakemake", "--cores", "all", ESR_SYNCING="1")
    assert "finetune@rlfn-3" in stale(working)
    working.well("esr", "sync")
    assert stale(working) == set()
    assert listed(working) == set()


@pytest.mark.slow
def test_what_was_finished_before_a_failure_stays_finished_for_both(working: Project) -> None:
    def spoil(params: dict[str, Any]) -> None:
        params["train"]["rlfn-1"]["seed"] = 8

    working.edit(spoil)
    checkpoints = working.folder / ".esr/checkpoints/demo/finetune/rlfn-2"
    shutil.rmtree(checkpoints, ignore_errors=True)
    checkpoints.parent.mkdir(parents=True, exist_ok=True)
    checkpoints.write_text("a file in the place of a folder, which the stage finds out when its turn has come")
    done = working.run("snakemake", "--cores", "all")
    assert done.returncode == 1
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert last.startswith("esr: ") and "rlfn-2" in last
    assert "train@rlfn-1" not in stale(working)
    assert "train@rlfn-1" not in listed(working)
    assert "finetune@rlfn-2" in listed(working)


def dawdle(project: Project) -> Path:
    """Have a training of a dozen iterations, each half a second longer while the file that this gives is there."""
    network = project.folder / "esr/networks/rlfn.py"
    head = "    def _upscale(self, x: Tensor) -> Tensor:\n"
    assert head in network.read_text()
    slow = "        __import__('time').sleep(0.5 * __import__('os').path.exists('dawdle'))\n"
    network.write_text(network.read_text().replace(head, head + slow))
    project.edit(lambda params: params["scales"]["demo"]["training"]["length"].update(first=12))
    return project.folder / "dawdle"


@pytest.mark.parametrize("driver", ["snakemake", pytest.param("dvc", marks=pytest.mark.slow)])
def test_a_killed_driver_is_gone_on_from_and_the_bytes_are_the_same(working_rlfn: Project, driver: str) -> None:
    """Kill driver and stage in the middle of training; run again; the weights are those of an unkilled run."""
    weights = "runs/demo/train/rlfn-1/weights.safetensors"
    dawdling = dawdle(working_rlfn)
    unkilled = working_rlfn.copy(working_rlfn.folder.parent / "unkilled")
    unkilled.well("esr", "train", "rlfn-1")

    target = weights if driver == "snakemake" else "train@rlfn-1"
    command = ["snakemake", "--cores", "all", target] if driver == "snakemake" else ["dvc", "repro", target]
    checkpoints = working_rlfn.folder / ".esr/checkpoints/demo/train/rlfn-1"
    shutil.rmtree(checkpoints)
    dawdling.touch()
    with (working_rlfn.folder / "driver.log").open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=working_rlfn.folder,
            env=working_rlfn.environment(),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        wait_for(lambda: any(checkpoints.glob("*/latest.ckpt")), 120)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    dawdling.unlink()
    if driver == "snakemake":
        working_rlfn.well("esr", "sync")  # unlocks the folder
    working_rlfn.well(*command)
    assert "goes on from iteration" in (working_rlfn.folder / "logs/demo/train/rlfn-1.log").read_text()
    assert working_rlfn.weights()[weights] == unkilled.weights()[weights]


def test_two_processes_never_run_the_same_stage_at_once(working_rlfn: Project) -> None:
    """The first stands still while the second starts, so that it is in the middle however slow the machine is."""
    owner = working_rlfn.folder / ".esr/locks/demo/train-rlfn-1.pid"
    owner.unlink()

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "esr", "train", "rlfn-1"]
        return subprocess.Popen(
            command, cwd=working_rlfn.folder, env=working_rlfn.environment(), stderr=subprocess.PIPE, text=True
        )

    first = start()
    wait_for(owner.exists, 120)
    first.send_signal(signal.SIGSTOP)
    second = start()
    assert second.stderr is not None
    assert f"waiting for process {first.pid}, which runs train@rlfn-1 already" in second.stderr.readline()
    first.send_signal(signal.SIGCONT)
    assert "waiting for process" not in first.communicate(timeout=300)[1]
    assert "by the process that was waited for" in second.communicate(timeout=300)[1]
    assert (first.returncode, second.returncode) == (0, 0)


def test_make_run_a_second_time_finds_nothing_to_do(working_rlfn: Project) -> None:
    """Nor does it after an edit of comments, which DVC is told of."""
    edit_comments(working_rlfn)
    output = working_rlfn.well("esr", "run")
    assert "Nothing to be done" in output
    assert "mlflow ui" in output and "reports/demo/index.html" in output
    assert stale(working_rlfn) == set()


def test_a_stage_that_runs_removes_the_page_of_trails(working_rlfn: Project) -> None:
    """It would tell of the run before, beside a leaderboard of this one."""
    page = working_rlfn.folder / "reports/demo/trace.html"
    page.write_text("of the run before")
    working_rlfn.well("esr", "fuse", "rlfn")
    assert not page.exists()


def test_a_second_live_run_is_told(working_rlfn: Project) -> None:
    from filelock import FileLock

    with FileLock(working_rlfn.folder / ".esr/run.lock"):
        done = working_rlfn.run("esr", "run")
    assert done.returncode == 2
    assert "another `make run` is at work" in done.stderr


@pytest.mark.slow
def test_dvc_exp_run_changes_a_row(working: Project) -> None:
    working.well("dvc", "exp", "run", "-q", "-S", "benchmark.rlfn.validation=div2k", "report")
    params = yaml.safe_load((working.folder / "params.yaml").read_text())
    assert params["benchmark"]["rlfn"]["validation"] == "div2k"
    shown = json.loads(working.run("dvc", "metrics", "diff", "--json").stdout)
    assert "runs/demo/benchmark/rlfn/metrics.json" in shown
    assert "validation" in working.well("dvc", "params", "diff")


def test_dvc_draws_the_curves_of_the_phases(working_rlfn: Project) -> None:
    working_rlfn.well("dvc", "plots", "show", "-o", "drawn")
    page = (working_rlfn.folder / "drawn/index.html").read_text()
    assert "runs/demo/train/rlfn-1/curve.csv" in page and "learning_rate" in page


def test_a_folder_that_cannot_be_written_is_one_line(working_rlfn: Project) -> None:
    folder = working_rlfn.folder / "runs/demo/fuse/rlfn"
    shutil.rmtree(folder)
    folder.write_text("a file where a folder should be")
    done = working_rlfn.run("esr", "fuse", "rlfn")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("esr: cannot write runs/demo/fuse/rlfn/weights.safetensors")
    assert "Traceback" not in done.stderr
    assert folder.is_file()
