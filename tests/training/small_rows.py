"""A phase's row with everything that a row must have, for tests of what a few columns do."""

from esr.recipes.rows import FreshPhase


def small_row(**columns: object) -> FreshPhase:
    """A phase of 100 iterations of L1 at a constant rate of 1, but for these columns.

    Raises:
        pydantic.ValidationError: the columns make no phase.
    """
    row = {
        "entry": "x",
        "network": "x.py",
        "data": "x",
        "validation": "x",
        "patch": 64,
        "batch": 1,
        "loss": "l1",
        "learning_rate": 1.0,
        "iterations": 100,
        "schedule": "constant",
    }
    return FreshPhase.model_validate({**row, **columns})
