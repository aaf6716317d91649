"""Quality set by set, held against the PSNR that the challenge of the year asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from esr.challenge.formulas import MET, MET_ROUNDED, NOT_MET, against
from esr.evaluation.metrics import Metrics, SetScores
from esr.recipes.rows import Entry

NOT_MEASURED = "not measured"
ABOUT = (
    "The mean PSNR on each set, and what the challenge of the entry's year asked for there. The organisers compare two "
    "decimals: what is met when rounded passes there, too."
)


@dataclass(frozen=True)
class Standing:
    """How a network stands on a set.

    Attributes:
        set: the set's name.
        scores: what was measured; None where the benchmark was not asked to.
        asked: the PSNR in dB that the challenge asked for on this set, if any.
        assumed: why ``asked`` is an assumption; None where it was printed.
    """

    set: str
    scores: SetScores | None
    asked: float | None
    assumed: str | None = None

    @property
    def verdict(self) -> str:
        """Whether what was asked is met; empty where nothing was."""
        if self.asked is None:
            return ""
        if self.scores is None or self.scores.mean is None or self.scores.stand_in:
            return NOT_MEASURED
        return against(self.scores.mean.psnr, self.asked)

    @property
    def text(self) -> str:
        """Such as ``26.914; 26.90 asked: met``, or ``28.977; 29.00 asked (an assumption): not met``."""
        mean = self.scores.mean if self.scores else None
        stand_in = " on stand-ins" if self.scores and self.scores.stand_in else ""
        measured = f"{mean.psnr:.3f}{stand_in}" if mean else NOT_MEASURED
        if self.asked is None:
            return measured
        asked = f"{self.asked:.2f} asked" + (" (an assumption)" if self.assumed else "")
        return f"{measured}; {asked}" + (f": {self.verdict}" if mean else "")

    @property
    def assumption(self) -> str:
        """A sentence about an assumed threshold; empty where there is none."""
        if self.asked is None or self.assumed is None:
            return ""
        return f"{self.asked:.2f} dB on {self.set} is an assumption: {self.assumed}."


def standings(entry: Entry, metrics: Metrics) -> list[Standing]:
    """The sets that were scored, in their order, then those for which something was asked all the same.

    A set without images, for which nothing was asked, is not spoken of.
    """
    scores = {each.name: each for each in metrics.sets if each.mean or each.name in entry.thresholds}
    return [
        Standing(name, scores.get(name), entry.thresholds.get(name), entry.thresholds_assumed)
        for name in {**scores, **entry.thresholds}
    ]


def about(of_entries: Iterable[Sequence[Standing]]) -> str:
    """What to know before the table of quality is read: what it shows, and which thresholds are assumptions."""
    assumptions = dict.fromkeys(standing.assumption for entry in of_entries for standing in entry)
    return " ".join([ABOUT, *filter(None, assumptions)])


def verdict(of_sets: Iterable[Standing]) -> str:
    """Whether all that was asked of an entry is met; of several verdicts the first in the order below."""
    verdicts = {standing.verdict for standing in of_sets}
    return next((each for each in (NOT_MET, NOT_MEASURED, MET_ROUNDED, MET) if each in verdicts), "")


def all_sets(of_entries: Iterable[Sequence[Standing]]) -> list[str]:
    """The names of the sets of all entries: the columns of a table."""
    return list(dict.fromkeys(standing.set for entry in of_entries for standing in entry))
