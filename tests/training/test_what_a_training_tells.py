"""What a watch is told of a training, iteration by iteration, and the lines with which one ends."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from esr.common.errors import EsrError, Terminated
from esr.training.checkpoints import Checkpoints, State
from esr.training.curve import Curve, Point
from esr.training.helper_parts import OnlyRead, Silence, plan_of_helper
from esr.training.loop import train
from esr.training.plan import Goal, Plan
from esr.training.ranks import Ranks
from esr.training.validation import Validated
from tests.training.small_training import CPU, PICTURE, PLAN, Quiet, network, objective, random_batches


class All(Quiet):
    """Keeps every call."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__(stop_at)
        self.steps = list[tuple[str, int, int, int]]()
        self.named = list[str]()
        self.images = list[tuple[str, object, int]]()

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        super().progress(name, done, total, samples)
        self.steps.append((name, done, total, samples))

    def point(self, name: str, point: Point) -> None:
        super().point(name, point)
        self.named.append(name)

    def picture(self, name: str, image: object, step: int) -> None:
        self.images.append((name, image, step))


class Alike(Ranks):
    """Two processes that compute the same, in one."""

    def shared(self, network: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return network

    def mean(self, loss: Tensor) -> Tensor:
        return loss


def counted(psnrs: list[float], modes: list[bool]) -> Callable[[nn.Module], Validated]:
    """Validations that give 20, 21, ... dB and note whether the network was in training mode."""

    def validate(network: nn.Module) -> Validated:
        modes.append(network.training)
        psnrs.append(20.0 + len(psnrs))
        return Validated(psnrs[-1], PICTURE)

    return validate


def test_every_call_of_a_watch(tmp_path: Path) -> None:
    """24 iterations in intervals of two; validations in the intervals that end at 6, 10, 16 and 20, and at the end."""
    psnrs, modes, watch = list[float](), list[bool](), All()
    data = replace(PLAN.data, validate=counted(psnrs, modes), validate_every=5)
    rate = PLAN.rate
    net = network()
    in_step = list[bool]()
    net.register_forward_hook(lambda module, inputs, output: in_step.append(module.training))
    plan = replace(PLAN, iterations=24, data=data, ranks=Alike(0, 2), ema_decay=None)
    handed_on, curve = train(net, plan, Checkpoints(tmp_path), watch)
    assert watch.steps == [("train x", done, 24, 4) for done in range(1, 25)]
    assert watch.named == ["train x"] * 12
    assert curve == watch.points
    assert [point.iteration for point in curve] == list(range(2, 25, 2))
    assert [point.learning_rate for point in curve] == [rate(done - 1) for done in range(2, 25, 2)]
    validated = {6: 20.0, 10: 21.0, 16: 22.0, 20: 23.0, 24: 24.0}
    assert {point.iteration: point.psnr for point in curve if point.psnr is not None} == validated
    assert [(name, step) for name, _, step in watch.images] == [("sample", done) for done in validated]
    assert all(image is PICTURE for _, image, _ in watch.images)
    assert not any(modes) and all(in_step) and not handed_on.training
    assert watch.said == []


def test_losses_of_the_curve_are_means_of_what_each_step_gave(tmp_path: Path) -> None:
    """They are 1, 2, 3, ...; an interval is two iterations, and the last one."""
    numbers = iter(range(1, 24))

    def counting(forward: Callable[[Tensor], Tensor], lr: Tensor, hr: Tensor) -> Tensor:
        return objective(forward, lr, hr) * 0 + next(numbers)

    _, curve = train(
        network(), replace(PLAN, iterations=23, objectives=[(0, counting)]), Checkpoints(tmp_path), Quiet()
    )
    assert [point.loss for point in curve] == [*(done + 0.5 for done in range(1, 23, 2)), 23.0]


def test_a_stop_is_told_with_the_iteration_and_the_signal(tmp_path: Path) -> None:
    with pytest.raises(Terminated) as stopped:
        train(network(), PLAN, Checkpoints(tmp_path), Quiet(stop_at=3))
    told = "train x was asked to stop at iteration 3; the same command goes on from there"
    assert (str(stopped.value), stopped.value.exit_code) == (told, 128 + SIGTERM)
    watch = Quiet()
    train(network(), PLAN, Checkpoints(tmp_path), watch)
    assert watch.said == ["goes on from iteration 3 of 57"]


def test_a_stop_at_the_last_iteration_is_the_end(tmp_path: Path) -> None:
    handed_on, curve = train(network(), PLAN, Checkpoints(tmp_path), Quiet(stop_at=57))
    assert curve[-1].iteration == 57 and not handed_on.training


def test_damaged_checkpoints_are_told_and_a_fresh_folder_is_not(tmp_path: Path) -> None:
    fresh, again = Quiet(), Quiet()
    train(network(), PLAN, Checkpoints(tmp_path), fresh)
    for file in tmp_path.iterdir():
        file.write_bytes(b"spoilt")
    train(network(), PLAN, Checkpoints(tmp_path), again)
    assert (fresh.said, again.said) == ([], ["begins anew: its checkpoints are damaged"])


def test_a_damaged_newest_checkpoint_is_told_and_the_one_before_gives_the_same_weights(tmp_path: Path) -> None:
    class Always(Checkpoints):
        def due(self) -> bool:
            return True

    undisturbed, _ = train(network(), PLAN, Checkpoints(tmp_path / "undisturbed"), Quiet())
    with pytest.raises(Terminated):
        train(network(), PLAN, Always(tmp_path), Quiet(stop_at=3))
    content = bytearray((tmp_path / "latest.ckpt").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "latest.ckpt").write_bytes(content)
    watch = Quiet()
    again, _ = train(network(), PLAN, Checkpoints(tmp_path), watch)
    assert watch.said == ["goes on from iteration 2 of 57, of the checkpoint before: the newest is damaged"]
    for left, right in zip(undisturbed.parameters(), again.parameters(), strict=True):
        assert torch.equal(left, right)


def test_a_state_is_saved_when_it_is_due_and_at_the_end(tmp_path: Path) -> None:
    class Often(Checkpoints):
        """Due after every fourth iteration."""

        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            self.asked, self.saved = 0, list[State]()

        def due(self) -> bool:
            self.asked += 1
            return self.asked % 4 == 0

        def save(self, state: State) -> None:
            self.saved.append({**state, "weights": [weight.clone() for weight in state["network"].values()]})

    often, net = Often(tmp_path), network()
    train(net, replace(PLAN, iterations=10), often, Quiet())
    assert [state["done"] for state in often.saved] == [4, 8, 10]
    assert set(often.saved[0]) == {"network", "average", "optimiser", "curve", "done", "weights"}
    last = often.saved[-1]["weights"]
    assert all(torch.equal(saved, weight) for saved, weight in zip(last, net.state_dict().values(), strict=True))


def refusal(plan: Plan, folder: Path) -> str:
    with pytest.raises(EsrError) as refused:
        train(network(), plan, Checkpoints(folder), Quiet())
    return str(refused.value)


def spoilt_at(at: int, factor: float) -> Callable[[int, int], Iterator[tuple[Tensor, Tensor]]]:
    """Batches whose HR images are ``factor`` times themselves at an iteration, from 0."""

    def batches(first: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
        for iteration, (lr, hr) in enumerate(random_batches()(first, end), first):
            yield lr, hr * factor if iteration == at else hr

    return batches


REMEDY = "lower learning_rate, set clip_gradients, or look at the data"


def test_a_loss_that_is_not_finite_is_told_with_its_iteration_rate_and_the_checkpoint(tmp_path: Path) -> None:
    """Of 57 iterations an interval is five: the loss of the eighth, seen at the tenth. The rate is 0.01 / 8."""
    data = replace(PLAN.data, batches=spoilt_at(7, float("inf")))
    plan = replace(PLAN, data=data)
    told = "train x: the loss is not finite at iteration 8 (learning rate 0.00125); "
    assert refusal(plan, tmp_path / "a") == f"{told}there is no earlier checkpoint; {REMEDY}"
    with pytest.raises(Terminated):
        train(network(), plan, Checkpoints(tmp_path / "b"), Quiet(stop_at=4))
    assert refusal(plan, tmp_path / "b") == f"{told}the last good checkpoint is of iteration 4; {REMEDY}"


def test_weights_that_are_not_finite_are_told_where_the_loss_still_is(tmp_path: Path) -> None:
    """A rate of infinity in the fifth step, the last of its interval, whose loss comes before it."""
    plan = replace(PLAN, rate=lambda iteration: float("inf") if iteration == 4 else 1e-3)
    told = "train x: the loss is finite, but weights are not at iteration 5 (learning rate inf); "
    assert refusal(plan, tmp_path) == f"{told}there is no earlier checkpoint; {REMEDY}"


def test_a_change_of_the_loss_is_no_divergence_of_a_training(tmp_path: Path) -> None:
    """Of 1000 iterations, the 301st has a loss a thousand times as large, and the 601st again a hundred times."""

    def constant(number: float) -> Goal:
        return lambda forward, lr, hr: forward(lr).mean() * 0 + number

    plan = replace(
        PLAN,
        iterations=1000,
        ema_decay=None,
        objectives=[(0, constant(1.0)), (300, constant(1e3)), (600, constant(1e5))],
        data=replace(PLAN.data, batches=random_batches(count=1, side=1)),
    )
    _, curve = train(network(), plan, Checkpoints(tmp_path), Quiet())
    assert [point.loss for point in curve] == [1.0] * 3 + [1e3] * 3 + [1e5] * 4


@pytest.mark.parametrize(("loss", "wrong"), [(10.0, False), (10.1, True)])
def test_a_level_ten_times_the_lowest_has_diverged(loss: float, wrong: bool) -> None:
    """Levels 2, 1, 3 and then ten times the lowest, or a little more, in intervals of 100."""
    curve = Curve(1000, CPU)
    for interval, level in enumerate([2.0, 1.0, 3.0, loss]):
        for iteration in range(100 * interval, 100 * interval + 100):
            curve.note(iteration, torch.tensor(level))
        found = curve.trouble(100 * interval + 100)
        curve.add(100 * interval + 100, 1e-3, None)
    assert found == ((400, "has diverged: 10.1 on average, after 1") if wrong else None)


def test_short_phases_are_not_judged_and_nothing_is_before_a_first_level() -> None:
    short = Curve(999, CPU)  # intervals of 99
    for done, level in ((99, 1.0), (198, 1e6)):
        for iteration in range(done - 99, done):
            short.note(iteration, torch.tensor(level))
        assert short.trouble(done) is None
        short.add(done, 1e-3, None)
    long = Curve(1050, CPU)
    for iteration in range(1050):
        long.note(iteration, torch.tensor(1.0 if iteration < 1000 else 1e6))
        if (iteration + 1) % 100 == 0:
            long.add(iteration + 1, 1e-3, None)
    assert long.trouble(1050) is None  # the last interval is half a one


def test_a_curve_goes_on_from_what_it_kept() -> None:
    one, other = Curve(100, CPU), Curve(100, CPU)
    for iteration in range(15):
        one.note(iteration, torch.tensor(float(iteration)))
        if iteration == 9:
            one.add(10, 0.5, 25.0)
    state = one.state()
    assert state["points"] == [(10, 4.5, 0.5, 25.0)]
    other.load(state)
    assert other.points == [Point(10, 4.5, 0.5, 25.0)]
    for iteration in range(15, 20):
        other.note(iteration, torch.tensor(float(iteration)))
    assert other.add(20, 0.25, None) == Point(20, 14.5, 0.25, None)


def test_what_stands_in_a_helper_says_and_keeps_nothing(tmp_path: Path) -> None:
    kept = OnlyRead(tmp_path)
    assert kept.due() is False
    kept.save({"done": 1})
    assert not list(tmp_path.iterdir())
    Checkpoints(tmp_path).save({"done": 2})
    assert kept.load() == {"done": 2}
    helped = plan_of_helper(PLAN)
    assert helped.data.validate(network()).psnr == 0.0
    assert (helped.name, helped.iterations, helped.data.batches) == (PLAN.name, PLAN.iterations, PLAN.data.batches)
    assert Silence().terminated == 0
    assert np.array_equal(helped.data.validate(network()).picture, np.zeros((1, 1, 3), np.uint8))
