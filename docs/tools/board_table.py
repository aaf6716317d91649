"""docs/tutorial.md's leaderboard, from a run of the demo: `python docs/tools/board_table.py [leaderboard.csv]`."""

import sys
from pathlib import Path

import pandas as pd
from blocks import renewed

PAGE = Path(__file__).resolve().parents[1] / "tutorial.md"


def demo_table(board: pd.DataFrame) -> str:
    """Ranks, and PSNR in RGB on the stand-in photographs."""
    bicubic = board["bicubic"].iloc[0]
    lines = [
        f"| rank | entry | PSNR (dB) | above bicubic ({bicubic:.3f}) | time / RLFN's (95 %) |",
        "|---|---|---|---|---|",
    ]
    for _, row in board.iterrows():
        ratio = f"{row['ratio_to_baseline_low']:.3f}–{row['ratio_to_baseline_high']:.3f}"
        rank = "–" if pd.isna(row["rank"]) else row["rank"]
        lines.append(f"| {rank} | {row['entry']} | {row['psnr']:.3f} | {row['above_bicubic']:+.3f} | {ratio} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    source = sys.argv[1] if len(sys.argv) > 1 else "reports/demo/leaderboard.csv"
    board = pd.read_csv(source, dtype={"rank": "Int64"})
    PAGE.write_text(renewed(PAGE.read_text(), "demo table", demo_table(board)))
