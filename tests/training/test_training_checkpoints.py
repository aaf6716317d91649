"""How often a training saves."""

from pathlib import Path

import pytest

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

    monkeypatch.setattr(checkpoints.torch, "save", slow_save)
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
