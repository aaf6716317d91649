"""The leaderboards that the pages show, from a run's: `python docs/tools/board_tables.py SCALE [leaderboard.csv]`.

demo's goes into docs/tutorial.md, laptop-short's into README.md.
"""

import re
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"demo": ROOT / "docs/tutorial.md", "laptop-short": ROOT / "README.md"}
SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100"}


def demo_table(board: pd.DataFrame) -> str:
    """Ranks, and PSNR in RGB on the stand-in photographs."""
    bicubic = board["bicubic"].iloc[0]
    lines = [
        f"| rank | entry | PSNR (dB) | above bicubic ({bicubic:.3f}) | time / RLFN's (95 %) |",
        "|---|---|---|---|---|",
    ]
    for _, row in board.iterrows():
        cells = (f"{row['psnr']:.3f}", f"{row['above_bicubic']:+.3f}", _ratio(row))
        rank = "–" if pd.isna(row["rank"]) else row["rank"]
        lines.append(f"| {rank} | {row['entry']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def real_table(board: pd.DataFrame) -> str:
    """PSNR on luma of the literature's test sets, best on Set5 first."""
    lines = [f"| | {' | '.join(SETS.values())} | time / RLFN's (95 %) |", f"|---|{'---|' * (len(SETS) + 1)}"]
    for _, row in board.sort_values("psnr_y_set5", ascending=False).iterrows():
        cells = [f"{row[f'psnr_y_{name}']:.2f}" for name in SETS]
        lines.append(f"| {row['entry']} | {' | '.join(cells)} | {_ratio(row)} |")
    return "\n".join(lines) + "\n"


def _ratio(row: pd.Series) -> str:
    return f"{row['ratio_to_baseline_low']:.3f}–{row['ratio_to_baseline_high']:.3f}"


if __name__ == "__main__":
    scale = sys.argv[1]
    source = sys.argv[2] if len(sys.argv) > 2 else f"reports/{scale}/leaderboard.csv"
    board = pd.read_csv(source, dtype={"rank": "Int64"})
    table = demo_table(board) if scale == "demo" else real_table(board)
    block = re.compile(rf"(?<=<!-- {scale} table -->\n).*?(?=<!-- /{scale} table -->)", re.DOTALL)
    PAGES[scale].write_text(block.sub(lambda _: table, PAGES[scale].read_text()))
