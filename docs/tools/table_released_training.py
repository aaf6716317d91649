"""docs/released.md's table of what going on from SlimRLFN's release gives: benchmarks/released_training.py's record."""

from recorded import TEST_SETS, newest_results

ROWS = {
    "slimrlfn": "released",
    "slimrlfn-finetuned": "fine-tuned here",
    "slimrlfn-pruned": "pruned by the team",
    "slimrlfn-pruned-here": "pruned and fine-tuned here",
}
SETS = {"div2k-valid": "held out"} | TEST_SETS


def released_training() -> str:
    """Markdown: PSNR in RGB of the release by set, and what the others have more or less."""
    found = newest_results("released-training")["dB"]
    release = found["slimrlfn"]
    sets = [name for name in SETS if name in release]
    lines = [f"| | {' | '.join(SETS[name] for name in sets)} |", f"|---|{'---:|' * len(sets)}"]
    for row, title in ROWS.items():
        apart = [found[row][name]["psnr"] - release[name]["psnr"] for name in sets]
        cells = [f"{each:+.3f}" for each in apart]
        if row == "slimrlfn":
            cells = [f"{release[name]['psnr']:.3f}" for name in sets]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
