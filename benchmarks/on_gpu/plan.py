"""What benchmarks/gpu.py does: its parts, and the steps of each in their order, the most wanted first."""

from dataclasses import dataclass

NETWORKS = (
    "slimrlfn",
    "r2net",
    "rlfn",
    "ifadnet",
    "span",
    "ripfdn",
    "rfdn",
    "fmen",
    "spanv2",
    "edrn",
    "safmn",
)
"""All of esr's networks; safmn is a teacher."""
SIZES = ("256x256", "300x400", "270x480", "339x510")
"""LR height and width: complexity's, R2Net's sheet's, a quarter of full HD, a typical image of DIV2K."""


@dataclass(frozen=True)
class Step:
    """A process of its own.

    Attributes:
        part: right, fast, measured or real.
        name: within the part.
        minutes: that one GPU may take for it, a guess: it is not begun where less time is left.
        argument: of the step's function, such as a network.
    """

    part: str
    name: str
    minutes: float
    argument: str = ""

    @property
    def key(self) -> str:
        """As results and ``--only`` have it."""
        return f"{self.name} {self.argument}".strip()


STEPS = (
    Step("right", "tests", 3),
    Step("right", "against-cpu", 2),
    Step("right", "same-bytes", 1.5),
    Step("right", "killed", 2),
    Step("right", "two-processes", 1),
    Step("right", "networks", 1),
    Step("right", "drivers", 8, "tiny"),
    Step("right", "drivers", 9, "demo"),
    Step("fast", "basicsr", 4, "64x256"),
    Step("fast", "waiting", 1),
    Step("fast", "composed", 1.5),
    Step("fast", "basicsr", 4, "64x640"),
    Step("fast", "teacher", 1.5),
    Step("fast", "profile", 0.5),
    *(Step("fast", "table", 3, network) for network in NETWORKS),
    *(Step("measured", "session", 1, size) for size in SIZES),
    Step("measured", "memory", 1),
    *(Step("measured", "official", 2, size) for size in SIZES[-1:] + SIZES[:-1]),
    *(Step("measured", "modes", 1.5, network) for network in NETWORKS),
    *(Step("measured", "best", 2, size) for size in SIZES),
    Step("real", "train", 2),
    Step("real", "score", 1),
)
PARTS = tuple(dict.fromkeys(step.part for step in STEPS))


def steps_of(part: str) -> list[Step]:
    """Those of a part; of all parts for ``all``."""
    return [step for step in STEPS if part in (step.part, "all")]


def step_of(part: str, key: str) -> Step:
    """The step of that key."""
    return next(step for step in STEPS if (step.part, step.key) == (part, key))
