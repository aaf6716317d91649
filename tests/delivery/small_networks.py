"""Every network of esr's, made small."""

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "edrn": {"channels": 8, "warmup_inner": 4, "inner": 4},
    "fmen": {"channels": 8, "blocks": 2},
    "ifadnet": {"channels": 8, "pairs": 2, "esa_channels": 4},
    "r2net": {"channels": 8, "blocks": 2, "esa_channels": 4, "pointwise_identity": True},
    "rfdn": {"channels": 8, "blocks": 2, "distilled": 4, "esa_channels": 4},
    "ripfdn": {"channels": 8, "blocks": 2, "distilled": 4, "partial": 2, "esa_channels": 4},
    "rlfn": {"channels": 8, "inner": 6, "blocks": 2, "widths": [5, 6, 7, 8]},
    "safmn": {"channels": 8, "blocks": 2},
    "slimrlfn": {"channels": 8, "blocks": 2, "esa_channels": 4, "pointwise_bias": False, "esa_rep": "strided"},
    "span": {"channels": 8, "blocks": 2},
    "spanv2": {"channels": 8, "blocks": 2},
}
"""Every network of the house, with arguments that are not its defaults."""
