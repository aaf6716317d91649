"""How a stage tells a driver how far it has come, and what a driver makes of it."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from esr.common.how_far import read_how_far, telling_in
from esr.common.progress import Progress
from esr.driving.following import Follower
from esr.driving.run_state import ReachedPsnr
from esr.recipes.read import check
from esr.stages.at_work import ASKED, at_work, telling
from esr.stages.last_words import leaving_last_words, lock_path
from esr.stages.receipts import write_receipt
from esr.tracking.journal import Journal, journal_path
from tests.laid_project import GRAPH, RAW
from tests.tiny_project import ROOT
from tests.tracking.a_stage import Play, head_of

RLFN_1, RLFN_2 = GRAPH.find("train", "rlfn-1"), GRAPH.find("finetune", "rlfn-2")
TEACHER = GRAPH.find("teacher", "slimrlfn-teacher")


@pytest.fixture(autouse=True)
def _a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("esr", "networks"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(ASKED, "1")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: 5e9)
    return now


def test_what_is_counted_is_told_in_its_unit_and_no_line_is_printed(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 s at 10 MB a second from 200 of 1,000 MB on: 800 are done, and 200 take 20 s."""
    printed, noted = io.StringIO(), list[str]()
    monkeypatch.setattr("sys.stderr", printed)
    place = tmp_path / "told.json"
    with telling_in(place), Progress("set.zip", 1000e6, "MB", 200e6, 1e6, note=noted.append) as progress:
        for _ in range(60):
            clock[0] += 1
            progress.add(10e6)
        told = read_how_far(place)
        assert told is not None
        assert (told.unit, told.done, told.total) == ("MB", 800, 1000)
        assert told.rate == pytest.approx(10)
        assert told.left == pytest.approx(20)
    assert printed.getvalue() == "" and len(noted) == 2  # the log has its lines all the same
    assert not place.exists()


def test_a_thousand_steps_in_a_second_write_one_file(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = list[Path]()
    replace = Path.replace

    def replace_and_count(part: Path, place: Path) -> Path:
        written.append(part)
        return replace(part, place)

    monkeypatch.setattr(Path, "replace", replace_and_count)
    with telling_in(tmp_path / "told.json"):
        progress = Progress("x", 2000, "iterations")
        for _ in range(1000):
            clock[0] += 0.001
            progress.add(1)
    assert len(written) == 2  # that it began, and its first step


def test_a_stage_on_a_full_disk_does_not_fail_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with telling_in(tmp_path / "told.json"), Progress("x", 2, "images") as progress:
        progress.add(1)
    assert list(tmp_path.glob("told*")) == []


def test_nobody_is_told_where_no_driver_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ASKED)
    with FileLock(_lock(RLFN_1)), telling(RLFN_1):
        assert at_work([RLFN_1]) == {}
    assert not Path(".esr/progress").exists()


def test_a_stage_is_at_work_while_it_holds_its_lock_and_tells() -> None:
    with FileLock(_lock(RLFN_1)), telling(RLFN_1):
        assert set(at_work([RLFN_1, RLFN_2])) == {"train@rlfn-1"}
    assert at_work([RLFN_1, RLFN_2]) == {}


def test_a_stage_that_was_killed_is_not_at_work() -> None:
    """It leaves its file behind; the kernel drops its lock."""
    code = "import os, pathlib; place = pathlib.Path('.esr/progress/demo'); place.mkdir(parents=True); "
    code += """(place / 'train-rlfn-1.json').write_text('{"began": 1.0}'); os.kill(os.getpid(), 9)"""
    _lock(RLFN_1)
    subprocess.run([sys.executable, "-c", code], check=False)
    assert Path(".esr/progress/demo/train-rlfn-1.json").exists()
    assert at_work([RLFN_1]) == {}


@pytest.mark.parametrize("torn", [b"", b"{", b"\0" * 80, b'{"unit": 1}'])
def test_a_file_that_says_nothing_is_passed_over(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "told.json").write_bytes(torn)
    assert read_how_far(tmp_path / "told.json") is None


class TestFollowingARun:
    @pytest.fixture
    def follower(self) -> Iterator[Follower]:
        with Follower(GRAPH, check(RAW), [RLFN_1.name, RLFN_2.name, TEACHER.name]) as follower:
            yield follower

    def test_before_anything_runs_all_stages_wait(self, follower: Follower) -> None:
        state = follower.look()
        assert (state.done, state.stages, state.waiting, state.failed) == (0, 3, 3, 0)
        assert list(state.at_work) == []

    def test_a_stage_is_done_when_its_receipt_is_written(self, follower: Follower) -> None:
        write_receipt(RLFN_1, {}, {}, {})
        state = follower.look()
        assert (state.done, state.waiting) == (1, 2)

    def test_a_receipt_of_an_earlier_run_does_not_count(self) -> None:
        write_receipt(RLFN_1, {}, {}, {})
        with Follower(GRAPH, check(RAW), [RLFN_1.name]) as follower:
            assert follower.look().done == 0
            os.utime(".esr/receipts/demo/train/rlfn-1.json")
            assert follower.look().done == 1

    def test_a_stage_that_fails_is_counted_as_failed(self, follower: Follower) -> None:
        with pytest.raises(OSError, match="broken"), FileLock(_lock(RLFN_1)), leaving_last_words(RLFN_1):
            assert follower.look().failed == 0
            raise OSError("broken")
        state = follower.look()
        assert (state.failed, state.waiting) == (1, 2)

    def test_the_best_psnr_is_of_what_runs_or_has_ended_and_no_teacher_s(self, follower: Follower) -> None:
        with FileLock(_lock(RLFN_1)), telling(RLFN_1), FileLock(_lock(TEACHER)):
            for node, psnrs in ((RLFN_1, (26.0, 28.0, 27.9)), (TEACHER, (30.0,))):
                _journal(node, psnrs)
            state = follower.look()
            assert [(each.name, each.psnr) for each in state.at_work] == [(RLFN_1.name, 27.9)]
            assert state.best == ReachedPsnr("rlfn", 27.9)
        _curve(RLFN_2, 28.5)
        write_receipt(RLFN_2, {}, {}, {})
        _curve(TEACHER, 31.0)
        write_receipt(TEACHER, {}, {}, {})
        assert follower.look().best == ReachedPsnr("rlfn", 28.5)

    def test_the_journal_of_an_earlier_run_tells_nothing_of_this_one(self, follower: Follower) -> None:
        _journal(RLFN_1, (29.0,))
        for path in Path(".esr/journal").rglob("events.jsonl"):
            os.utime(path, (1e9, 1e9))
        with FileLock(_lock(RLFN_1)), telling(RLFN_1):
            state = follower.look()
        assert [each.psnr for each in state.at_work] == [None] and state.best is None

    def test_what_was_made_in_an_earlier_run_counts_for_the_best(self) -> None:
        _curve(RLFN_1, 27.5)
        with Follower(GRAPH, check(RAW), [RLFN_2.name]) as follower:
            assert follower.look().best == ReachedPsnr("rlfn", 27.5)

    def test_a_measurement_that_wants_the_machine_is_looked_at_less_often(self) -> None:
        benchmark = GRAPH.find("benchmark", "rlfn")
        with Follower(GRAPH, check(RAW), [benchmark.name]) as follower:
            follower.look()
            assert not follower.is_measuring()
            with FileLock(_lock(benchmark)), telling(benchmark):
                follower.look()
                assert follower.is_measuring()


def _lock(node: Any) -> Path:
    place = lock_path(node)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _curve(node: Any, psnr: float) -> None:
    place = node.output("curve.csv")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"iteration,loss,learning_rate,psnr\n10,0.1,0.001,\n20,0.1,0.001,{psnr}\n")


def _journal(node: Any, psnrs: tuple[float, ...]) -> None:
    journal = Journal(journal_path("demo", node.kind, node.key, "0f"), head_of(Play()))
    for step, psnr in enumerate(psnrs):
        journal.metrics(step, loss=0.1, psnr=psnr)
    journal.metrics(len(psnrs), loss=0.1)
    journal.close("killed", {})
