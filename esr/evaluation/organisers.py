"""Scores held image by image against those that the challenge's organisers publish: ``evaluate --against``.

Their repositories of 2024 and 2026 hold a ``results.json``: for each team the PSNR of every image, in RGB, of the lists
``valid`` (LSDIR's 0000001 to 0000100, then DIV2K's 0801 to 0900) and ``test`` (the same of the test sets, DIV2K's 0901
to 1000), in the order of the files' names. The logs beside it name the images.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.common.errors import EsrError, printable
from esr.common.finite import finite_or_none
from esr.evaluation.scores import Evaluation

_LSDIR = [f"{number:07}" for number in range(1, 101)]
LISTS = {
    "valid": [*_LSDIR, *(f"{number:04}" for number in range(801, 901))],
    "test": [*_LSDIR, *(f"{number:04}" for number in range(901, 1001))],
}
"""The names of the images whose PSNRs a list holds, in its order."""

_MOST_NAMED = 20


# Bounded by more than anything measures, so that sums and ratios stay numbers.
Number = Annotated[FiniteFloat, Field(ge=-1e12, le=1e12)]
Positive = Annotated[FiniteFloat, Field(ge=1e-12, le=1e12)]


class TeamResults(BaseModel):
    """A team's results under the names that the organisers' script gives them; what was not measured is None or empty.

    Attributes:
        team: its name, which is the results' key.
        valid_psnr, test_psnr: dB, an image each.
        valid_runtime, test_runtime: ms, an image each, in the same order.
        valid_memory, test_memory: MiB at the peak.
        valid_ave_psnr, test_ave_psnr: dB, the script's own means; so are the two of the run time, ms.
        num_parameters, activations: 10^6.
        flops: 10^9 multiply-accumulates for an LR image of 256 x 256.
        num_conv: convolutions that are run.
    """

    model_config = ConfigDict(strict=True)

    team: str = ""
    valid_psnr: list[Number] = []
    test_psnr: list[Number] = []
    valid_runtime: list[Positive] = []
    test_runtime: list[Positive] = []
    valid_memory: Number | None = None
    test_memory: Number | None = None
    valid_ave_psnr: Number | None = None
    test_ave_psnr: Number | None = None
    valid_ave_runtime: Positive | None = None
    test_ave_runtime: Positive | None = None
    num_parameters: Positive | None = None
    flops: Positive | None = None
    activations: Number | None = None
    num_conv: Annotated[int, Field(ge=0, le=10**12)] | None = None


@dataclass(frozen=True)
class Held:
    """An image's PSNR in RGB, dB, here and at the organisers'."""

    name: str
    here: float
    theirs: float

    @property
    def difference(self) -> float:
        """Here minus theirs."""
        return self.here - self.theirs


@dataclass(frozen=True)
class Against:
    """A team's network, measured here, held against the organisers' values of it."""

    team: str
    images: Sequence[Held]

    @property
    def furthest(self) -> Held:
        """The image that differs most."""
        return max(self.images, key=lambda image: abs(image.difference))

    @property
    def means(self) -> Held:
        """Over the images that were compared."""
        return Held("mean", fmean(image.here for image in self.images), fmean(image.theirs for image in self.images))

    def to_json(self) -> dict[str, Any]:
        """``{"team", "images": [{"name", "here", "theirs", "difference"}], "mean": {...}, "furthest": {...}}``."""
        return {
            "team": self.team,
            "images": [_as_json(image) for image in self.images],
            "mean": _as_json(self.means),
            "furthest": _as_json(self.furthest),
        }


def read_teams(results: Path) -> dict[str, TeamResults]:
    """The results of every team of a ``results.json`` of the organisers', by its name there, in its order.

    Raises:
        EsrError: the file is missing or something else.
    """
    try:
        teams = TypeAdapter(dict[str, TeamResults]).validate_json(results.read_bytes())
    except OSError as error:
        raise EsrError(f"{results} cannot be read ({error.strerror}); name the organisers' results.json") from error
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the file"
        raise EsrError(
            f"{results} is no results.json of the organisers' (see {printable(place)}); fetch it again"
        ) from error
    return {name: values.model_copy(update={"team": name}) for name, values in teams.items()}


def read_results(results: Path, team: str | None = None) -> TeamResults:
    """A team's values.

    Args:
        results: a ``results.json`` of the organisers'.
        team: its name there; may be left out where the file has but one team.

    Raises:
        EsrError: the file is missing or something else, or has no such team.
    """
    teams = read_teams(results)
    if team is None and len(teams) == 1:
        (team,) = teams
    if team is None or team not in teams:
        problem = "name a team by --team" if team is None else f"it has no team {printable(team)}"
        raise EsrError(f"{results}: {problem}; there are: {', '.join(map(printable, teams))}")
    return teams[team]


def hold_against(evaluation: Evaluation, results: TeamResults) -> Against:
    """Hold the PSNRs in RGB of ``evaluation``, of images under the challenge's names, against the published ones.

    Raises:
        EsrError: no list of the team's has all the images.
    """
    published = _published(evaluation.names, results)
    scored = zip(evaluation.names, evaluation.images, strict=True)
    return Against(results.team, [Held(name, scores.psnr_rgb, published[name]) for name, scores in scored])


def print_against(evaluation: Evaluation, against: Against, as_json: bool) -> None:
    """Print the comparison on standard output: as JSON with the scores and nothing else, or as a table for people."""
    if as_json:
        print(json.dumps({**evaluation.to_json(), "against": against.to_json()}, indent=2))
        return
    shown = Table("image", "PSNR here", "organisers'", "difference")
    for column in shown.columns[1:]:
        column.justify = "right"
    for image in against.images:
        shown.add_row(*_row(image))
    shown.add_section()
    shown.add_row(*_row(against.means))
    console = Console()
    console.print(shown)
    furthest = against.furthest
    console.print(
        f"{escape(printable(against.team))}: {len(against.images)} images; the furthest apart is "
        f"{furthest.name}, by {furthest.difference:+.6f} dB",
        soft_wrap=True,
    )


def _published(names: Sequence[str], results: TeamResults) -> dict[str, float]:
    """The published PSNR of every image of the first list that has them all."""
    team = printable(results.team)
    for kind, images in LISTS.items():
        if set(names) <= set(images):
            values = results.valid_psnr if kind == "valid" else results.test_psnr
            if len(values) != len(images):
                raise EsrError(f"{team}: {kind}_psnr has {len(values)} values instead of {len(images)}; fetch it again")
            return dict(zip(images, values, strict=True))
    unknown = [name for name in names if name not in LISTS["valid"]]
    more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
    raise EsrError(
        f"{team}: no list holds {', '.join(map(printable, unknown[:_MOST_NAMED]))}{more}; name a folder of images "
        "that are called as the challenge's are, such as 0801.png to 0900.png of DIV2K"
    )


def _as_json(held: Held) -> dict[str, Any]:
    """Equal images have an infinite PSNR: null, and so is every mean and difference that it goes into."""
    here, difference = finite_or_none(held.here), finite_or_none(held.difference)
    return {"name": held.name, "here": here, "theirs": held.theirs, "difference": difference}


def _row(held: Held) -> list[str]:
    return [held.name, f"{held.here:.4f}", f"{held.theirs:.4f}", f"{held.difference:+.4f}"]
