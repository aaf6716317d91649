"""The networks of a step of training."""

from collections.abc import Mapping
from dataclasses import dataclass

from esr.recipes.rows import Argument


@dataclass(frozen=True)
class NetworkSpec:
    """A network as a stage builds it, or is handed it by the one before."""

    file: str
    arguments: Mapping[str, Argument]
    deploy: bool = False


@dataclass(frozen=True)
class Step:
    """What a step computes.

    Attributes:
        network: what is trained.
        teacher: whose output is a second target, if any.
    """

    network: NetworkSpec
    teacher: NetworkSpec | None = None
