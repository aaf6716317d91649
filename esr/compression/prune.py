"""The prune stage: remove channels, fine-tune, measure, repeat, until the PSNR loss passes the row's limit."""

from __future__ import annotations

import copy
import csv
import io
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from esr.compression.channels import remove_channels, widths_of
from esr.compression.fusion import fuse
from esr.data.store import open_set
from esr.errors import EsrError
from esr.files import md5_of, write_text
from esr.recipes.engine import EngineSettings
from esr.recipes.rows import Prune
from esr.recipes.scale import TrainingRule, shrink_round
from esr.training.checkpoints import Checkpoints
from esr.training.generators import seed_of_stage
from esr.training.loop import train
from esr.training.plan import Data, Plan
from esr.training.stage import batches_of, objectives_of, start_engine
from esr.training.validation import Validation
from esr.weights import WeightsInfo, build_network, load_network, load_strictly, save_weights

if TYPE_CHECKING:
    from esr.graph import Node
    from esr.watch import Watch


@dataclass(frozen=True)
class Round:
    """A round of pruning: what was removed and what it cost."""

    round: int
    channels: int
    parameters: int
    psnr: float
    psnr_loss: float
    kept: bool


def prune(
    row: Prune, rule: TrainingRule, settings: EngineSettings, node: Node, checkpoints: Path, watch: Watch
) -> None:
    """Prune until the PSNR loss against the unpruned model passes the limit; hand on the last good model.

    The kernels are composed first: the channels that go are those of the deployed convolutions (SlimRLFN's factsheet
    leaves the order open). Which layers may shrink, the network says (``prunable()``, with ``widths`` in its
    constructor). Every round trains with checkpoints of its own, so a killed stage goes on inside its round.
    """
    engine = start_engine(settings)
    watch.say(f"computes on {engine}")
    network, info = load_network(node.weights(row.from_))
    network = fuse(network)
    layers = _prunable_layers(network, row.network, node.name)
    training_set, validation_set = open_set(node.set(row.data)), open_set(node.set(row.validation))
    schedule = shrink_round(row, rule)
    network.to(engine.device)
    plan = Plan(
        name=f"{node.kind} {node.key}",
        iterations=schedule.iterations,
        rate=lambda iteration: schedule.learning_rate,
        betas=row.betas,
        clip_gradients=row.clip_gradients,
        ema_decay=None,
        objectives=objectives_of(row, schedule, info.data_range, engine),
        data=Data(
            batches_of(row, node, schedule, training_set, engine, watch),
            Validation(validation_set, info.data_range),
            schedule.validate_every,
        ),
        engine=engine,
        seed=seed_of_stage(row.seed, node.kind, node.key),
    )
    unpruned = plan.data.validate(network).psnr
    rounds = [Round(0, sum(widths_of(network, layers)), count_parameters(network), unpruned, 0.0, kept=True)]
    good = copy.deepcopy(network)
    for number in range(1, min(row.most_rounds, rule.length.prune_rounds_at_most or row.most_rounds) + 1):
        if remove_channels(network, layers, row.channels_per_round, row.comparison) == 0:
            watch.say("every layer has come down to its fewest channels")
            break
        folder = Checkpoints(checkpoints / f"round-{number:03d}")
        network, curve = train(network, _round_of(plan, number), folder, watch)
        psnr = curve[-1].psnr
        assert psnr is not None  # the last iteration is always validated
        loss = unpruned - psnr
        rounds.append(
            Round(
                number,
                sum(widths_of(network, layers)),
                count_parameters(network),
                psnr,
                loss,
                kept=loss <= row.largest_psnr_loss,
            )
        )
        watch.measured(number, **_shown(rounds[-1]))
        if not rounds[-1].kept:
            break
        good = copy.deepcopy(network)
    write_text(node.output("rounds.csv"), _csv(rounds))
    _save(good, layers, info, node, {"weights": md5_of(node.weights(row.from_))})


def count_parameters(network: nn.Module) -> int:
    """Number of weights of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def _prunable_layers(network: nn.Module, network_file: str, stage: str) -> list[str]:
    prunable = getattr(network, "prunable", None)
    if prunable is None:
        raise EsrError(f"{stage}: {network_file} cannot be pruned; give its class prunable() and the argument widths")
    layers: list[str] = prunable()
    return layers


def _round_of(plan: Plan, number: int) -> Plan:
    """The plan of a round: its batches, and what its network draws, are the ones after the round before."""
    shift = (number - 1) * plan.iterations
    data = replace(plan.data, batches=lambda first, end: plan.data.batches(first + shift, end + shift))
    return replace(plan, name=f"{plan.name} round {number}", data=data, before=shift)


def _shown(entry: Round) -> dict[str, float]:
    return {f"round_{name}": float(value) for name, value in asdict(entry).items() if name != "round"}


def _save(network: nn.Module, layers: list[str], info: WeightsInfo, node: Node, inputs: dict[str, str]) -> None:
    """Write widths and weights; the network is rebuilt from the widths first, so what is written does load."""
    arguments = {**info.arguments, "widths": widths_of(network, layers)}
    rebuilt = build_network(info.network, arguments, deploy=True)
    load_strictly(rebuilt, network.cpu().state_dict(), f"pruned {info.network}")
    pruned = WeightsInfo(info.network, arguments, True, info.data_range, node.name, inputs)
    save_weights(node.output("weights.safetensors"), rebuilt.state_dict(), pruned)


def _csv(rounds: list[Round]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(rounds[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in rounds)
    return text.getvalue()
