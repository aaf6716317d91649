"""``python -m esr.tracking``: the mirror. Stages start it; nobody needs to."""

from esr.tracking.mirror import run_mirror

run_mirror()
