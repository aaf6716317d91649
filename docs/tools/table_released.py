"""docs/test-sets.md's tables of the released checkpoints, from the record of benchmarks/released.py."""

from recorded import TEST_SETS, newest_results

SETS = tuple(TEST_SETS.values())


def released_scores(kind: str) -> str:
    """Markdown: a row per checkpoint, a column per set, each PSNR / SSIM. ``kind`` is y or rgb."""
    lines = [["checkpoint", *SETS], ["---", *("---:" for _ in SETS)]]
    for file, row in newest_results("released").items():
        sets = row.get("sets", row)
        scores = [f"{sets[name][f'psnr_{kind}']:.2f} / {sets[name][f'ssim_{kind}']:.4f}" for name in SETS]
        lines.append([f"`{file}`", *scores])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
