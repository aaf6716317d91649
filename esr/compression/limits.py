"""When pruning has cost too much: the limits of a row of `prune`, and what can be measured of them at a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from esr.common.errors import EsrError
from esr.packed.store import PackedSet, Part
from esr.recipes.rows import Prune
from esr.training.validation import Validation

if TYPE_CHECKING:
    from esr.training.plan import Observer


@dataclass(frozen=True)
class Lowest:
    """The PSNR that must remain on a set, in dB."""

    name: str
    psnr: float
    measure: Validation


@dataclass(frozen=True)
class Limits:
    """What a pruned network may lose.

    Attributes:
        largest_loss: dB below the unpruned network; None where that is no limit.
        lowest: the PSNR that must remain, set by set.
    """

    largest_loss: float | None
    lowest: tuple[Lowest, ...]

    def measure(self, network: nn.Module) -> dict[str, float]:
        """The PSNR of a network in eval mode on each set that has a limit, in dB."""
        return {each.name: each.measure(network).psnr for each in self.lowest}

    def passed(self, psnr_loss: float, psnrs: dict[str, float]) -> str:
        """The key of the row whose limit is passed, with its set; empty where none is."""
        if self.largest_loss is not None and psnr_loss > self.largest_loss:
            return "largest_psnr_loss"
        return next((f"lowest_psnr.{each.name}" for each in self.lowest if psnrs[each.name] < each.psnr), "")


def limits_of(row: Prune, validation_set: PackedSet, data_range: float, stage: str, watch: Observer) -> Limits:
    """The limits of ``row`` that can be measured here; of each other one, the watch says that it is left out.

    A set is not measured where it holds no images, as an optional one may, nor where photographs stand in for it: an
    absolute PSNR is that of the set's own images.

    Args:
        row: the row of `prune`.
        validation_set: its set ``validation``, of which the sets of ``lowest_psnr`` are parts.
        data_range: what the network works in.
        stage: the stage's name.
        watch: says what is left out.

    Raises:
        EsrError: no limit can be measured.
    """
    parts = {part.manifest.parent.name: part for part in validation_set.parts}
    lowest = []
    for name, psnr in row.lowest_psnr.items():
        part = parts[name]
        if why := _unmeasured(part):
            watch.say(f"lowest_psnr, {psnr:g} dB on {name}, is left out: {why}")
        else:
            lowest.append(Lowest(name, psnr, Validation(PackedSet(part.manifest, [part]), data_range)))
    if row.largest_psnr_loss is None and not lowest:
        sets = ", ".join(row.lowest_psnr)
        raise EsrError(f"{stage}: lowest_psnr cannot be measured on {sets} here; give its images or largest_psnr_loss")
    return Limits(row.largest_psnr_loss, tuple(lowest))


def _unmeasured(part: Part) -> str:
    if not part.images:
        return "the set holds no images here"
    return "photographs stand in for the set here" if part.stand_in else ""
