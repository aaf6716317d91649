"""What a source of images is for."""

from enum import StrEnum


class Use(StrEnum):
    """As a row of `download` says it in `use:`."""

    training = "training"
    validation = "validation"
