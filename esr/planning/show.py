"""``esr plan``: a plan as people read it."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from esr.common.duration import DAY, duration
from esr.planning.estimates import Estimate
from esr.planning.scale_plan import ScalePlan
from esr.recipes.read import Params

PLAN_WIDTH = 140  # of the table where no terminal says
TOO_LONG = 60 * DAY  # beyond this a plan says that it takes too long to wait for
DASH = "\N{EN DASH}"


def print_plan(plan: ScalePlan, params: Params) -> None:
    """Print a plan: a line per stage that trains, sums of the others, and what it comes to."""
    console = Console(highlight=False, width=None if Console().is_terminal else PLAN_WIDTH)
    console.print(
        f"[bold]Scale {plan.scale} on this machine[/bold] ({plan.machine}); {plan.trainings} trainings were measured "
        f"in {duration(plan.measured_in)}\n"
    )
    console.print(_table(plan, params))
    for line in _summary(plan, params):
        console.print(line)


def size(count: float) -> str:
    """Bytes as people say them: 12 MB, 3.5 GB, 420 GB."""
    if count < 1e9:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB" if count < 1e10 else f"{count / 1e9:,.0f} GB"


def _table(plan: ScalePlan, params: Params) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("stage")
    for head in ("iterations", "patches", "one iteration", "time", "between", "GPU memory"):
        table.add_column(head, justify="right", no_wrap=True)
    for group, estimates in _groups(plan, params).items():
        for each in estimates:
            if each.training:
                table.add_row(*_training_cells(each, plan.machine.cuda))
        others = [each for each in estimates if not each.training]
        if others and len(others) < len(estimates):
            table.add_row(_kinds(others), "", "", "", *_times(others), "")
        table.add_row(f"[bold]{group}[/bold]", "", "", "", *_times(estimates), "", end_section=True)
    return table


def _groups(plan: ScalePlan, params: Params) -> dict[str, list[Estimate]]:
    """The stages of each entry; those of the data and of the leaderboard belong to none."""
    groups: dict[str, list[Estimate]] = {}
    for each in plan.estimates:
        row = params.row(each.node.kind, each.node.key) if each.node.key else None
        shared = "leaderboard" if not each.node.key else "data"
        groups.setdefault(getattr(row, "entry", shared), []).append(each)
    return groups


def _training_cells(each: Estimate, cuda: bool) -> list[str]:
    assert each.training is not None and each.pace is not None
    schedule, pace = each.training.schedule, each.pace
    rounds = f"{each.training.rounds} x " if each.training.rounds > 1 else ""
    about = "" if cuda else "about "
    return [
        f"{each.node.kind} {each.node.key}",
        f"{rounds}{schedule.iterations:,}",
        f"{schedule.batch} x {schedule.patch} px",
        _precise(pace.seconds) + "*" * each.multiplied,
        *_times([each]),
        about + size(pace.gpu_bytes),
    ]


def _precise(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _kinds(estimates: Sequence[Estimate]) -> str:
    kinds = [each.node.kind for each in estimates]
    return ", ".join(
        f"{kind} ({kinds.count(kind)})" if kinds.count(kind) > 1 else kind for kind in dict.fromkeys(kinds)
    )


def _times(estimates: Sequence[Estimate]) -> tuple[str, str]:
    likely, low, high = _sums(estimates)
    return duration(likely), f"{duration(low)} {DASH} {duration(high)}"


def _sums(estimates: Sequence[Estimate]) -> tuple[float, float, float]:
    return (
        sum(each.seconds for each in estimates),
        sum(each.low for each in estimates),
        sum(each.high for each in estimates),
    )


def _summary(plan: ScalePlan, params: Params) -> list[str]:
    likely, between = _times(plan.estimates)
    side_by_side = f"{duration(plan.likely)} ({duration(plan.low)} {DASH} {duration(plan.high)})"
    lines = [
        f"Computing: {likely} in sum ({between}). From start to end: {side_by_side}, with stages side by side on "
        f"{plan.machine}."
    ]
    if any(
        each.pace and each.pace.timed_batch != each.training.schedule.batch for each in plan.estimates if each.training
    ):
        lines.append("* timed on fewer patches and multiplied: more of a guess than the others.")
    lines += [_memory(plan), _disk(plan, params), _download(plan, params)]
    if plan.likely > TOO_LONG:
        lines.append(_too_long(plan))
    return lines


def _memory(plan: ScalePlan) -> str:
    largest = max((each.pace.gpu_bytes for each in plan.estimates if each.pace), default=0.0)
    if not plan.machine.cuda:
        return (
            f"GPU memory: about {size(largest)} for the largest stage. There is no GPU here: what a pass keeps was "
            "counted, and kernels need some more."
        )
    if largest <= plan.machine.gpu_bytes:
        return f"GPU memory: {size(largest)} for the largest stage, measured."
    return (
        f"GPU memory: [bold]{size(largest)} for the largest stage, more than there is[/bold]; it was measured on fewer "
        "patches and multiplied."
    )


def _disk(plan: ScalePlan, params: Params) -> str:
    images = sum(each.disk for each in plan.estimates)
    return f"Disk: about {size(images)} of images, besides some megabytes of weights and checkpoints per stage."


def _download(plan: ScalePlan, params: Params) -> str:
    fetched, unsaid = sum(each.download for each in plan.estimates), sum(each.unsaid for each in plan.estimates)
    if not fetched and not unsaid:
        return "Download: nothing."
    more = f", and {unsaid} files or folders whose size no row says" if unsaid else ""
    return f"Download: {size(fetched)}{more}; the time for that is not counted."


def _too_long(plan: ScalePlan) -> str:
    why = "Scale paper is meant for a GPU" if not plan.machine.cuda else "More GPUs run more stages side by side"
    return (
        f"[bold]On this machine scale {plan.scale} would take {duration(plan.likely)}: do not wait for it.[/bold] "
        f"{why}; scale demo takes minutes, scale pilot an hour or so per entry on one GPU."
    )
