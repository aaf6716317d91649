"""How entries of 2023 are scored: by sums of ranks, as in 2022, because 2023's repository prints no rule."""

from collections.abc import Sequence

YEAR = 2023


def rank_sums(entries: Sequence[Sequence[float]]) -> list[int]:
    """The sum of each entry's ranks among all of them; lower is better.

    Args:
        entries: of each its values, in one order, less being better: run time, parameters, FLOPs, activations, memory.

    Returns:
        one sum per entry. The best value has rank 1, and equal values share the better rank.
    """
    columns = list(zip(*entries, strict=True))
    return [
        sum(1 + sum(other < value for other in column) for value, column in zip(entry, columns, strict=True))
        for entry in entries
    ]
