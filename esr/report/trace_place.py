"""Where the page with the trails of all rows lies, and the end of one that has become untrue."""

from contextlib import suppress
from pathlib import Path


def trace_page(scale: str) -> Path:
    """Where the page lies: beside the leaderboard's, which links to it."""
    return Path("reports", scale, "trace.html")


def forget_traces(scale: str) -> None:
    """Remove the page, because a stage has run that it does not tell of; what cannot be removed stays."""
    with suppress(OSError):
        trace_page(scale).unlink(missing_ok=True)
