"""What comes out when a run is held against the record of another: stage by stage, and where the two part."""

from typing import Literal

from pydantic import computed_field

from esr.report.trail import Difference, TrailPart

StageVerdict = Literal["same bytes", "within tolerance", "follows", "different", "not made"]
"""follows: other bytes, of which nothing is measured here; what is made from them is."""


class FigureCompared(TrailPart):
    """A number that a stage measured, on both sides; None where one side has none."""

    name: str
    there: float | None
    here: float | None
    tolerance: float

    @property
    def equal(self) -> bool:
        """Whether both sides have the same number."""
        return self.there == self.here

    @property
    def within(self) -> bool:
        """Whether the two lie no further apart than is allowed."""
        return self.there is not None and self.here is not None and abs(self.there - self.here) <= self.tolerance

    @property
    def text(self) -> str:
        """In words: ``psnr: 28.31 there, 28.35 here, 0.1 allowed``."""
        there, here = ("none" if value is None else f"{value:.10g}" for value in (self.there, self.here))
        return f"{self.name}: {there} there, {here} here, {self.tolerance:g} allowed"


class StageCompared(TrailPart):
    """A stage on both sides.

    Attributes:
        name: DVC's.
        verdict: how its outputs compare.
        parts: whether the two runs part here: it read the same as the recorded stage, and made something else.
        outputs: that have other bytes.
        figures: that differ.
        differences: in what it was told, in what no stage makes, and between the machines.
    """

    name: str
    verdict: StageVerdict
    parts: bool = False
    outputs: tuple[str, ...] = ()
    figures: tuple[FigureCompared, ...] = ()
    differences: tuple[Difference, ...] = ()


class Verification(TrailPart):
    """A run beside a record.

    Attributes:
        record: its file.
        commit: that the recorded run was made at; "" if unknown.
        psnr_tolerance: dB.
        stages: in the order of the recorded graph.
        unrecorded: stages that are here and not in the record; they are not judged.
    """

    record: str
    commit: str
    psnr_tolerance: float
    stages: tuple[StageCompared, ...]
    unrecorded: tuple[str, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def agrees(self) -> bool:
        """Whether every recorded stage was made here, with the same bytes or within the tolerance."""
        return not any(stage.verdict in ("different", "not made") for stage in self.stages)
