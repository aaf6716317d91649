"""The parts of README.md and of the pages that show records of measurements, made from the newest ones.

    python docs/tools/record_tables.py     # writes them between <!-- MARK --> and <!-- /MARK -->

A test compares the pages with what it would write.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from blocks import renewed
from table_challenge_networks import challenge_networks
from table_challenge_scores import challenge_scores
from table_composed import composed_kernels
from table_engines import engines
from table_freed_memory import freed_memory
from table_kills import kills
from table_laptop import laptop_entries, laptop_margins, readme_entries
from table_laptop_trials import laptop_trials
from table_other_instructions import other_instructions
from table_released import released_scores
from table_released_control import by_patches_of_640, released_control
from table_released_training import released_training
from table_run_time import run_time, sessions_in_turn

ROOT = Path(__file__).resolve().parents[2]
Blocks = dict[str, Callable[[], str]]
"""What makes each block of a page, by its mark."""

PAGES: dict[str, Blocks] = {
    "README.md": {"laptop-short table": readme_entries},
    "docs/challenge.md": {
        "scores 2026": partial(challenge_scores, 2026, "SPAN"),
        **{f"networks {year}": partial(challenge_networks, year) for year in (2026, 2025, 2024, 2023)},
    },
    "docs/exactness.md": {"kills": kills},
    "docs/laptop.md": {
        "laptop-short": partial(laptop_entries, "laptop-short"),
        "laptop": partial(laptop_entries, "laptop"),
        "laptop margins": laptop_margins,
        "laptop trials": laptop_trials,
    },
    "docs/measuring-time.md": {
        "run time": run_time,
        "sessions in turn": sessions_in_turn,
        "freed memory": freed_memory,
    },
    "docs/networks.md": {"composed kernels": composed_kernels},
    "docs/quality.md": {"engines": engines},
    "docs/released.md": {
        "released training": released_training,
        "released control 128x16": partial(released_control, "128x16"),
        "released control by patches of 640": by_patches_of_640,
        "released control at the end": partial(released_control, "at-the-end"),
    },
    "docs/test-sets.md": {"luma": partial(released_scores, "y"), "rgb": partial(released_scores, "rgb")},
    "docs/tracing.md": {"other instructions": other_instructions},
}


def page_with_records(page: str) -> str:
    """A page's text with what the newest records say now."""
    text = (ROOT / page).read_text()
    for mark, make in PAGES[page].items():
        text = renewed(text, mark, make())
    return text


if __name__ == "__main__":
    for page in PAGES:
        (ROOT / page).write_text(page_with_records(page))
