"""docs/released.md's tables of loops that go on from SlimRLFN's release: benchmarks/released_control.py's records."""

from statistics import mean

from recorded import TEST_SETS, newest_results

LOOPS = {
    "esr": "esr's training",
    "plain": "a plain PyTorch loop, the organisers' network",
    "plain, esr's crops": "that loop on the very crops of esr's",
}


def released_control(kind: str) -> str:
    """Markdown: what each loop adds to the release's PSNR by set: the mean over seeds, and its extremes."""
    found = newest_results(f"released-control-{kind}")["dB"]
    lines = [f"| | seeds | {' | '.join(TEST_SETS.values())} |", f"|---|---:|{'---:|' * len(TEST_SETS)}"]
    for loop, title in LOOPS.items():
        if seeds := found.get(loop, {}).values():
            cells = [_shown([seed[name] for seed in seeds]) for name in TEST_SETS]
            lines.append(f"| {title} | {len(seeds)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def by_patches_of_640() -> str:
    """Markdown: what esr's training adds to the release's PSNR in the recipe's patches, by batch; one seed."""
    lines = [f"| | {' | '.join(TEST_SETS.values())} |", f"|---|{'---:|' * len(TEST_SETS)}"]
    for batch, whose in ((16, ""), (64, ", the recipe's")):
        found = newest_results(f"released-control-640x{batch}")
        cells = [f"{found['dB']['esr']['0'][name]:+.3f}" for name in TEST_SETS]
        lines.append(f"| {found['iterations']} iterations in batches of {batch}{whose} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(gains: list[float]) -> str:
    return f"{mean(gains):+.3f} ({min(gains):+.3f} to {max(gains):+.3f})"
