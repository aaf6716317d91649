"""docs/released.md's tables of loops that go on from SlimRLFN's release: benchmarks/released_control.py's records."""

from statistics import mean

from recorded import newest_results

LOOPS = {
    "esr": "esr's training",
    "plain": "a plain PyTorch loop, the organisers' network",
    "plain, esr's crops": "that loop on the very crops of esr's",
}
SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100"}


def released_control(benchmark: str = "released-control") -> str:
    """Markdown: what each loop adds to the release's PSNR by set: the mean over seeds, and its extremes."""
    found = newest_results(benchmark)["dB"]
    lines = [f"| | seeds | {' | '.join(SETS.values())} |", f"|---|---:|{'---:|' * len(SETS)}"]
    for loop, title in LOOPS.items():
        if seeds := found.get(loop, {}).values():
            cells = [_shown([seed[name] for seed in seeds]) for name in SETS]
            lines.append(f"| {title} | {len(seeds)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(gains: list[float]) -> str:
    return f"{mean(gains):+.3f} ({min(gains):+.3f} to {max(gains):+.3f})"
