"""A run at a moment, drawn for a terminal: a line for the whole, a line with a bar for each stage at work."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from esr.common.duration import duration
from esr.common.how_far import HowFar
from esr.driving.run_state import AtWork, RunState

USUAL, WIDE = 76, 100  # columns from which on there is room for rate and PSNR, and for how much is done
MOST_LINES = 12  # stages that are drawn


class RunView:
    """Draws a state; what it takes of the width, the terminal's width decides."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich prints."""
        state = self._state
        if state.at_work:
            yield _bars(state, options.max_width)
        if len(state.at_work) > MOST_LINES:
            yield Text(f"and {len(state.at_work) - MOST_LINES} more")
        yield Text(counts(state), style="bold")
        if told := outlook(state):
            yield Text(told, style="bold")


def counts(state: RunState) -> str:
    """How many stages are done, running, waiting, and have failed."""
    told = f"{state.done} of {state.stages} stages done, {len(state.at_work)} running, {state.waiting} waiting"
    return f"{told}, {state.failed} failed" if state.failed else told


def outlook(state: RunState) -> str:
    """What is left, and the best PSNR so far; empty while neither is known."""
    return "; ".join(_outlook(state))


def _outlook(state: RunState) -> Iterator[str]:
    if state.stopping:
        yield "stopping: what trains saves its state"
    elif state.left is not None:
        yield f"about {duration(state.left)} left"
    if state.best:
        yield f"best PSNR so far {state.best.psnr:.2f} dB ({state.best.entry}, on its held-out images)"


def _bars(state: RunState, columns: int) -> Table:
    rows = [[each.name, _bar(each.how_far), *_numbers(each, columns)] for each in state.at_work[:MOST_LINES]]
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=1, min_width=8)
    for _ in rows[0][2:]:
        table.add_column(no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _bar(how_far: HowFar) -> ProgressBar | str:
    """No bar where it is not known how much there is."""
    return ProgressBar(total=how_far.total, completed=how_far.done) if how_far.total else ""


def _numbers(each: AtWork, columns: int) -> list[str]:
    how_far = each.how_far
    psnr = "" if each.psnr is None else f"{each.psnr:.2f} dB"
    time = f"for {duration(each.seconds)}" if how_far.left is None else f"{duration(how_far.left)} left"
    if columns >= WIDE:
        return [share(how_far), amount(how_far), rate(how_far, " a second"), time, psnr]
    done = share(how_far) or amount(how_far)
    return [done, rate(how_far, "/s"), time, psnr] if columns >= USUAL else [done, time]


def share(how_far: HowFar) -> str:
    """How much is done, in per cent; empty while that is unknown."""
    return f"{100 * how_far.done / how_far.total:.0f} %" if how_far.total else ""


def amount(how_far: HowFar) -> str:
    """How much is done; empty where nothing is counted."""
    if not how_far.unit:
        return ""
    of = f" of {how_far.total:,.0f}" if how_far.total else ""
    return f"{how_far.done:,.0f}{of} {how_far.unit}"


def rate(how_far: HowFar, a_second: str) -> str:
    """How much is done in a second, with these words behind it; empty while that is unknown."""
    return f"{how_far.rate:,.{1 if how_far.rate >= 10 else 2}f}{a_second}" if how_far.rate > 0 else ""
