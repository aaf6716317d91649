"""The stages that train: teacher, distill, train, finetune."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from esr.batches.batches import Batches
from esr.batches.sampling import fitting
from esr.common.errors import EsrError
from esr.common.files import md5_of
from esr.packed.store import PackedSet, open_set
from esr.recipes.engine_settings import EngineSettings
from esr.recipes.rows import Distill, Finetune, FreshPhase, Optimisation, Phase, TeacherPhase
from esr.recipes.scale import Role, Schedule, TrainingRule, thin_teacher
from esr.training.checkpoints import Checkpoints
from esr.training.curve import write_curve
from esr.training.engine import Engine
from esr.training.generators import seed_of_stage
from esr.training.helper_parts import OnlyRead, Silence, plan_of_helper
from esr.training.loop import train
from esr.training.losses import loss_of
from esr.training.objective import Objective, Teacher
from esr.training.plan import Data, Goal, Observer, Plan
from esr.training.ranks import ALONE, Ranks, together
from esr.training.schedules import learning_rate
from esr.training.shared_length import schedule_of
from esr.training.validation import Validation
from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, load_network, save_weights, try_network

if TYPE_CHECKING:
    from esr.recipes.graph import Node


@dataclass(frozen=True)
class Task:
    """A phase to train: everything that decides what comes out.

    Attributes:
        row: a row of `teacher`, `distill`, `train` or `finetune`.
        role: what the scale's rule takes the phase for.
        rule: the scale's.
        settings: how to compute.
        node: the stage, with its files.
        checkpoints: folder of the states to go on from.
    """

    row: Phase
    role: Role
    rule: TrainingRule
    settings: EngineSettings
    node: Node
    checkpoints: Path


def run_phase(task: Task, watch: Observer) -> None:
    """Train one phase, with a helper for every GPU but the first, and write its weights and its curve."""
    helper = [sys.executable, "-m", "esr.training.helper"]
    with together(ranks_of(task.row), helper, task) as ranks:
        network, info, plan = _prepared(task, watch, ranks)
        watch.say(f"computes on {plan.engine}")
        trained, points = train(network, plan, Checkpoints(task.checkpoints), watch)
    write_curve(task.node.output("curve.csv"), points)
    save_weights(task.node.output("weights.safetensors"), trained.state_dict(), info)


def help_phase(task: Task, ranks: Ranks) -> None:
    """Train a share of every batch of the phase that rank 0 runs, silently, and write nothing."""
    network, _, plan = _prepared(task, Silence(), ranks)
    train(network, plan_of_helper(plan), OnlyRead(task.checkpoints), Silence())


def _prepared(task: Task, watch: Observer, ranks: Ranks) -> tuple[nn.Module, WeightsInfo, Plan]:
    row, node = task.row, task.node
    engine = start_engine(task.settings, ranks)
    network, info = first_network(row, task.rule, node)
    training_set, validation_set = open_set(node.set(row.data)), open_set(node.set(row.validation))
    schedule = schedule_of(row, task.role, task.rule, node, len(training_set))
    plan = Plan(
        name=f"{node.kind} {node.key}",
        iterations=schedule.iterations,
        rate=lambda iteration: learning_rate(row, schedule, iteration),
        betas=row.betas,
        clip_gradients=row.clip_gradients,
        ema_decay=row.ema_decay,
        objectives=objectives_of(row, schedule, info.data_range, engine, _teacher(row, schedule, node, engine)),
        data=Data(
            batches_of(row, node, schedule, training_set, engine, watch, ranks),
            Validation(validation_set, info.data_range),
            schedule.validate_every,
        ),
        engine=engine,
        ranks=ranks,
        seed=seed_of_stage(row.seed, node.kind, node.key),
    )
    return network, info, plan


def ranks_of(row: Phase) -> int:
    """Processes of a phase: one per GPU that the runner made visible, else one."""
    wanted = row.gpus if isinstance(row, TeacherPhase) else 1
    return max(1, min(wanted, torch.cuda.device_count()))


def start_engine(settings: EngineSettings, ranks: Ranks = ALONE) -> Engine:
    """The engine on this rank's GPU of those that the runner made visible, else on the CPU; sets up the process."""
    device = torch.device("cuda", ranks.rank) if torch.cuda.is_available() else torch.device("cpu")
    engine = Engine(settings, device, ranks.count)
    engine.set_up_process()
    return engine


def first_network(row: Phase, rule: TrainingRule, node: Node) -> tuple[nn.Module, WeightsInfo]:
    """The network that the phase starts with, and what its weights file will say."""
    if isinstance(row, Finetune):
        source = node.weights(row.from_)
        network, info = load_network(source)
        if info.network != row.network:
            raise EsrError(f"{node.name}: {source} holds {info.network}, but the row's network is {row.network}")
        return network, WeightsInfo(
            info.network, info.arguments, info.deploy, info.data_range, node.name, {"weights": md5_of(source)}
        )
    assert isinstance(row, FreshPhase)
    arguments = thin_teacher(row.arguments, rule) if node.kind == "teacher" else dict(row.arguments)
    torch.manual_seed(row.seed)
    network = build_network(row.network, arguments)
    try_network(network, f"{node.name}: network {row.network}")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise EsrError(
            f"{node.name}: nothing of network {row.network} can be trained; let a parameter have requires_grad"
        )
    data = {"data": md5_of(node.set(row.data))}
    return network, WeightsInfo(row.network, arguments, False, data_range_of(network), node.name, data)


def objectives_of(
    row: Optimisation, schedule: Schedule, data_range: float, engine: Engine, teacher: Teacher | None = None
) -> list[tuple[int, Goal]]:
    """What a row makes small, and from which iteration on."""
    return [(begin, Objective(loss_of(row, name), data_range, engine, teacher)) for begin, name in schedule.losses]


def _teacher(row: Phase, schedule: Schedule, node: Node, engine: Engine) -> Teacher | None:
    if not isinstance(row, Distill):
        return None
    network, info = load_network(node.weights(row.teacher))
    return Teacher.of(network, info.data_range, schedule.teacher_weight, engine)


def batches_of(
    row: Optimisation,
    node: Node,
    schedule: Schedule,
    training_set: PackedSet,
    engine: Engine,
    watch: Observer,
    ranks: Ranks = ALONE,
) -> Callable[[int, int], Batches]:
    """The stage's own stream of batches, of each the rank's share: (first iteration, end) -> batches.

    ``watch`` shows how many images are left out because the patch does not fit into them.
    """
    left_out = len(training_set) - len(fitting(training_set.sizes, schedule.patch))
    if left_out:
        told = f"leaves out {left_out:,} of {len(training_set):,} images of {row.data}"
        watch.say(f"{told}, which a patch of {schedule.patch} px does not fit into")
    seed = seed_of_stage(row.seed, node.kind, node.key)

    def batches(first: int, end: int) -> Batches:
        return Batches(
            training_set,
            patch=schedule.patch,
            batch=schedule.batch,
            seed=seed,
            horizontal_flips=row.horizontal_flips,
            vertical_flips=row.vertical_flips,
            rotations=row.rotations,
            device=engine.device,
            rank=ranks.rank,
            ranks=ranks.count,
            first_iteration=first,
            iterations=end,
            data_range=1.0,
        )

    return batches
