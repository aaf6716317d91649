"""PSNR and SSIM of every row on every set that has images: in RGB, and on luma as the literature prints them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esr.evaluation.metrics import ComparedScores, Metrics

BICUBIC = "bicubic"


@dataclass(frozen=True)
class Quality:
    """PSNR in dB and SSIM."""

    psnr: float
    ssim: float

    @property
    def text(self) -> str:
        """As papers print them: 28.42 / 0.8104."""
        return f"{self.psnr:.2f} / {self.ssim:.4f}"


@dataclass(frozen=True)
class ScoresTable:
    """A column per set.

    Attributes:
        title: which values the scores are of.
        about: a sentence on how they are made.
        sets: the names of the sets, with a word on those whose images are stand-ins.
        rows: bicubic's scores, then those of each row of the leaderboard, by its name; None where it was not scored.
    """

    title: str
    about: str
    sets: Sequence[str]
    rows: Mapping[str, Sequence[Quality | None]]


def scores_tables(names: Mapping[str, str], metrics: Mapping[str, Metrics]) -> list[ScoresTable]:
    """The table in RGB and the table on luma.

    Args:
        names: what each row is called, by its key, in order.
        metrics: what was measured, by key.
    """
    by_set: dict[str, dict[str, ComparedScores]] = {}
    for key in names:
        for each in metrics[key].sets:
            if each.mean:
                by_set.setdefault(each.name + (" (stand-in)" if each.stand_in else ""), {})[key] = each.mean
    bicubic = [next(iter(scored.values())) for scored in by_set.values()]  # which is every row's

    def table(title: str, about: str, luma: bool) -> ScoresTable:
        rows: dict[str, Sequence[Quality | None]] = {BICUBIC: [_bicubic(mean, luma) for mean in bicubic]}
        for key, name in names.items():
            rows[name] = [_own(scored[key], luma) if key in scored else None for scored in by_set.values()]
        return ScoresTable(title, about, list(by_set), rows)

    return [
        table("In RGB", "By the challenge's rule: RGB, 8 bits, a border of 4 px left out.", luma=False),
        table("On luma", "As the literature prints them: Y of BT.601 from 16 to 235, the same border.", luma=True),
    ]


def _own(mean: ComparedScores, luma: bool) -> Quality:
    return Quality(mean.psnr_y, mean.ssim_y) if luma else Quality(mean.psnr, mean.ssim)


def _bicubic(mean: ComparedScores, luma: bool) -> Quality:
    return Quality(mean.bicubic_y, mean.bicubic_ssim_y) if luma else Quality(mean.bicubic, mean.bicubic_ssim)
