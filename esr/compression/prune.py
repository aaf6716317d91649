"""The prune stage: remove channels, fine-tune, measure, repeat, until a limit of the row is passed."""

from __future__ import annotations

import copy
import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from torch import nn

from esr.common.errors import EsrError
from esr.common.files import md5_of, write_text
from esr.compression.channels import remove_channels, widths_of
from esr.compression.fusion import fuse
from esr.compression.limits import limits_of
from esr.packed.store import open_set
from esr.recipes.engine_settings import EngineSettings
from esr.recipes.rows import Prune
from esr.recipes.scale import Schedule, TrainingRule, most_rounds, shrink_round
from esr.training.checkpoints import Checkpoints
from esr.training.engine import Engine
from esr.training.generators import seed_of_stage
from esr.training.loop import train
from esr.training.plan import Data, Observer, Plan
from esr.training.stage import batches_of, objectives_of, start_engine
from esr.training.validation import Validation
from esr.weights.weights_file import WeightsInfo, build_network, load_network, load_strictly, save_weights

if TYPE_CHECKING:
    from esr.recipes.graph import Node


DIGITS = 9  # of a difference in dB: without its last bits, 26.9136 - 26.9016 is 0.012


@dataclass(frozen=True)
class Round:
    """A round of pruning: what was left and what that cost.

    Attributes:
        round: 0 is the unpruned network.
        channels: of all layers that may shrink.
        parameters: of the whole network.
        psnr: in dB, over the row's validation set.
        psnr_loss: below the unpruned network's.
        psnrs: on each set that has a limit of its own, in dB.
        passed: the row's limit that is passed, so that the round before is handed on; empty where none is.
    """

    round: int
    channels: int
    parameters: int
    psnr: float
    psnr_loss: float
    psnrs: dict[str, float]
    passed: str

    def numbers(self) -> dict[str, float | bool]:
        """The columns of ``rounds.csv`` that are numbers, and whether the round is kept."""
        psnrs = {f"psnr_{name}": psnr for name, psnr in self.psnrs.items()}
        return {
            "channels": self.channels,
            "parameters": self.parameters,
            "psnr": self.psnr,
            "psnr_loss": self.psnr_loss,
            **psnrs,
            "kept": not self.passed,
        }


class PruningObserver(Observer, Protocol):
    """Receives the numbers of the rounds as well."""

    def measured(self, step: int, **values: float) -> None:
        """The numbers of a round."""


def prune(
    row: Prune, rule: TrainingRule, settings: EngineSettings, node: Node, checkpoints: Path, watch: PruningObserver
) -> None:
    """Prune until a limit of the row is passed; hand on the last network that passes none.

    The kernels are composed first: the channels that go are those of the deployed convolutions (SlimRLFN's factsheet
    leaves the order open). Which layers may shrink, the network says (``prunable()``, with ``widths`` in its
    constructor). Every round trains with checkpoints of its own, so a killed stage goes on inside its round. Where the
    unpruned network passes a limit already, it is handed on as it is.
    """
    engine = start_engine(settings)
    watch.say(f"computes on {engine}")
    network, info = load_network(node.weights(row.from_))
    network = fuse(network)
    layers = _prunable_layers(network, row.network, node.name)
    training_set, validation_set = open_set(node.set(row.data)), open_set(node.set(row.validation))
    limits = limits_of(row, validation_set, info.data_range, node.name, watch)
    network.to(engine.device)
    shared = node.shared_work(row.entry)
    schedule = shrink_round(row, rule, shared.training_work if shared else None)
    batches = batches_of(row, node, schedule, training_set, engine, watch)
    validation = Validation(validation_set, info.data_range)
    plan = _plan(row, schedule, node, info.data_range, engine, Data(batches, validation, schedule.validate_every))
    unpruned = plan.data.validate(network).psnr

    def measured(number: int, psnr: float) -> Round:
        loss, psnrs = round(unpruned - psnr, DIGITS), limits.measure(network)
        channels = sum(widths_of(network, layers))
        return Round(number, channels, count_parameters(network), psnr, loss, psnrs, limits.passed(loss, psnrs))

    rounds, good = [measured(0, unpruned)], copy.deepcopy(network)
    most, stopped_by = _most_rounds(row, rule)
    while not rounds[-1].passed and len(rounds) <= most:
        if remove_channels(network, layers, row.channels_per_round, row.comparison) == 0:
            stopped_by = "fewest channels"
            break
        number = len(rounds)
        folder = Checkpoints(checkpoints / f"round-{number:03d}")
        network, curve = train(network, _round_of(plan, number), folder, watch)
        psnr = curve[-1].psnr
        assert psnr is not None  # the last iteration is always validated
        rounds.append(measured(number, psnr))
        watch.measured(number, **{f"round_{name}": float(value) for name, value in rounds[-1].numbers().items()})
        if not rounds[-1].passed:
            good = copy.deepcopy(network)
    stopped_by = rounds[-1].passed or stopped_by
    watch.say(f"stops: {stopped_by}")
    write_text(node.output("rounds.csv"), _csv(rounds, stopped_by))
    _save(good, layers, info, node, {"weights": md5_of(node.weights(row.from_))})


def _plan(row: Prune, schedule: Schedule, node: Node, data_range: float, engine: Engine, data: Data) -> Plan:
    """What is the same in every round of fine-tuning."""
    return Plan(
        name=f"{node.kind} {node.key}",
        iterations=schedule.iterations,
        rate=lambda iteration: schedule.learning_rate,
        betas=row.betas,
        clip_gradients=row.clip_gradients,
        ema_decay=None,
        objectives=objectives_of(row, schedule, data_range, engine),
        data=data,
        engine=engine,
        seed=seed_of_stage(row.seed, node.kind, node.key),
    )


def _most_rounds(row: Prune, rule: TrainingRule) -> tuple[int, str]:
    """How many rounds there may be, and the key that says so."""
    most = most_rounds(row, rule)
    return most, "most_rounds" if most == row.most_rounds else "prune_rounds_at_most"


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


def _save(network: nn.Module, layers: list[str], info: WeightsInfo, node: Node, inputs: dict[str, str]) -> None:
    """Write widths and weights; the network is rebuilt from the widths first, so what is written does load."""
    arguments = {**info.arguments, "widths": widths_of(network, layers)}
    rebuilt = build_network(info.network, arguments, deploy=True)
    load_strictly(rebuilt, network.cpu().state_dict(), f"pruned {info.network}")
    pruned = WeightsInfo(info.network, arguments, True, info.data_range, node.name, inputs)
    save_weights(node.output("weights.safetensors"), rebuilt.state_dict(), pruned)


def _csv(rounds: list[Round], stopped_by: str) -> str:
    """A line per round; the last one says what stopped the pruning."""
    lines = [{"round": entry.round, **entry.numbers(), "stopped_by": ""} for entry in rounds]
    lines[-1]["stopped_by"] = stopped_by
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
