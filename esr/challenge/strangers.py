"""The teams' networks, loaded from their own code and measured: ``esr challenge --run``."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from esr.challenge.checkout import RESULTS
from esr.challenge.select_model import Loaded, read_loader
from esr.challenge.stranger_process import StrangerFailed, StrangerProcess
from esr.challenge.trial_images import TrialImages, restored
from esr.challenge.turns import take_turns_beside
from esr.common.errors import EsrError, printable
from esr.common.progress import Progress
from esr.evaluation.complexity import Complexity
from esr.evaluation.organisers import TeamResults, read_teams
from esr.evaluation.scores import Evaluation
from esr.recipes.scale import Measuring
from esr.timing.official import OfficialTime
from esr.timing.session import Session

TRUST = (
    "--run runs the teams' code, which may read all that you may read. Where this system can bar it, it has no network "
    "and writes in a scratch folder alone; add --trust if you trust it"
)
BASELINE = 0
"""The number of the year's baseline."""


@dataclass(frozen=True)
class Stranger:
    """A team's network: what was measured of it, and the reason why something was not.

    Attributes:
        name: of the loader's branch; with a count behind it where branches share a name.
        complexity: counted by esr; None where the network could not be loaded or run.
        quality: scores on the images; None where none were given, or it could not be run.
        official: run times by the challenge's protocol, likewise.
        reason: what could not be done, and why; empty where all could.
        printed: the organisers' results of it, if there are any.
        unbarred: what the system could not bar it from.
        operators: what its file has that the organisers' counter has no rule for.
    """

    name: str
    complexity: Complexity | None = None
    quality: Evaluation | None = None
    official: OfficialTime | None = None
    reason: str = ""
    printed: TeamResults | None = None
    unbarred: Sequence[str] = ()
    operators: Sequence[str] = ()


@dataclass(frozen=True)
class Strangers:
    """What was measured.

    Attributes:
        networks: of the numbers that were wanted, in the loader's order; without the baseline where there is one.
        baseline: the year's, which they were held against; None where they were only counted.
        sessions: run times by esr's protocol, a session per size of image, the baseline among them.
    """

    networks: Sequence[Stranger]
    baseline: Stranger | None = None
    sessions: Sequence[Session] = ()


def count_strangers(checkout: Path, wanted: str) -> Strangers:
    """Load and count the networks with these numbers, each in a process of its own.

    Args:
        checkout: a work tree of the organisers' repository, with the checkpoints.
        wanted: numbers, as ``00,21,22``; or ``all``.

    Raises:
        EsrError: the loader cannot be read, or has no network of such a number.
    """
    named = _named(checkout, _chosen(read_loader(checkout), checkout, wanted))
    counted = []
    with Progress("loading networks", len(named), "networks") as progress:
        for number, stranger in named:
            with StrangerProcess(checkout.resolve(), number) as process:
                counted.append(_counted(stranger, process, loaded=False))
            progress.add(1)
    return Strangers(counted)


def measure_strangers(checkout: Path, wanted: str, hr: Path, lr: Path | None, rule: Measuring) -> Strangers:
    """The same, with scores on images, and run times beside the year's baseline by both protocols.

    Every network has a process of its own, in which it is loaded, then passes the images once, as in the organisers'
    script, and then takes turns with the others. The baseline has two: the second one is the control.

    Args:
        checkout: as above.
        wanted: as above; the baseline need not be named.
        hr: folder of HR images.
        lr: folder of their LR images; made by MATLAB's bicubic when None.
        rule: how long networks take turns, and on which sizes of image.

    Raises:
        EsrError: as above; images cannot be used; or the baseline cannot be run.
    """
    named = _named(checkout, _baseline_first(checkout, wanted))
    measured: list[Stranger] = []
    living: dict[str, StrangerProcess] = {}
    with ExitStack() as processes, TrialImages(hr, lr) as images:
        with Progress("running networks", len(named), "networks") as progress:
            for number, stranger in named:
                with ExitStack() as one:
                    process = one.enter_context(StrangerProcess(checkout.resolve(), number))
                    measured.append(_tested(stranger, process, images))
                    if measured[-1].official:
                        living[stranger.name] = process
                        processes.push(one.pop_all())  # it lives on, for the turns
                _check_baseline(measured[0])
                progress.add(1)
        control = processes.enter_context(StrangerProcess(checkout.resolve(), BASELINE))
        sessions, reasons = take_turns_beside(living, named[0][1].name, control, rule)
    beside, *networks = [replace(each, reason=reasons.get(each.name, each.reason)) for each in measured]
    return Strangers(networks, beside, sessions)


def _baseline_first(checkout: Path, wanted: str) -> list[Loaded]:
    loader = read_loader(checkout)
    others = [branch for branch in _chosen(loader, checkout, wanted) if branch.number != BASELINE]
    baseline = [branch for branch in loader if branch.number == BASELINE]
    if not baseline:
        raise EsrError(f"{checkout}: its loader has no network 00, the year's baseline; fetch it again")
    return [baseline[0], *others]


def _check_baseline(baseline: Stranger) -> None:
    if not baseline.official:
        raise EsrError(
            f"{baseline.name}, the year's baseline, could not be run: {printable(baseline.reason)}; mend that, or "
            "leave out --hr to count alone"
        )


def _chosen(loader: Sequence[Loaded], checkout: Path, wanted: str) -> Sequence[Loaded]:
    if not loader:
        raise EsrError(f"{checkout} has no test_demo.py with the organisers' select_model; name a checkout of theirs")
    if wanted == "all":
        return loader
    numbers = [text.strip() for text in wanted.split(",")]
    unknown = [text for text in numbers if not text.isdecimal() or int(text) not in {each.number for each in loader}]
    if unknown:
        known = ", ".join(f"{each.number:02}" for each in loader)
        raise EsrError(f"--run: there is no network {printable(', '.join(unknown))}; there are: {known}, or all")
    return [each for each in loader if each.number in set(map(int, numbers))]


def _named(checkout: Path, branches: Sequence[Loaded]) -> list[tuple[int, Stranger]]:
    """The branches' numbers, and of each a stranger of whom nothing but the name and what was printed is known."""
    results = read_teams(checkout / RESULTS) if (checkout / RESULTS).exists() else {}
    printed = {name.strip(): team for name, team in results.items()}
    return [
        (branch.number, Stranger(name, printed=printed.get(branch.name.strip()), operators=branch.operators))
        for branch, name in zip(branches, _names(branches), strict=True)
    ]


def _names(branches: Sequence[Loaded]) -> Iterator[str]:
    names = [branch.name.strip() for branch in branches]
    for place, name in enumerate(names):
        before = names[:place].count(name)
        yield f"{name} ({before + 1})" if before else name


def _counted(stranger: Stranger, process: StrangerProcess, loaded: bool) -> Stranger:
    """The stranger with its complexity, or with the reason why there is none."""
    try:
        if not loaded:
            process.load()
        stranger = replace(stranger, complexity=process.count())
    except StrangerFailed as failed:
        stranger = replace(stranger, reason=str(failed))
    return replace(stranger, unbarred=process.unbarred)


def _tested(stranger: Stranger, process: StrangerProcess, images: TrialImages) -> Stranger:
    """The same with scores and official run times, which come first: the passes find the process as cold as there."""
    try:
        process.load()
        times, quality = restored(process, images)
        stranger = replace(stranger, quality=quality, official=OfficialTime(stranger.name, tuple(times)))
    except StrangerFailed as failed:
        return replace(stranger, reason=str(failed), unbarred=process.unbarred)
    return _counted(stranger, process, loaded=True)
