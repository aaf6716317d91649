"""README's table of the demo, from a run's leaderboard: `python docs/tools/demo_table.py [leaderboard.csv]`."""

import re
import sys
from pathlib import Path

import pandas as pd

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCK = re.compile(r"(?<=<!-- demo table -->\n).*?(?=<!-- /demo table -->)", re.DOTALL)


def table(board: pd.DataFrame) -> str:
    """The Markdown table of a leaderboard.csv."""
    bicubic = board["bicubic"].iloc[0]
    head = f"| rank | entry | PSNR (dB) | above bicubic ({bicubic:.3f}) | time / RLFN's (95 %) |"
    lines = [head, "|---|---|---|---|---|"]
    for _, row in board.iterrows():
        ratio = f"{row['ratio_to_baseline_low']:.3f} to {row['ratio_to_baseline_high']:.3f}"
        cells = (f"{row['psnr']:.3f}", f"{row['above_bicubic']:+.3f}", ratio)
        rank = "–" if pd.isna(row["rank"]) else row["rank"]
        lines.append(f"| {rank} | {row['entry']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    board = pd.read_csv(sys.argv[1] if len(sys.argv) > 1 else "reports/demo/leaderboard.csv", dtype={"rank": "Int64"})
    README.write_text(BLOCK.sub(lambda _: table(board), README.read_text()))
