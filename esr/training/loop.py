"""The training loop: everything that happens to a batch, in order.

Exact: the state after iteration n depends on the first weights, the recipe and the data alone. Batches and learning
rates are functions of the iteration, so a checkpoint needs no generator and no position in a loader: a training that
was killed and started again ends with the same bytes as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from esr.errors import EsrError, Terminated
from esr.training.average import Average
from esr.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from esr.watch import Watch


@dataclass(frozen=True)
class Data:
    """What a training sees.

    Attributes:
        batches: (first iteration, end) -> the batches (lr, hr) of these iterations, on the network's device.
        validate: network -> PSNR in dB on the held-out images.
        validate_every: iterations between two validations; the last iteration is always validated.
    """

    batches: Callable[[int, int], Iterable[tuple[Tensor, Tensor]]]
    validate: Callable[[nn.Module], float]
    validate_every: int


@dataclass(frozen=True)
class Plan:
    """What a training does.

    Attributes:
        name: the stage, for messages.
        iterations: length.
        rate: learning rate as a function of the iteration, from 0.
        betas: Adam's.
        ema_decay: of the averaged weights; None hands on the last weights.
        objective: (network, lr, hr) -> scalar loss; lr and hr are (N, 3, h, w) and (N, 3, 4h, 4w) in [0, 1].
        data: batches and validation.
    """

    name: str
    iterations: int
    rate: Callable[[int], float]
    betas: tuple[float, float]
    ema_decay: float | None
    objective: Callable[[nn.Module, Tensor, Tensor], Tensor]
    data: Data


@dataclass(frozen=True)
class Point:
    """A point of the training curve."""

    iteration: int
    loss: float
    learning_rate: float
    psnr: float | None


def train(network: nn.Module, plan: Plan, checkpoints: Checkpoints, watch: Watch) -> tuple[nn.Module, list[Point]]:
    """Train a network, going on from the newest checkpoint where there is one.

    Returns:
        the network that is handed on (the averaged one where the plan has an EMA), in eval mode; and the curve.

    Raises:
        EsrError: the loss or a weight is not finite; what was saved before stays.
        Terminated: the watch was asked to stop; the state is saved.
    """
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    device = parameters[0].device
    optimiser = torch.optim.Adam(parameters, lr=plan.rate(0), betas=plan.betas, fused=True)
    average = Average(network, plan.ema_decay)
    log_every = max(1, min(100, plan.iterations // 10))
    losses = torch.zeros(log_every, device=device)  # since the last point; on the device, so that nothing waits for it
    curve: list[Point] = []
    done = 0

    state = checkpoints.load()
    if state is not None:
        network.load_state_dict(state["network"])
        average.network.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        losses.copy_(state["losses"])
        curve = [Point(*point) for point in state["curve"]]
        done = state["done"]
        watch.say(f"goes on from iteration {done} of {plan.iterations}")

    def save() -> None:
        _refuse_nonfinite(plan, done, losses, parameters, checkpoints)
        checkpoints.save(
            {
                "network": network.state_dict(),
                "average": average.network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "losses": losses,
                "curve": [(p.iteration, p.loss, p.learning_rate, p.psnr) for p in curve],
                "done": done,
            }
        )

    for lr, hr in plan.data.batches(done, plan.iterations):
        rate = plan.rate(done)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss = plan.objective(network, lr, hr)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        average.update(done)
        losses[done % log_every] = loss.detach()
        done += 1

        last = done == plan.iterations
        if done % log_every == 0 or last:
            _refuse_nonfinite(plan, done, losses, parameters, checkpoints)  # synchronises with the device
            psnr = plan.data.validate(average.network.eval()) if last or _crosses(done, log_every, plan) else None
            network.train()
            curve.append(Point(done, _mean_of_interval(losses, done, log_every), rate, psnr))
            watch.point(plan.name, curve[-1])
        watch.progress(plan.name, done, plan.iterations, samples=len(lr))
        if last or watch.terminated or checkpoints.due():
            save()
        if watch.terminated and not last:
            raise Terminated(f"{plan.name} was asked to stop at iteration {done}; the next run goes on from there")
    return average.network.eval(), curve


def _crosses(done: int, log_every: int, plan: Plan) -> bool:
    """Whether a validation fell due since the last point of the curve."""
    return done // plan.data.validate_every > (done - log_every) // plan.data.validate_every


def _mean_of_interval(losses: Tensor, done: int, log_every: int) -> float:
    count = done % log_every or log_every
    return float(losses[:count].mean())


def _refuse_nonfinite(
    plan: Plan, done: int, losses: Tensor, parameters: list[nn.Parameter], checkpoints: Checkpoints
) -> None:
    finite = torch.isfinite(losses)
    weights_finite = torch.stack([torch.isfinite(parameter).all() for parameter in parameters]).all()
    if bool(finite.all() & weights_finite):
        return
    first = done
    if not bool(finite.all()):
        slot = int((~finite).nonzero()[0])
        first = (done - 1) // len(losses) * len(losses) + slot + 1
    kept = checkpoints.load()
    good = f"the last good checkpoint is of iteration {kept['done']}" if kept else "there is no earlier checkpoint"
    raise EsrError(
        f"{plan.name}: the loss is not finite at iteration {first} (learning rate {plan.rate(first - 1):.3g}); {good}; "
        "lower learning_rate or look at the data"
    )
