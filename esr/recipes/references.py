"""What rows say of one another: names that must name something, and networks that must be one and the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from esr.recipes.kinds import DEPLOYED, HAND_ON_WEIGHTS, KINDS, OF_ENTRIES, ROLES
from esr.recipes.rows import Benchmark, Distill, Prune, StageRow, TrainingWork
from esr.recipes.telling import missing, short

if TYPE_CHECKING:
    from esr.recipes.read import Params

TARGETS = ("all", *KINDS)
"""Of `snakemake`, beside the entries and the rows of `benchmark`."""
MOST_PARTS = 1000
"""Of a joined set. A join that names one set twice doubles it, and thirty such joins of one another fill any disk."""
CHECKPOINTS = "checkpoints"
"""The project's folder of released files; dvc.yaml names it."""


def wrong_references(params: Params) -> Iterator[str]:
    """Complaints about references, one by one, each with its place."""
    if params.scale not in params.scales:
        yield f"scale: {params.scale} is not in scales; there are: {', '.join(params.scales)}"
    for name, scale in params.scales.items():
        source = scale.data.only_source
        if source is not None and source not in params.download:
            yield missing(f"scales.{name}.data.only_source", source, params.download)
        for key in scale.data.in_place_of:
            if key not in params.download:
                yield missing(f"scales.{name}.data.in_place_of", key, params.download)
    for table in ("entries", "benchmark"):
        for key in getattr(params, table):
            if key in TARGETS:
                yield f"{table}.{key}: `snakemake {key}` means something else already; rename the row"
    yield from _misplaced_checkpoints(params)
    yield from _wrong_sets(params)
    yield from _too_many_parts(params)
    yield from _unknown_work(params)
    stages = {f"{kind}/{key}": row for kind in OF_ENTRIES for key, row in params.table(kind).items()}
    for reference, row in stages.items():
        yield from _wrong_in_stage(reference.replace("/", "."), row, params, stages)


def _misplaced_checkpoints(params: Params) -> Iterator[str]:
    """Released files whose edits no driver would see."""
    for key, row in params.import_.items():
        path = PurePosixPath(row.checkpoint or CHECKPOINTS)
        if ".." in path.parts or not path.is_relative_to(CHECKPOINTS):
            told = f"the drivers watch {CHECKPOINTS} for edits; put the file, or a link to it, there"
            yield f"import.{key}.checkpoint: {short(str(path))}: {told}"


def _wrong_sets(params: Params) -> Iterator[str]:
    sets = [*params.crop, *params.join]
    for key, crop in params.crop.items():
        if crop.source not in params.download:
            yield missing(f"crop.{key}.source", crop.source, params.download)
    for key, join in params.join.items():
        for column in ("first", "second"):
            if getattr(join, column) not in sets:
                yield missing(f"join.{key}.{column}", getattr(join, column), sets)
    for key in params.join.keys() & params.crop.keys():
        yield f"join.{key}: crop has a row of this name too; a set has one name"
    for key, entry in params.entries.items():
        for name in entry.thresholds.keys() - params.crop.keys():
            yield missing(f"entries.{key}.thresholds", name, params.crop)


def _too_many_parts(params: Params) -> Iterator[str]:
    joined = {key: (row.first, row.second) for key, row in params.join.items()}
    try:
        in_order = list(TopologicalSorter(joined).static_order())
    except CycleError:  # the graph tells of circles
        return
    parts: dict[str, int] = {}
    for key in in_order:
        parts[key] = sum(parts[each] for each in joined[key]) if key in joined else 1
        if parts[key] > MOST_PARTS:
            yield f"join.{key}: is joined of more than {MOST_PARTS} sets; leave some out"
            return


def _unknown_work(params: Params) -> Iterator[str]:
    """Entries that train and do not state their work, or not as the numbers that the scale in use asks for."""
    scale = params.scales.get(params.scale)
    shared = scale is not None and scale.training.length.work is not None
    for key, entry in params.entries.items():
        trained = {role for kind, role in ROLES.items() for row in params.table(kind).values() if row.entry == key}
        known = set(entry.training_work.by_role) if entry.training_work else set()
        place, command = f"entries.{key}.training_work", f"`python -m esr recipe {key} --scale paper`"
        if trained and "training_work" not in entry.model_fields_set:  # dvc.yaml tracks it
            yield f"{place}: is missing; write null, or the numbers that {command} then tells"
        elif trained and shared and trained != known:
            what = _in_words(trained), _in_words(known)
            told = f"so it needs the work of {what[0]}, and has that of {what[1]}; {command} tells what to write"
            yield f"{place}: scale {params.scale} shares out work, {told}"


def _in_words(roles: Set[str]) -> str:
    return ", ".join(role for role in TrainingWork.model_fields if role in roles) or "nothing"


def _wrong_in_stage(place: str, row: StageRow, params: Params, stages: Mapping[str, StageRow]) -> Iterator[str]:
    if row.entry not in params.entries:
        yield missing(f"{place}.entry", row.entry, params.entries)
    for column in ("data", "validation"):
        name = getattr(row, column, None)
        if name is not None and name not in params.crop and name not in params.join:
            yield missing(f"{place}.{column}", name, [*params.crop, *params.join])
    if isinstance(row, Prune):
        parts = _parts_of(row.validation, params)
        for name in row.lowest_psnr.keys() - parts:
            told = f"is no part of the row's validation set {row.validation}; there are: {', '.join(sorted(parts))}"
            yield f"{place}.lowest_psnr: {name} {told}"
    kinds = DEPLOYED if isinstance(row, Benchmark) else HAND_ON_WEIGHTS
    if (reference := getattr(row, "from_", None)) is not None:
        yield from _wrong_origin(f"{place}.from", reference, kinds, f"{place}.network", row.network, stages)
    if isinstance(row, Distill):
        network = f"{place}.teacher_network", row.teacher_network
        yield from _wrong_origin(f"{place}.teacher", row.teacher, kinds, *network, stages)


def _parts_of(name: str, params: Params) -> set[str]:
    """The keys of `crop` that a set is, or is joined of; joins may still make a circle here."""
    pending, met = [name], set()
    while pending:
        each = pending.pop()
        if each in params.join and each not in met:
            pending += [params.join[each].first, params.join[each].second]
        met.add(each)
    return met & params.crop.keys()


def _wrong_origin(
    place: str, reference: str, kinds: tuple[str, ...], network_place: str, network: str, stages: Mapping[str, StageRow]
) -> Iterator[str]:
    """What is wrong with a reference to weights, and with the network that a row gives to them."""
    kind = reference.split("/")[0]
    if kind in OF_ENTRIES and kind not in kinds:
        told = "is not in deploy form" if kind in HAND_ON_WEIGHTS else "hands on no weights"
        yield f"{place}: {reference} {told}; name a row of {', '.join(kinds)}"
    elif reference not in stages:
        yield missing(place, reference, sorted(stages))
    elif (handed_on := stages[reference].network) != network:
        yield f"{network_place}: {network} is not what {reference} hands on, which is {handed_on}"
