"""What drivers believe and what is true: by hash a stage is current or it is run again, whatever any record says."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.hostile.test_hostile_drivers import NOTHING_TO_DO, RLFN_2, RLFN_3, flip_a_byte, planned, refusal
from tests.tiny_project import Project

LRS = (3.0e-6, 7.0e-6)


def set_rate(project: Project, rate: float) -> None:
    project.edit(lambda params: params["finetune"]["rlfn-3"].update(learning_rate=rate))


def up_to_date(project: Project) -> None:
    """All agree that nothing is left."""
    assert "Every stage is up to date" in project.well("esr", "sync")
    assert NOTHING_TO_DO.search(project.well("snakemake", "-n"))
    assert "up to date" in project.well("dvc", "status")


@pytest.mark.slow
def test_a_row_edited_for_dvc_and_edited_back_is_run_again(working: Project) -> None:
    before, params = working.weights(), (working.folder / "params.yaml").read_text()
    set_rate(working, LRS[0])
    working.well("dvc", "repro", "finetune@rlfn-3")
    assert working.weights()[RLFN_3] != before[RLFN_3]
    (working.folder / "params.yaml").write_text(params)
    assert "finetune@rlfn-3" in refusal(working)
    working.well("esr", "run")
    assert working.weights() == before
    up_to_date(working)


@pytest.mark.slow
def test_what_dvc_recorded_of_a_row_that_was_edited_while_it_ran_is_not_believed(working: Project) -> None:
    """DVC reads parameters when the stage has ended: its lock file then names others than those that ran."""
    set_rate(working, LRS[0])
    working.well("esr", "finetune", "rlfn-3")
    set_rate(working, LRS[1])
    working.well("dvc", "commit", "-f", "-q", "finetune@rlfn-3")  # as `dvc repro` does when the row is edited meanwhile
    assert "finetune@rlfn-3" in working.well("esr", "sync")
    assert "finetune@rlfn-3" in json.loads(working.run("dvc", "status", "--json").stdout)
    receipt = json.loads((working.folder / ".esr/receipts/demo/finetune/rlfn-3.json").read_text())
    assert receipt["params"]["finetune.rlfn-3"]["learning_rate"] == LRS[0]
    made_wrongly = working.weights()[RLFN_3]
    working.well("esr", "run")
    assert working.weights()[RLFN_3] != made_wrongly
    up_to_date(working)


@pytest.mark.slow
@pytest.mark.parametrize("known_to_dvc", [False, True])
def test_an_edited_source_that_kept_its_time_and_size_is_seen(working: Project, known_to_dvc: bool) -> None:
    source = working.folder / "esr/compression/fusion.py"
    if known_to_dvc:
        working.well("dvc", "status")
    state = source.stat()
    source.write_text(source.read_text().replace("does not fuse", "never fuses  ", 1))
    assert source.stat().st_size == state.st_size
    os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert {"slimrlfn", "rlfn"} <= planned(working)
    assert "fuse@rlfn" in working.well("esr", "sync")


@pytest.mark.slow
def test_without_any_record_nothing_is_believed(working: Project) -> None:
    shutil.rmtree(working.folder / ".esr")
    (working.folder / "dvc.lock").unlink()
    assert "not made by this Snakemake" in refusal(working)
    assert working.well("esr", "sync").startswith("Not up to date: ")


@pytest.mark.slow
def test_without_snakemake_s_records_sync_comes_first(working: Project) -> None:
    shutil.rmtree(working.folder / ".snakemake")
    assert "`esr sync` first" in refusal(working)
    by_make_run = working.copy(working.folder.parent / "by-make-run")
    up_to_date(working)
    assert "Nothing to be done" in by_make_run.well("esr", "run")
    assert NOTHING_TO_DO.search(by_make_run.well("snakemake", "-n"))


@pytest.mark.slow
def test_records_of_snakemake_that_cannot_be_read_are_written_anew(working: Project) -> None:
    for record in (working.folder / ".snakemake/metadata").iterdir():
        record.write_bytes(b"\xff\xfe" + record.read_bytes())
    assert "`esr sync` first" in refusal(working)
    up_to_date(working)


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", pytest.param("<<<<<<< HEAD\nstages: {\n", marks=pytest.mark.slow)])
def test_a_damaged_lock_file_is_named_with_the_remedy(working: Project, content: str) -> None:
    lock = working.folder / "dvc.lock"
    lock.write_text(content)
    done = working.run("esr", "sync")
    assert done.returncode == 2
    assert re.fullmatch(
        r"esr: DVC refuses: .*dvc\.lock.*; delete dvc\.lock, which sync writes again .*", done.stderr.strip()
    )
    lock.unlink()
    up_to_date(working)


@pytest.mark.slow
def test_a_damaged_object_in_dvc_s_cache_is_replaced(working: Project) -> None:
    before = working.weights()[RLFN_2]
    digests = [line.split()[-1] for line in (working.folder / "dvc.lock").read_text().splitlines() if " md5: " in line]
    copies = [working.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:] for md5 in digests]
    (copy,) = {path for path in copies if path.exists() and path.read_bytes() == before}
    copy.chmod(0o644)
    flip_a_byte(copy)
    flip_a_byte(working.folder / RLFN_2)
    working.well("esr", "run")
    assert working.weights()[RLFN_2] == before
    assert copy.read_bytes() == before
    up_to_date(working)


@pytest.mark.slow
def test_what_is_no_file_in_an_output_s_place(working: Project) -> None:
    path = working.folder / "runs/demo/fuse/rlfn/weights.safetensors"
    path.unlink()
    path.symlink_to("nowhere")
    assert "fuse@rlfn: brought back" in working.well("esr", "sync")
    assert path.is_file() and not path.is_symlink()
    path.unlink()
    path.mkdir()
    for command in (["esr", "sync"], ["esr", "run"], ["snakemake", "-n"]):
        done = working.run(*command)
        assert "is no file, and fuse@rlfn makes one there; remove it" in done.stdout + done.stderr
        assert done.returncode in (1, 2)


@pytest.mark.slow
def test_a_file_is_not_trusted_for_its_place(working: Project) -> None:
    """A weights file of another row in the right place: no record knows it there."""
    other = working.folder / "runs/demo/train/rlfn-1/weights.safetensors"
    shutil.copy(other, working.folder / RLFN_3)
    assert RLFN_3 in refusal(working)
    assert "brought back" in working.well("esr", "sync")
    assert Path(working.folder / RLFN_3).read_bytes() != other.read_bytes()
