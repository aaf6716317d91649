"""How often a training saves."""

from pathlib import Path

import pytest
import torch

from esr.training import checkpoints
from esr.training.checkpoints import Checkpoints


class Clock:
    """Stands in for the time: it passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("step", "save"), [(0.01, 0.001), (0.2, 0.05), (1.0, 2.0), (0.001, 0.1)])
def test_saving_takes_less_than_a_hundredth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float, save: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(checkpoints, "time", clock)

    def slow_save(state: object, file: object) -> None:
        clock.now += save

    monkeypatch.setattr(torch, "save", slow_save)
    kept, saves = Checkpoints(tmp_path), 0
    while clock.now < max(20, 700 * save):  # three saves or more
        clock.now += step
        if kept.due():
            kept.save({})
            saves += 1
    assert saves >= 3
    assert saves * save / clock.now < 0.01


def test_nothing_is_loaded_from_nothing(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "new").load() is None


def test_a_spoilt_checkpoint_never_takes_the_place_of_the_good_one_before(tmp_path: Path) -> None:
    """Saved 1 and 2; 2 is spoilt; saved 3, which is spoilt as well: 1 is still there."""
    kept = Checkpoints(tmp_path)
    for done in (1, 2):
        kept.save({"done": done})
    spoil(kept.latest)
    kept.save({"done": 3})
    assert kept.load() == {"done": 3}
    spoil(kept.latest)
    assert kept.load() == {"done": 1}
    assert not kept.spoilt


def test_the_two_newest_states_are_kept(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    for done in (1, 2, 3):
        kept.save({"done": done})
    assert kept.load() == {"done": 3}
    spoil(kept.latest)
    assert kept.load() == {"done": 2}
    spoil(kept.previous)
    assert kept.load() is None and kept.spoilt


def spoil(path: Path) -> None:
    """Change the last byte."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
