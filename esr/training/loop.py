"""The training loop: everything that happens to a batch, in order.

Exact: the state after iteration n depends on the first weights, the recipe and the data alone. Batches,
learning rates and what a network draws are functions of the iteration, so a checkpoint needs no generator and no
position in a loader: a training that was killed and started again ends with the same bytes as one that was not.
"""

import torch
from torch import Tensor, nn

from esr.common.errors import EsrError, Terminated
from esr.training.average import Average
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Curve, Point
from esr.training.generators import seed_generators, seed_of_step
from esr.training.plan import Observer, Plan


def train(network: nn.Module, plan: Plan, checkpoints: Checkpoints, watch: Observer) -> tuple[nn.Module, list[Point]]:
    """Train a network, going on from the newest checkpoint where there is one.

    Returns:
        the network that is handed on (the averaged one where the plan has an EMA), in eval mode; and the curve.

    Raises:
        EsrError: the loss or a weight is not finite, or the loss has diverged; what was saved before stays.
        Terminated: the watch was asked to stop; the state is saved.
    """
    engine, data = plan.engine, plan.data
    engine.placed(network).train()
    parameters: list[Tensor] = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rate = torch.zeros((), device=engine.device)  # the learning rate, which every iteration sets
    optimiser = torch.optim.Adam(parameters, lr=rate, betas=plan.betas, fused=True, capturable=engine.graph)
    average = Average(network, plan.ema_decay)
    curve = Curve(plan.iterations, engine.device, [begin for begin, _ in plan.objectives])
    forward = plan.ranks.shared(engine.compiled(network))

    def step(lr: Tensor, hr: Tensor) -> Tensor:
        """What happens to a batch; gives its loss. A GPU may record it once and replay it: ``Engine.recorded``."""
        optimiser.zero_grad()
        loss = objective(forward, lr, hr)
        loss.backward()  # type: ignore[no-untyped-call]
        if plan.clip_gradients is not None:
            nn.utils.clip_grad_norm_(parameters, plan.clip_gradients, foreach=True)
        optimiser.step()
        average.update()
        return plan.ranks.mean(loss.detach())

    def state() -> dict[str, object]:
        """Everything that the next iteration depends on."""
        _refuse_trouble(plan, done, curve, parameters, checkpoints)
        return {
            "network": network.state_dict(),
            "average": average.network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "curve": curve.state(),
            "done": done,
        }

    done = 0
    if saved := checkpoints.load():
        network.load_state_dict(saved["network"])
        average.network.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        optimiser.param_groups[0]["lr"] = rate  # load_state_dict has put a copy in its place
        curve.load(saved["curve"])
        done = saved["done"]
        before = ", of the checkpoint before: the newest is damaged" if checkpoints.newest_is_spoilt else ""
        watch.say(f"goes on from iteration {done} of {plan.iterations}{before}")
    elif checkpoints.spoilt:
        watch.say("begins anew: its checkpoints are damaged")

    objective = plan.objective(done)
    run_step = engine.recorded(step)
    for lr, hr in data.batches(done, plan.iterations):
        if plan.objective(done) is not objective:
            objective = plan.objective(done)
            run_step = engine.recorded(step)  # what was recorded computes the former loss
        # What changes from step to step goes through tensors, so that a recorded step sees it; a generator's seed is
        # such a tensor, too, which a CUDA graph reads when it is replayed.
        rate.fill_(plan.rate(done))
        average.prepare(done)
        seed_generators(seed_of_step(plan.seed, plan.before + done, plan.ranks.rank), engine.device)
        curve.note(done, run_step(lr, hr))
        done += 1

        last = done == plan.iterations
        if done % curve.interval == 0 or last:
            _refuse_trouble(plan, done, curve, parameters, checkpoints)  # waits for the device
            psnr = None
            if last or _crosses(done, curve.interval, data.validate_every):
                validated = data.validate(average.network.eval())
                network.train()
                psnr = validated.psnr
                watch.picture("sample", validated.picture, done)
            watch.point(plan.name, curve.add(done, plan.rate(done - 1), psnr))
        watch.progress(plan.name, done, plan.iterations, samples=len(lr) * plan.ranks.count)
        if last or watch.terminated or checkpoints.due():
            checkpoints.save(state())
        if watch.terminated and not last:
            told = f"{plan.name} was asked to stop at iteration {done}; the same command goes on from there"
            raise Terminated(told, watch.terminated)
    return average.network.eval(), curve.points


def _crosses(done: int, interval: int, every: int) -> bool:
    """Whether a validation fell due in the interval that ends here."""
    return done // every > (done - interval) // every


def _refuse_trouble(plan: Plan, done: int, curve: Curve, parameters: list[Tensor], checkpoints: Checkpoints) -> None:
    found = curve.trouble(done)
    if found is None:
        norms = torch.stack(torch._foreach_norm(parameters))
        if bool(torch.isfinite(norms).all()):
            return
        found = done, "is finite, but weights are not"
    iteration, what = found
    kept = checkpoints.load()
    good = f"the last good checkpoint is of iteration {kept['done']}" if kept else "there is no earlier checkpoint"
    raise EsrError(
        f"{plan.name}: the loss {what} at iteration {iteration} (learning rate {plan.rate(iteration - 1):.3g}); "
        f"{good}; lower learning_rate, set clip_gradients, or look at the data"
    )
