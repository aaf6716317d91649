"""A run on a terminal with a view of one state: `python shown_run.py CODE`; the run writes three lines and ends so."""

import subprocess
import sys
import time

from esr.common.how_far import HowFar
from esr.driving import live
from esr.driving.following import Follower
from esr.driving.run_state import AtWork, RunState

RUN = """
import sys, time
print("one: done in 4 s", file=sys.stderr, flush=True)
print("two: cannot be made: " + 30 * "long, " + "end", file=sys.stderr, flush=True)
time.sleep(1)
print("three has no end of line", end="", file=sys.stderr, flush=True)
sys.exit(int(sys.argv[1]))
"""


class Still(Follower):
    """Sees the same at every look."""

    def __init__(self) -> None:
        """Nothing is followed."""

    def __enter__(self) -> "Still":
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is to be done."""

    def look(self, stopping: bool = False) -> RunState:
        """The state."""
        counted = HowFar(began=time.time(), unit="iterations", done=1, total=4, rate=0.1)
        return RunState(1, 3, [AtWork("train@x", 3.0, counted)])

    def is_measuring(self) -> bool:
        """Nothing measures."""
        return False


with live.view_of(Still, elsewhere="elsewhere" in sys.argv) as view:
    process = subprocess.Popen([sys.executable, "-c", RUN, sys.argv[1]], stdout=view.output, stderr=view.output)
    code = view.wait(process, lambda: False)
print(f"ended with {code}")
