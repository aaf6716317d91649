"""Stages that are interrupted again and again, anywhere, end with the bytes of one that ran through."""

import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_project import Project
from tests.training import interrupted_stage

STAGES = ["finetune/slimrlfn-640", "distill/slimrlfn-distill", "prune/slimrlfn-pruned"]
ITERATIONS = 18  # of each: a phase, or three rounds of six
CODES = {"SIGKILL": -signal.SIGKILL, "SIGTERM": 143, "exception": 1, "": 0}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESR_MIRROR", "off")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def longer(working: Project) -> Project:
    def lengthen(params: dict[str, Any]) -> None:
        length = {"first": ITERATIONS, "later": ITERATIONS, "prune_round": ITERATIONS // 3, "prune_rounds_at_most": 3}
        params["scales"]["demo"]["training"]["length"].update(length)
        params["scales"]["demo"]["training"]["validate_every"] = 5

    working.edit(lengthen)
    return working


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_interrupted_anywhere(longer: Project, stage: str) -> None:
    kind, key = stage.split("/")
    unkilled = longer.copy(longer.folder.parent / "unkilled")
    assert interrupted_stage.run(unkilled.folder, kind, key) == 0

    checkpoints = longer.folder / ".esr/checkpoints/demo" / stage
    shutil.rmtree(checkpoints)
    chance = random.Random(stage)
    events = 0
    while True:
        event = chance.choice(["SIGKILL", "SIGTERM", "exception", "SIGKILL"])
        code = interrupted_stage.run(longer.folder, kind, key, event, iteration=chance.randint(1, 6))
        if code == 0:
            break
        assert code == CODES[event]
        events += 1
        if chance.random() < 0.5:
            spoil(max(checkpoints.rglob("latest.ckpt"), key=lambda path: path.stat().st_mtime_ns), chance)
    assert events >= 5
    outputs = sorted(path.name for path in (unkilled.folder / "runs/demo" / stage).iterdir())
    assert "weights.safetensors" in outputs and len(outputs) == 2
    for name in outputs:
        path = Path("runs/demo", stage, name)
        assert (longer.folder / path).read_bytes() == (unkilled.folder / path).read_bytes(), name


def spoil(checkpoint: Path, chance: random.Random) -> None:
    """What a power cut may leave of a file that was just written: a part of it, or nothing."""
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: chance.randrange(len(content))])
