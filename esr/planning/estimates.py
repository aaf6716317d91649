"""What each stage of the graph will take on this machine: time, GPU memory, disk, download."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from esr.planning.machine import Machine
from esr.planning.pace import Pace
from esr.planning.phases import TrainingStage, training_stage
from esr.planning.sets import images_of_source, pixels_of
from esr.recipes.graph import Node
from esr.recipes.read import Params
from esr.recipes.rows import Benchmark, Crop, Download, Import, StageRow
from esr.sources.origin import row_in_use
from esr.timing.rounds import FEWEST_ROUNDS, WINDOW

STORE = 3 * (1 + 1 / 16)  # bytes of an HR pixel and its share of LR in a packed store
PNG = 1.6  # bytes of an HR pixel as PNG: DIV2K's archive has 3.53 GB for 800 images of 2.8 megapixels
UNCERTAINTY = 0.25  # share by which a time may be off in any case: another thing runs beside, a clock falls
MULTIPLIED_UNCERTAINTY = 0.4  # likewise where an iteration was too heavy to be timed at its own batch

PaceOf = Callable[[TrainingStage], Pace]


@dataclass(frozen=True)
class Estimate:
    """What a stage is expected to take.

    Attributes:
        node: the stage.
        seconds, low, high: its time, and between what; without the time that a download takes.
        training: what it trains, if it does.
        pace: what was measured for that.
        disk: bytes of images that stay.
        download: bytes to fetch, as far as the rows say.
        unsaid: archives, released files, or sources without either, whose size no row says.
    """

    node: Node
    seconds: float
    low: float
    high: float
    training: TrainingStage | None = None
    pace: Pace | None = None
    disk: float = 0.0
    download: float = 0.0
    unsaid: int = 0

    @property
    def multiplied(self) -> bool:
        """Whether an iteration was too heavy to be timed at its own batch."""
        return (
            self.pace is not None and self.training is not None and self.pace.timed_batch < self.training.schedule.batch
        )


def estimate(params: Params, node: Node, machine: Machine, pace_of: PaceOf) -> Estimate:
    """What a stage will take; ``pace_of`` measures what trains."""
    row: Any = params.row(node.kind, node.key) if node.key else None
    if isinstance(row, Download):
        return _download(params, node, row, machine)
    if isinstance(row, Crop):
        pixels = pixels_of(params, node.key, params.rule)
        return _plain(node, machine.stage_cost + pixels * machine.packing, disk=pixels * STORE)
    if isinstance(row, Benchmark):
        return _plain(node, machine.stage_cost + _benchmark_seconds(params, row, node, machine, pace_of))
    if isinstance(row, Import) and row.url:
        return _plain(node, machine.stage_cost, download=float(row.bytes or 0), unsaid=int(row.bytes is None))
    training = training_stage(params, node, params.rule) if node.key else None
    return _training(params, training, machine, pace_of(training)) if training else _plain(node, machine.stage_cost)


def _plain(node: Node, seconds: float, disk: float = 0.0, download: float = 0.0, unsaid: int = 0) -> Estimate:
    low, high = seconds * (1 - UNCERTAINTY), seconds * (1 + UNCERTAINTY)
    return Estimate(node, seconds, low, high, disk=disk, download=download, unsaid=unsaid)


def _download(params: Params, node: Node, row: Download, machine: Machine) -> Estimate:
    images, row = images_of_source(params, node.key, params.rule), row_in_use(row, params.rule.data, node.key)
    if params.rule.data.stand_in or images == 0 or row.folder:
        return _plain(node, machine.stage_cost)
    pixels = (images or 0) * (row.megapixels or 0.0) * 1e6
    sizes = _sizes(row)
    return _plain(
        node,
        machine.stage_cost + pixels * machine.packing,  # every image is read and hashed
        disk=2 * pixels * PNG,  # the archives and what they unpack to
        download=float(sum(size or 0 for size in sizes)),
        unsaid=sizes.count(None) if sizes else 1,
    )


def _sizes(row: Download) -> list[int | None]:
    """Bytes of each archive to download, None where the row does not say; one with HR and LR in it is named twice."""
    sizes: dict[str, int | None] = {}
    for archive in row.archives:
        sizes[archive.url] = archive.bytes or sizes.get(archive.url)
    return list(sizes.values())


def _training(params: Params, training: TrainingStage, machine: Machine, pace: Pace) -> Estimate:
    schedule, rounds = training.schedule, training.rounds
    validations = rounds * (1 + schedule.iterations // schedule.validate_every)
    validated = validations * pixels_of(params, training.row.validation, params.rule) / 16
    beside = machine.stage_cost + rounds * pace.start + validated * pace.inference
    iterations = rounds * schedule.iterations
    seconds = beside + iterations * pace.seconds
    uncertainty = UNCERTAINTY if pace.timed_batch == schedule.batch else MULTIPLIED_UNCERTAINTY
    return Estimate(
        node=training.node,
        seconds=seconds,
        low=min(beside + iterations * pace.fastest, seconds * (1 - uncertainty)),
        high=max(beside + iterations * pace.slowest, seconds * (1 + uncertainty)),
        training=training,
        pace=pace,
    )


def _benchmark_seconds(params: Params, row: Benchmark, node: Node, machine: Machine, pace_of: PaceOf) -> float:
    """Scoring every image, and the passes that the run time is measured by."""
    pixels, rule = pixels_of(params, row.validation, params.rule), params.rule.measuring
    trained = _trained_for(params, node, row)
    if trained is None:  # an imported network: nothing of it is measured here
        return pixels * machine.scoring + rule.seconds * len(rule.sizes)
    inference = pace_of(trained).inference
    fewest = (2 * WINDOW + 2 * FEWEST_ROUNDS) * inference
    times = sum(max(rule.seconds, fewest * height * width) for height, width in rule.sizes)
    return pixels / 16 * inference + pixels * machine.scoring + times


def _trained_for(params: Params, node: Node, row: StageRow) -> TrainingStage | None:
    """The last stage before ``row`` that trains; None where there is none."""
    reference = getattr(row, "from_", None)
    if reference is None:
        return None
    kind, key = reference.split("/")
    before = Node(kind, key, node.scale, "", (), (), {})
    return training_stage(params, before, params.rule) or _trained_for(params, before, params.row(kind, key))
