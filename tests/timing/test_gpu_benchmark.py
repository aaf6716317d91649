"""benchmarks/gpu.py without a GPU: it goes on where it stopped, mixes nothing, and tells what falls short."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from on_gpu.notes import Notes, read
from on_gpu.plan import PARTS, Step, steps_of
from on_gpu.shortfalls import told

from tests.tiny_project import ROOT


def step(values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"values": values, "failed": {}, "finished": "2026-11-22", **more}


def lines(part: str, **steps: Any) -> list[str]:
    return told({part: {"steps": {key.replace("__", " "): each for key, each in steps.items()}}})


def short(part: str, **steps: Any) -> bool:
    """Whether anything falls short."""
    return any("FALLS SHORT" in line for line in lines(part, **steps))


def beside_basicsr(ours: float, theirs: float) -> dict[str, Any]:
    return {"training": {"rounds": {"ours": [ours, 2 * ours], "BasicSR": [theirs, 2 * theirs]}}}


def test_less_than_five_times_basicsr_falls_short() -> None:
    assert short("fast", basicsr__64x256=step(beside_basicsr(490, 100)))
    assert not short("fast", basicsr__64x256=step(beside_basicsr(510, 100)))


def test_a_wait_of_more_than_a_fiftieth_falls_short() -> None:
    from on_gpu.fast import shares

    def waiting(speed: float) -> dict[str, Any]:
        return step({"64x256": shares({"rounds": {"no data": [1000.0, 2000.0], "resident": [speed, 2 * speed]}})})

    assert short("fast", waiting=waiting(975))
    assert not short("fast", waiting=waiting(985))


def test_networks_in_another_order_than_published_fall_short() -> None:
    published = {"r2net": {"ratio": 0.5, "baseline": "rlfn", "on": "a card"}}

    def session(r2net: float) -> dict[str, Any]:
        times = [{"name": "r2net", "time_ms": r2net}, {"name": "span", "time_ms": 0.1}]
        found = {"networks": times, "baseline": {"name": "rlfn", "time_ms": 2.0}, "doubt": "", "throttled": 0}
        return step({"session": found, "published": published})

    assert any(
        "r2net and rlfn stand in another order" in line or "rlfn and r2net stand" in line
        for line in lines("measured", session__256x256=session(2.5))
    )
    assert not short("measured", session__256x256=session(1.5))
    assert "measured: session 256x256: r2net / rlfn is 0.750 here, 0.500 as published (a card)" in lines(
        "measured", session__256x256=session(1.5)
    )


def test_skipped_and_failed_tests_fall_short() -> None:
    assert short("right", tests=step({"gpu": {"passed": 30, "skipped": 1, "failed": []}}))
    assert short("right", tests=step({"gpu": {"passed": 30, "skipped": 0, "failed": ["a"]}}))
    assert not short("right", tests=step({"gpu": {"passed": 30, "skipped": 0, "failed": []}}))


def test_weights_far_from_the_cpus_fall_short_unless_layouts_alone_part_them() -> None:
    def against_cpu(gpu: float, layout: float) -> dict[str, Any]:
        return step({"R2Net": {"GPU": {"of_the_way": gpu}, "CPU, other layout": {"of_the_way": layout}}})

    assert short("right", **{"against-cpu": against_cpu(0.2, 0.001)})
    assert not short("right", **{"against-cpu": against_cpu(0.001, 0.001)})
    assert not short("right", **{"against-cpu": against_cpu(0.9, 0.9)})


def test_other_bytes_fall_short_where_they_should_be_the_same() -> None:
    other = {"same": False, "sha256": ["a", "b"]}
    assert short("right", killed=step({"tf32 deterministic": other}))
    assert short("right", **{"same-bytes": step({"twice, deterministic tf32": other})})
    assert not short("right", **{"same-bytes": step({"twice, tf32": other})})


def test_failures_and_what_was_not_finished_are_told() -> None:
    found = {"values": {}, "failed": {"deploy": "RuntimeError: no memory"}}
    assert lines("fast", basicsr__64x640=found) == [
        "fast: FAILED basicsr 64x640, deploy: RuntimeError: no memory",
        "fast: UNFINISHED basicsr 64x640",
    ]


def test_what_was_measured_is_not_measured_again_and_what_failed_is(tmp_path: Path) -> None:
    notes = Notes(tmp_path, Step("fast", "table", 1, "rlfn"))
    asked: list[int] = []

    def measure() -> int:
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("no kernel\nand more")
        return len(asked)

    assert notes.tried("cell", measure) is None
    assert read(tmp_path / "fast.json")["steps"]["table rlfn"]["failed"] == {"cell": "RuntimeError: no kernel"}
    assert notes.tried("cell", measure) == 2
    assert Notes(tmp_path, Step("fast", "table", 1, "rlfn")).tried("cell", measure) == 2
    assert read(tmp_path / "fast.json")["steps"]["table rlfn"]["failed"] == {}


def test_what_failed_before_is_forgotten_when_a_step_begins_again(tmp_path: Path) -> None:
    notes = Notes(tmp_path, Step("real", "score", 1))
    notes.failed("Set5", FileNotFoundError("images/Set5 is not there"))
    notes.begin()
    assert read(tmp_path / "real.json")["steps"]["score"]["failed"] == {}


def test_every_step_of_the_plan_has_a_name_of_its_own() -> None:
    keys = [(each.part, each.key) for each in steps_of("all")]
    assert len(keys) == len(set(keys))


def gpu(results: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """The command, as a user calls it; what it makes on the way is shared by the tests."""
    work = results.parent / "work"
    command = [sys.executable, "benchmarks/gpu.py", "--results", str(results), "--work", str(work), *options]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=800)


@pytest.mark.slow
def test_a_rehearsal_measures_goes_on_and_is_no_record(tmp_path: Path) -> None:
    results = tmp_path / "results"
    asked = ["--rehearse", "--part", "fast", "--only", "table slimrlfn"]
    first = gpu(results, *asked)
    assert first.returncode == 0, first.stderr
    content = json.loads((results / "fast.json").read_text())
    cells = content["steps"]["table slimrlfn"]["values"]
    assert content["steps"]["table slimrlfn"]["failed"] == {}
    ways = [
        f"{kernels} {layout} tf32, {source}"
        for kernels in ("eager", "graph", "compiled", "compiled graph")
        for layout in ("channels_last", "contiguous")
        for source in ("resident", "workers")
    ]
    assert all(cells[way]["images_per_s"] > 0 for way in ways)
    del content["steps"]["table slimrlfn"]["finished"], cells[ways[-1]]  # as if it had been killed there
    (results / "fast.json").write_text(json.dumps(content))
    second = gpu(results, *asked)
    assert second.returncode == 0, second.stderr
    again = read(results / "fast.json")["steps"]["table slimrlfn"]["values"]
    assert ways[-1] in again
    assert {way: again[way] for way in ways[:-1]} == {way: cells[way] for way in ways[:-1]}
    refused = gpu(results, "--part", "fast")
    assert refused.returncode != 0
    assert "a rehearsal and real numbers do not mix" in refused.stderr
    assert "nothing to record but a rehearsal" in gpu(results, "--part", "none", "--record").stderr


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_step_can_be_rehearsed(tmp_path_factory: pytest.TempPathFactory, part: str) -> None:
    results = tmp_path_factory.getbasetemp() / "gpu" / part
    steps = [each.key for each in steps_of(part) if each.name not in ("drivers", "table")]  # whole projects; as above
    done = gpu(results, "--rehearse", "--part", part, "--only", *steps)
    assert done.returncode == 0, done.stderr
    found = read(results / f"{part}.json")["steps"]
    lacking = {"BasicSR", "Set5", "Set14", "BSD100", "Urban100"}  # which nobody has brought along
    for key in steps:
        assert "finished" in found[key], done.stderr
        assert set(found[key]["failed"]) <= lacking, found[key]["failed"]


def test_without_a_gpu_only_a_rehearsal_begins(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}  # where nobody finds nvidia-smi
    command = [sys.executable, "benchmarks/gpu.py", "--results", str(tmp_path / "results"), "--part", "right"]
    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0
    assert refused.stderr == "gpu.py: nvidia-smi names no GPU here; give --rehearse to try everything at a tiny size\n"


def test_what_another_gpu_measured_is_not_gone_on_with() -> None:
    from gpu import gpu_of

    assert gpu_of({"machine": {"gpu": "NVIDIA H100 80GB HBM3, 580.1"}}) == gpu_of(
        {"machine": {"gpu": "NVIDIA H100 80GB HBM3, 581.2"}}
    )
    assert gpu_of({"machine": {"gpu": "NVIDIA H200, 580.1"}}) == "NVIDIA H200"
    assert gpu_of({"machine": {}}) == ""


def test_a_step_that_is_not_there_is_told(tmp_path: Path) -> None:
    refused = gpu(tmp_path / "results", "--part", "right", "--only", "tsets")
    assert refused.returncode == 2
    assert "--part right has no step tsets; name one of tests, against-cpu" in refused.stderr
