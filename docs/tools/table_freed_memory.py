"""docs/measuring-time.md's table of what freed memory costs, from the record of benchmarks/freed_memory.py."""

from typing import Any

from recorded import newest_record, read_record, short

NETWORKS = {"slimrlfn": "SlimRLFN", "rlfn": "RLFN"}


def freed_memory() -> str:
    """What was measured, in a sentence, and the Markdown table of it."""
    record = newest_record("freed-memory")
    found = read_record(record)
    first, *_ = found["results"].values()
    head = (
        f"Medians of fresh processes, {len(first['kept']['processes'])} of either kind and size, on"
        f" {found['machine']['cores']} cores (`benchmarks/records/{record.name}`):"
    )
    lines = ["| | freed memory given back | kept |", "|---|---|---|"]
    for size, kinds in found["results"].items():
        lines.append(_row(f"{size}: SlimRLFN / RLFN", [_ratios(kinds[kind]["processes"]) for kind in _KINDS]))
        for network, name in NETWORKS.items():
            pages = [_pages(kinds[kind]["processes"], network) for kind in _KINDS]
            lines.append(_row(f"{size}: pages that a pass fetched, {name}", pages))
    return "\n".join([head, "", *lines]) + "\n"


_KINDS = ("given back", "kept")


def _row(name: str, cells: list[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


def _ratios(processes: list[dict[str, Any]]) -> str:
    ratios = [each["ms"]["slimrlfn"] / each["ms"]["rlfn"] for each in processes]
    return f"{short(min(ratios), 3)} to {short(max(ratios), 3)}"


def _pages(processes: list[dict[str, Any]], network: str) -> str:
    pages = [each["pages"][network] for each in processes]
    return f"{min(pages):,.0f} to {max(pages):,.0f}" if max(pages) else "0"
