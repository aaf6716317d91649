"""Kills, damage and clones: whatever happened before, no driver shows a stale or damaged result as current."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from esr.common.files import md5_of
from esr.stages.snakemake_record import wait_for_snakemake
from tests.tiny_project import Project, wait_for

RLFN_3 = "runs/demo/finetune/rlfn-3/weights.safetensors"
RLFN_2 = "runs/demo/finetune/rlfn-2/weights.safetensors"
METRICS = "runs/demo/benchmark/rlfn/metrics.json"
NOTHING_TO_DO = re.compile(r"Nothing to be done")


def planned(project: Project, *targets: str) -> set[str]:
    """The rows that `snakemake -n` would run."""
    return set(re.findall(r"wildcards: key=(\S+)", project.well("snakemake", "-n", *targets)))


def refusal(project: Project, *targets: str) -> str:
    """What `snakemake -n` says when it refuses."""
    done = project.run("snakemake", "-n", *targets)
    assert done.returncode == 1
    return done.stdout + done.stderr


def flip_a_byte(path: Path) -> bytes:
    """Change one byte in the middle of a file; gives what it was."""
    before = path.read_bytes()
    middle = len(before) // 2
    path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
    return before


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a command in a project; whatever of it still runs in the end is killed."""
    families: list[int] = []

    def begin(project: Project, *command: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=project.folder,
            env=project.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        families.append(process.pid)
        return process

    yield begin
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) in families:
                process.kill()


def stage_at_work(process: "subprocess.Popen[str]", project: Project, kind: str) -> psutil.Process:
    """The process of the stage of this kind that a driver has started, when it trains."""
    found: list[psutil.Process] = []

    def trains() -> bool:
        found.clear()
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                command = child.cmdline()
                if command[1:4] == ["-m", "esr", kind] and is_training(project, kind, command[4]):
                    found.append(child)
        return bool(found)

    wait_for(trains, 200)
    return found[0]


def is_training(project: Project, kind: str, row: str) -> bool:
    """Whether the stage has saved a checkpoint, which it does after a second of training."""
    return any((project.folder / ".esr/checkpoints/demo" / kind / row).glob("*/latest.ckpt"))


def longer(project: Project, kind: str, row: str) -> None:
    """Edit the row and make its phases so long that a kill finds them at work."""

    def change(params: dict[str, Any]) -> None:
        params["scales"]["demo"]["training"]["length"]["later"] = 2000
        params[kind][row]["learning_rate"] /= 2

    project.edit(change)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_phase_is_run_again_and_so_is_what_follows(
    working: Project, start: Start, number: signal.Signals
) -> None:
    """Snakemake deletes what the killed job had to make, and would take its followers for made."""
    working.edit(lambda params: params["finetune"]["rlfn-3"].update(learning_rate=7.0e-6))
    settled = working.copy(working.folder.parent / "settled")
    longer(working, "finetune", "rlfn-3")
    killed = start(working, "snakemake", "--cores", "all", "rlfn")
    stage_at_work(killed, working, "finetune").send_signal(number)
    said = killed.communicate(timeout=300)[0]
    assert killed.returncode == 1
    assert "was killed" in said or "was asked to stop" in said
    shutil.copy(settled.folder / "params.yaml", working.folder / "params.yaml")
    assert {"rlfn-3", "rlfn"} <= planned(working, "rlfn")
    assert {"rlfn-3", "rlfn"} <= planned(working)
    for target in (METRICS, "report"):  # files and rules that Snakemake would call up to date
        assert "is missing: ask for an entry" in refusal(working, target)
    working.well("snakemake", "--cores", "all", "rlfn")
    settled.well("snakemake", "--cores", "all", "rlfn")
    assert working.weights() == settled.weights()
    assert working.run("esr", "sync").stdout.strip() in (
        "Not up to date: report",
        "Every stage is up to date for both drivers.",
    )


@pytest.mark.parametrize(
    "damaged",
    [
        RLFN_2,
        *(
            pytest.param(path, marks=pytest.mark.slow)
            for path in ("data/demo/sets/div2k/images.store", "data/demo/sets/div2k/manifest.json", METRICS)
        ),
    ],
)
def test_one_flipped_byte_is_refused_by_name_and_brought_back(working_rlfn: Project, damaged: str) -> None:
    before = flip_a_byte(working_rlfn.folder / damaged)
    weights = working_rlfn.weights()
    refused = refusal(working_rlfn)
    assert damaged in refused and "esr sync" in refused
    follower = ("report", "") if damaged == METRICS else ("finetune", "rlfn-3")
    by_hand = working_rlfn.run("esr", *filter(None, follower))
    assert by_hand.returncode == 2
    assert by_hand.stderr.splitlines()[-1].startswith(f"esr: changed since their stages made them: {damaged} (of ")
    output = working_rlfn.well("esr", "run")
    assert (working_rlfn.folder / damaged).read_bytes() == before
    assert {**weights, **({damaged: before} if damaged in weights else {})} == working_rlfn.weights()
    assert NOTHING_TO_DO.search(working_rlfn.well("snakemake", "-n"))
    assert "brought back" in output or "made again" in output


@pytest.mark.slow
def test_what_no_cache_has_is_made_again_by_make_run(working: Project) -> None:
    before = flip_a_byte(working.folder / RLFN_2)
    shutil.rmtree(working.folder / ".dvc/cache")
    assert working.well("esr", "sync").startswith("Not up to date: finetune@rlfn-2")
    output = working.well("esr", "run")
    assert "Made again, because their outputs are damaged: finetune@rlfn-2" in output
    assert (working.folder / RLFN_2).read_bytes() == before
    assert "benchmark@rlfn: done" not in output  # the same bytes again: nothing that follows had to run
    assert NOTHING_TO_DO.search(working.well("snakemake", "-n"))


@pytest.mark.slow
def test_equal_size_and_time_do_not_hide_damage(working: Project) -> None:
    """DVC looks at size and time alone; weights are small enough to be read at every look."""
    path = working.folder / RLFN_2
    state = path.stat()
    flip_a_byte(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert working.run("esr", "finetune", "rlfn-3").returncode == 2
    assert "finetune@rlfn-2: brought back" in working.well("esr", "sync")


@pytest.mark.slow
def test_a_killed_stage_is_named_last(working_rlfn: Project, start: Start) -> None:
    longer(working_rlfn, "finetune", "rlfn-3")
    running = start(working_rlfn, "esr", "run")
    stage_at_work(running, working_rlfn, "finetune").kill()
    said = running.communicate(timeout=300)[0].strip().splitlines()
    assert running.returncode == 2
    assert re.fullmatch(r"esr: finetune@\S+ was killed \(.*memory.*\); the same command goes on .*", said[-1])


def everything_below(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_make_run_stops_snakemake_and_saves_the_stages(
    working: Project, start: Start, number: signal.Signals
) -> None:
    longer(working, "finetune", "rlfn-3")
    running = start(working, "esr", "run")
    stage_at_work(running, working, "finetune")
    family = everything_below(psutil.Process(running.pid))
    running.send_signal(number)
    said = running.communicate(timeout=300)[0].strip().splitlines()
    assert said[-1] == "esr: stopped; `make run` goes on from there"
    assert running.returncode == 128 + number
    wait_for(lambda: not any(process.is_running() for process in family), 10)
    assert list((working.folder / ".esr/checkpoints/demo/finetune").glob("*/*/latest.ckpt"))


def test_ctrl_c_saves_a_stage_and_says_how_to_go_on(working_rlfn: Project, start: Start) -> None:
    longer(working_rlfn, "finetune", "rlfn-3")
    running = start(working_rlfn, "esr", "finetune", "rlfn-3")
    wait_for(lambda: is_training(working_rlfn, "finetune", "rlfn-3"), 120)
    running.send_signal(signal.SIGINT)
    last = running.communicate(timeout=60)[0].strip().splitlines()[-1]
    assert re.fullmatch(
        r"esr: finetune rlfn-3 was asked to stop at iteration \d+; the same command goes on from there", last
    )
    assert running.returncode == 130


@pytest.mark.parametrize("locked", [True, False])
def test_a_snakemake_whose_make_run_was_killed_is_waited_for(
    locked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process of that name in the folder, and Snakemake's lock, which it leaves behind when it is killed, too.

    In its first seconds there is no lock yet.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    if locked:
        (tmp_path / ".snakemake/locks/0.output.lock").touch()
    last_deed = "import time, pathlib; time.sleep(2); pathlib.Path('done').touch()"
    living = subprocess.Popen([sys.executable, "-c", last_deed, "snakemake"])
    wait_for_snakemake()
    assert (tmp_path / "done").exists()
    assert living.wait(60) == 0  # which has no command line any more while it ends
    told = f"waiting for Snakemake (process {living.pid}), which is at work in this folder\n"
    assert capsys.readouterr().err == told
    wait_for_snakemake()
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_network_file_that_ends_the_process_is_a_failure(working: Project) -> None:
    file = working.folder / "networks/leaves.py"
    file.write_text((working.folder / "esr/networks/rlfn.py").read_text() + "\n\nraise SystemExit(0)\n")

    def use(params: dict[str, Any]) -> None:
        for table, key in (("train", "rlfn-1"), ("finetune", "rlfn-2"), ("finetune", "rlfn-3"), ("fuse", "rlfn")):
            params[table][key]["network"] = "networks/leaves.py"
        params["benchmark"]["rlfn"]["network"] = "networks/leaves.py"

    working.edit(use)
    done = working.run("esr", "train", "rlfn-1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("esr: ") and "Traceback" not in done.stderr


def change_a_source(receipt: Path) -> None:
    """What no result hangs on."""
    content = json.loads(receipt.read_text())
    source = sorted(content["sources"])[0]
    content["sources"][source] = content["sources"][source][::-1]
    receipt.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "spoil",
    [
        change_a_source,
        pytest.param(lambda path: path.write_text("{"), marks=pytest.mark.slow),
        pytest.param(lambda path: path.write_text('{"deps": 3}'), marks=pytest.mark.slow),
    ],
)
def test_a_damaged_receipt_proves_nothing(working_rlfn: Project, spoil: Callable[[Path], None]) -> None:
    receipt = working_rlfn.folder / ".esr/receipts/demo/finetune/rlfn-3.json"
    before = receipt.read_text()
    spoil(receipt)
    said = working_rlfn.well("esr", "sync")  # DVC's record proves it
    assert "finetune@rlfn-3: its receipt does not fit, and is written anew from dvc.lock" in said
    assert "Every stage is up to date" in said
    assert receipt.read_text() == before


def test_a_damaged_record_in_dvc_lock_is_named_and_written_anew_and_one_that_a_run_changes_is_not(
    working_rlfn: Project,
) -> None:
    working_rlfn.well("esr", "sync")
    lock = working_rlfn.folder / "dvc.lock"
    before = lock.read_text()
    digest = md5_of(working_rlfn.folder / RLFN_3)
    lock.write_text(before.replace(digest, ("1" if digest[0] == "0" else "0") + digest[1:]))
    said = working_rlfn.well("esr", "sync")
    assert "finetune@rlfn-3: its record in dvc.lock does not fit, and is written anew from its receipt" in said
    assert lock.read_text() == before
    working_rlfn.edit(lambda params: params["finetune"]["rlfn-3"].update(learning_rate=1.5e-4))
    assert "does not fit" not in working_rlfn.well("esr", "run")


@pytest.mark.slow
def test_checkpoints_of_finished_stages_go_and_a_command_frees_the_rest(working: Project, start: Start) -> None:
    folder = working.folder / ".esr/checkpoints/demo"
    assert not list(folder.rglob("*.ckpt"))
    assert "is empty" in working.well("esr", "checkpoints")
    longer(working, "finetune", "rlfn-2")
    running = start(working, "esr", "finetune", "rlfn-2")
    wait_for(lambda: is_training(working, "finetune", "rlfn-2"), 120)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert "rlfn-2" in working.well("esr", "checkpoints") and "its stage goes on from here" in working.well(
        "esr", "checkpoints"
    )
    working.well("esr", "checkpoints", "--free")
    assert len(list(folder.rglob("latest.ckpt"))) == 1
    working.edit(lambda params: params["finetune"]["rlfn-2"].update(learning_rate=3.0e-6))
    assert "of other parameters or inputs" in working.well("esr", "checkpoints")
    assert len(list(folder.rglob("latest.ckpt"))) == 1
    working.well("esr", "checkpoints", "--free")
    assert not list(folder.rglob("latest.ckpt"))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["sync", "run"])
def test_files_from_the_future_lose_nothing(working: Project, command: str) -> None:
    """The clock was set back: Snakemake would delete what it makes of them."""
    later = time.time() + 7200
    for path in (RLFN_2, "params.yaml", "data/demo/sets/div2k/manifest.json"):
        os.utime(working.folder / path, (later, later))
    weights = working.weights()
    assert "newer than now" in refusal(working)
    assert re.search("every stage is up to date", working.well("esr", command), re.I)
    assert NOTHING_TO_DO.search(working.well("snakemake", "-n"))
    assert working.weights() == weights


def mounted(*arguments: str) -> None:
    if subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")


def one_line(project: Project, *command: str) -> str:
    """The line with which a command refuses."""
    done = project.run("esr", *command)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("esr: ")]
    return line


def test_a_project_that_cannot_be_written_is_one_line(working_rlfn: Project, tmp_path: Path) -> None:
    place = tmp_path / "read-only"
    place.mkdir()
    mounted("--bind", str(working_rlfn.folder), str(place))
    try:
        mounted("-o", "remount,ro,bind", str(place))
        for command in (["sync"], ["run"], ["fuse", "rlfn"]):
            assert "Read-only file system" in one_line(Project(place), *command)
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_one_line(working_rlfn: Project) -> None:
    (working_rlfn.folder / ".esr").rename(working_rlfn.folder / "esr-before")
    (working_rlfn.folder / ".esr").mkdir()
    mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(working_rlfn.folder / ".esr"))
    try:
        with suppress(OSError), (working_rlfn.folder / ".esr/filled").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        for command in (["sync"], ["run"], ["fuse", "rlfn"]):
            assert "No space left on device" in one_line(working_rlfn, *command)
    finally:
        subprocess.run(["umount", str(working_rlfn.folder / ".esr")], check=True)
