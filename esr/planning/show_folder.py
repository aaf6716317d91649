"""``esr data``: what a folder of images holds, as people read it, and what makes a training set of it."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.batches.sampling import fitting
from esr.common.duration import duration
from esr.common.errors import printable
from esr.images.listing import Complaint
from esr.images.quality import SMALLEST_SIDE
from esr.planning.own_data import OwnData, at_scales
from esr.planning.show import size
from esr.recipes.new_rows import Rows, written
from esr.recipes.read import Params
from esr.sources.survey import Look, Survey
from esr.sources.use import Use

USUAL_PATCHES = (64, 128, 192, 256, 384, 512, 640)
"""Sides in HR px: what the shipped recipes train with, at their own length and shrunk."""
STORE_BYTES = 3 * (1 + 1 / 16)
"""Of an HR pixel in a packed store, with its LR."""
PACKED_WITH_LR, PACKED_WITHOUT_LR = 40e6, 20e6
"""HR pixels that a core packs in a second, LR images given or to be made: measured, docs/data.md tells where."""
_FEW = 3  # names that are told of many
_WIDTH = 120  # of the tables where no terminal says


def print_folder(survey: Survey, own: OwnData, rows: Rows, params: Params | None) -> None:
    """Print what the folder holds, the rows that make it a set, and how to train on that."""
    console = Console(highlight=False, soft_wrap=True, width=None if Console().is_terminal else _WIDTH)
    told = [_holdings(survey, own), _refused(survey), *(_patches(survey) if own.use is Use.training else ())]
    for part in told:
        if part is not None:
            console.print(part)
    for line in [*_not_scored(survey, own), *_packing(survey), *_unread(survey)]:
        console.print(escape(line))
    if not survey.usable:
        return
    console.print("\n[bold]Rows for params.yaml[/bold]")
    for table, lines in written(rows).items():
        console.print(escape("\n".join([f"{table}:", *lines])))
    console.print("")
    for line in _how_to_use(own, rows, params):
        console.print(escape(printable(line)))


def megapixels(survey: Survey) -> float:
    """Of an image that can be used, on the average; 0 where there is none."""
    return _pixels(survey) / 1e6 / max(1, len(survey.usable))


def usual_patch(survey: Survey) -> int:
    """256, or the largest usual patch below it that fits into some image."""
    sides = [min(task.height, task.width) for task in survey.usable]
    fit = [patch for patch in USUAL_PATCHES if patch <= min(256, max(sides, default=0))]
    return fit[-1] if fit else USUAL_PATCHES[0]


def _holdings(survey: Survey, own: OwnData) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("folder", escape(printable(str(survey.hr))))
    for name, told in _told(survey, own):
        table.add_row(name, escape(printable(told)))
    return table


def _told(survey: Survey, own: OwnData) -> Iterator[tuple[str, str]]:
    seen = [(look, look.header) for look in survey.looks if look.header]
    pixels = sum(header.height * header.width for _, header in seen)
    disk = size(sum(look.bytes for look in survey.looks))
    yield "images", f"{len(survey.looks):,}, {pixels / 1e6:,.1f} megapixels, {disk} on disk"
    yield "usable", f"{len(survey.usable):,}"
    kinds = Counter(f"{header.kind} {header.colours}" for _, header in seen)
    yield "kinds", ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common()) or "none that can be read"
    if seen:
        yield "sizes", _sizes([look for look, _ in seen])
    if survey.lr_images is None:
        yield "LR images", "none: cropping makes them by MATLAB's bicubic"
    else:
        yield "LR images", f"{survey.lr_images:,} in {own.lr}"
    if survey.same:
        more = sum(len(paths) - 1 for paths in survey.same)
        groups = [" = ".join(map(str, paths[:_FEW])) for paths in survey.same]
        hold = "file holds" if more == 1 else "files hold"
        yield "duplicates", f"{more:,} {hold} the very bytes of another: {_few(groups, '; ')}"
    if survey.others:
        suffixes = Counter(path.suffix.lower() or "no suffix" for path in survey.others)
        told = ", ".join(f"{suffix} {count:,}" for suffix, count in suffixes.most_common(2 * _FEW))
        yield "passed over", f"{told}: no images by their suffix"


def _sizes(looks: Sequence[Look]) -> str:
    area = [look.header.height * look.header.width if look.header else 0 for look in looks]
    order = np.argsort(area, kind="stable")
    told = zip(("smallest", "median", "largest"), order[[0, len(order) // 2, -1]], strict=True)
    return ", ".join(f"{word} {_size(looks[place])}" for word, place in told)


def _size(look: Look) -> str:
    assert look.header is not None
    return f"{look.header.width}x{look.header.height} px ({look.path.name})"


def _refused(survey: Survey) -> Table | None:
    """A line for each reason, with some of the names: complaints that differ in numbers alone are of one reason."""
    if not survey.refusals:
        return None
    reasons = defaultdict[str, list[Complaint]](list)
    for complaint in survey.refusals:
        reasons[re.sub(r"\d+", "0", complaint.why)].append(complaint)
    title = "Refused: while one of these is there, `download` or `crop` refuses the whole set"
    table = Table("refused", "why", "which", box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, title=title)
    table.title_justify, table.title_style = "left", "bold red"
    table.columns[0].justify = "right"
    for complaints in sorted(reasons.values(), key=len, reverse=True):
        names = _few([_below(complaint.path, survey.hr) for complaint in complaints], ", ")
        of_one = "" if len({complaint.why for complaint in complaints}) == 1 else " (the first)"
        table.add_row(f"{len(complaints):,}", escape(printable(complaints[0].why + of_one)), escape(printable(names)))
    return table


def _below(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _patches(survey: Survey) -> Iterator[Table | str]:
    """How many images, and how many patches without overlap, there are of each usual size."""
    if not survey.usable:
        return
    heads = ("patch", "fits into", "too small", "patches side by side")
    table = Table(*heads, box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    for column in table.columns:
        column.justify = "right"
    sizes = _sizes_of(survey)
    for patch in USUAL_PATCHES:
        fit = len(fitting(sizes, patch))
        cells = int((sizes // patch).prod(axis=1).sum())
        table.add_row(f"{patch} px", f"{fit:,}", f"{len(sizes) - fit:,}", f"{cells:,}")
    yield table
    yield "An epoch of a phase cuts one random patch out of each image that its patch fits into."


def _sizes_of(survey: Survey) -> NDArray[np.int64]:
    return np.array([(task.height, task.width) for task in survey.usable], np.int64).reshape(-1, 2)


def _pixels(survey: Survey) -> int:
    return sum(task.height * task.width for task in survey.usable)


def _not_scored(survey: Survey, own: OwnData) -> Iterator[str]:
    small = sum(min(task.height, task.width) < SMALLEST_SIDE for task in survey.usable)
    if small and own.use is Use.validation:
        yield (
            f"{small:,} with a side below {SMALLEST_SIDE} px cannot be scored: "
            f"`smallest_side: {SMALLEST_SIDE}` in the row of crop leaves them out."
        )


def _packing(survey: Survey) -> Iterator[str]:
    pixels, cores = _pixels(survey), len(os.sched_getaffinity(0))
    if pixels:
        rate = PACKED_WITHOUT_LR if survey.lr_images is None else PACKED_WITH_LR
        on = "one core" if cores == 1 else f"{cores} cores"
        yield f"Packed: {size(pixels * STORE_BYTES)}, in about {duration(max(1.0, pixels / rate / cores))} on {on}."


def _unread(survey: Survey) -> Iterator[str]:
    """That damage behind a header is not looked for unless every image is decoded."""
    unread = sum(not look.decoded and not look.refusal for look in survey.looks)
    if unread:
        yield f"Of {unread:,} images only the header was read; --verify decodes them, as cropping does."


def _how_to_use(own: OwnData, rows: Rows, params: Params | None) -> Iterator[str]:
    if own.use is Use.training:
        yield f"`data: {own.name}` in the row of a phase trains on these images alone" + (
            f", `data: {own.joined}` on {own.partner}'s and these." if own.joined else "."
        )
    else:
        yield f"`validation: {own.name}` in the row of a phase watches these images while it trains" + (
            f"; `validation: {own.joined}` in a row of benchmark scores them behind those of {own.partner}."
            if own.joined
            else "; a row of benchmark scores them where its set is joined to them."
        )
    if params:
        yield from at_scales(own, rows, params)


def _few(names: Iterable[str], between: str) -> str:
    listed = list(names)
    more = f"{between}and {len(listed) - _FEW:,} more" if len(listed) > _FEW else ""
    return between.join(listed[:_FEW]) + more
