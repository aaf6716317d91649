"""Numbers as JSON can say them."""

import math


def finite_or_none(value: float | None) -> float | None:
    """The number; None for an unknown one, and for infinity and NaN, which JSON has no words for."""
    return value if value is not None and math.isfinite(value) else None
