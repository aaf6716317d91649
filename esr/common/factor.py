"""The challenge's factor: HR is four times LR on each side."""

SCALE = 4
"""The networks have their own in esr.networks.blocks, as they import nothing but one another."""
