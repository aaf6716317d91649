"""docs/challenge.md's tables of the teams' networks, from the record of benchmarks/challenge_networks.py."""

from collections.abc import Sequence
from textwrap import shorten

from recorded import newest_results

HEADS = ("network", "parameters", "FLOPs", "printed", "2023's counter", "activations", "convs")


def challenge_networks(year: int) -> str:
    """Markdown: a row per network that was counted, and one with the reason for each that was not."""
    networks = newest_results("challenge-networks")[str(year)]
    lines = [_row(HEADS), f"|---|{'---:|' * (len(HEADS) - 1)}"]
    for each in networks:
        if counted := each["counted"]:
            printed = (each["printed"] or {}).get("flops_g")
            cells = (
                f"{counted['parameters']:,}",
                f"{counted['flops'] / 1e9:.2f} G",
                f"{printed:.2f} G" if printed else "",
                f"{counted['flops_2023'] / 1e9:.2f} G",
                f"{counted['activations'] / 1e6:.2f} M",
                str(counted["convs"]),
            )
            lines.append(_row((each["name"], *cells)))
    lines += ["", _row(("network", "why it was not counted")), "|---|---|"]
    lines += [
        _row((each["name"], shorten(each["reason"], 120, placeholder=" ..."))) for each in networks if each["reason"]
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
