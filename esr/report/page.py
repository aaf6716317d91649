"""The leaderboard as one self-contained page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from esr.recipes.rows import Benchmark, Entry


def render_page(
    entries: Mapping[str, Entry],
    rows: Mapping[str, Benchmark],
    frame: pd.DataFrame,
    measured: Mapping[str, Mapping[str, Any]],
    crops: Mapping[str, Path],
) -> str:
    """The page's HTML."""
    return f"<!doctype html><title>Leaderboard</title>{frame.to_html()}"
