"""Checkpoints by a clock of their own, averages, losses of a row and goals, each by itself and by hand."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from esr.recipes.engine_settings import EngineSettings
from esr.training import checkpoints as module
from esr.training.average import Average
from esr.training.checkpoints import Checkpoints
from esr.training.engine import Engine
from esr.training.losses import l1, l2, loss_of
from esr.training.objective import Objective, Teacher
from esr.training.plan import Goal
from tests.training.small_rows import small_row
from tests.training.small_training import CPU, PLAN

ENGINE = Engine(EngineSettings(), CPU)


class Clock:
    """Stands in for the time."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("takes", "waits"), [(0.001, 1.0), (0.005, 1.0), (0.01, 2.0), (1.0, 200.0)])
def test_the_next_save_waits_a_second_and_two_hundred_times_what_one_took(
    takes: float, waits: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A two-hundredth of the time may go into saving, so .01 s of saving stand for 2 s of training."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    kept = Checkpoints(tmp_path)
    for now, due in ((100.0, False), (100.99, False), (101.0, True)):
        clock.now = now
        assert kept.due() == due
    write, saved = torch.save, []

    def slow(state: object, file: io.BytesIO) -> None:
        clock.now += takes
        saved.append(state)
        write(state, file)

    monkeypatch.setattr(torch, "save", slow)
    kept.save({"done": 1})
    assert not kept.due()
    clock.now = 101.0 + takes + waits - 1e-6
    assert not kept.due()
    clock.now += 2e-6
    assert kept.due() and saved == [{"done": 1}]


def test_a_checkpoint_is_a_sha256_and_what_torch_wrote(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "new")
    kept.save({"weight": torch.arange(3)})
    content = (tmp_path / "new/latest.ckpt").read_bytes()
    assert content[:32] == hashlib.sha256(content[32:]).digest()
    assert torch.load(io.BytesIO(content[32:]))["weight"].tolist() == [0, 1, 2]
    assert not (tmp_path / "new/previous.ckpt").exists()
    kept.save({"weight": torch.arange(2)})
    assert (tmp_path / "new/previous.ckpt").read_bytes() == content


def test_a_checkpoint_holds_values_and_nothing_that_runs(tmp_path: Path) -> None:
    """As torch's weights_only has it; everything comes to the CPU."""

    class Runs:
        def __reduce__(self) -> tuple[object, ...]:
            return (print, ("it ran",))

    kept = Checkpoints(tmp_path)
    kept.save({"what": Runs()})
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        kept.load()


@pytest.mark.parametrize("left", [b"", b"x" * 31, b"x" * 40])
def test_what_is_cut_off_is_no_state_and_none_is_spoilt_where_none_was(left: bytes, tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    assert (kept.load(), kept.spoilt) == (None, False)
    kept.latest.write_bytes(left)
    assert (kept.load(), kept.spoilt) == (None, True)
    kept.save({"done": 3})
    assert (kept.load(), kept.spoilt) == ({"done": 3}, False)
    assert not kept.previous.exists()  # what was spoilt has not become the one before


@pytest.mark.parametrize(("updates", "keeps"), [(0, 0.1), (1, 2 / 11), (8, 0.5), (9, 0.5), (1000, 0.5)])
def test_an_average_keeps_less_of_itself_early_on(updates: int, keeps: float) -> None:
    """(1 + n) / (10 + n) where that is below the decay, 0.5: up to n = 8."""
    network = nn.Linear(2, 1)
    average = Average(network, 0.5)
    with torch.no_grad():
        for weight, kept in zip(network.parameters(), average.network.parameters(), strict=True):
            weight.fill_(1.0)
            kept.fill_(3.0)
    average.prepare(updates)
    average.update()
    for kept in average.network.parameters():
        assert torch.allclose(kept, torch.tensor(3 * keeps + 1 - keeps)) and not kept.requires_grad
    assert all((weight == 1.0).all() and weight.requires_grad for weight in network.parameters())


def test_without_a_decay_there_is_nothing_to_prepare_or_update() -> None:
    network = nn.BatchNorm2d(2)
    average = Average(network, None)
    average.prepare(5)
    average.update()
    assert average.network is network and network.weight.tolist() == [1.0, 1.0] and network.weight.requires_grad


def test_buffers_are_copied_whatever_their_type() -> None:
    network = nn.BatchNorm2d(2)
    average = Average(network, 0.9)
    network.train()(torch.rand(4, 2, 3, 3))
    average.prepare(0)
    average.update()
    assert average.network.get_buffer("num_batches_tracked").item() == 1
    assert torch.equal(average.network.get_buffer("running_mean"), network.get_buffer("running_mean"))


@pytest.mark.parametrize(
    ("name", "loss"),
    [("l1", 0.5), ("l2", 0.25), ("charbonnier", (0.25 + 0.01) ** 0.5)],
    ids=["l1", "l2", "charbonnier"],
)
def test_a_row_s_losses_with_and_without_their_fourier_term(name: str, loss: float) -> None:
    """Everywhere 0.5 apart: of 4 pixels in a row the transform is 2, 0, 0, of which the mean over both parts is 1/3."""
    a, b = torch.full((1, 1, 1, 4), 0.75), torch.full((1, 1, 1, 4), 0.25)
    for weight in (0.0, 0.3):
        row = small_row(fourier_weight=weight, charbonnier_eps=0.1)
        assert loss_of(row, name)(a, b).item() == pytest.approx(loss + weight / 3)  # type: ignore[arg-type]


def test_a_goal_works_in_the_network_s_range_and_measures_in_0_to_1() -> None:
    seen = list[float]()

    def forward(x: Tensor) -> Tensor:
        seen.append(x.max().item())
        return torch.full((1, 3, 4, 4), 51.0)

    lr, hr = torch.full((1, 3, 1, 1), 0.4), torch.full((1, 3, 4, 4), 0.5)
    assert Objective(l1, 255.0, ENGINE)(forward, lr, hr).item() == pytest.approx(0.3)  # 51 / 255 = .2
    assert seen == [pytest.approx(102.0)]
    teacher = Teacher(lambda x: x.expand(1, 3, 4, 4) * 2, 1.0, 0.25)
    goal = Objective(l2, 255.0, ENGINE, teacher)
    assert goal(forward, lr, hr).item() == pytest.approx(0.3**2 + 0.25 * 0.6**2)  # the teacher gives .8
    target = teacher.target(lr, ENGINE)
    assert target.dtype == torch.float32 and not target.requires_grad and not target.is_inference()


def test_a_teacher_is_put_on_the_device_and_into_eval_mode() -> None:
    network = nn.Sequential(nn.Conv2d(3, 48, 1), nn.Dropout(0.5), nn.PixelShuffle(4)).train()
    teacher = Teacher.of(network, 255.0, 0.75, ENGINE)
    assert (teacher.data_range, teacher.weight, network.training) == (255.0, 0.75, False)
    assert teacher.forward is network
    assert network.get_parameter("0.weight").is_contiguous(memory_format=torch.channels_last)


def test_the_goal_of_an_iteration_is_the_last_that_has_begun() -> None:
    def goal(number: float) -> Goal:
        return lambda forward, lr, hr: torch.tensor(number)

    goals = [goal(number) for number in (1.0, 2.0, 3.0)]
    plan = replace(PLAN, objectives=list(zip((0, 10, 20), goals, strict=True)))
    found = [goals.index(plan.objective(iteration)) for iteration in (0, 9, 10, 19, 20, 56)]
    assert found == [0, 0, 1, 1, 2, 2]
