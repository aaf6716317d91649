"""The way back from a number: the stages behind it, as they ran, and whether what lies on disk still is what they made.

This module holds what such a trail is; ``esr.audit.tracing`` follows one.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field

Fault = Literal["stale", "damaged", "missing", "unrecorded"]
"""stale: made from other parameters, inputs or code than the present ones; damaged: an output was changed since;
missing: an output is not there; unrecorded: no record says how the stage was made."""

Subject = Literal["command", "parameters", "code", "data", "versions", "processor", "threads"]


class TrailPart(BaseModel):
    """A part of a trail: nothing unknown, nothing changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Difference(TrailPart):
    """One thing in which two runs of a stage differ.

    Attributes:
        subject: what kind of thing it is.
        name: a parameter with dots, a file, a package.
        there: its value in the record; "" where the record has none.
        here: its present value; "" where there is none.
    """

    subject: Subject
    name: str
    there: str
    here: str

    @property
    def text(self) -> str:
        """In words: ``parameters finetune.rlfn-3.seed: 0 there, 1 here``."""
        return f"{self.subject} {self.name}: {self.there or 'none'} there, {self.here or 'none'} here"


class Circumstances(TrailPart):
    """Where, when and by which code a stage ran; "" and None for what was not noted."""

    commit: str = ""
    dirty: bool | None = None  # whether tracked files differed from the commit
    host: str = ""
    device: str = ""  # the GPU, or "cpu"
    processor: str = ""
    threads: str = ""
    versions: Mapping[str, str] = {}  # of Python and of packages
    began: int | None = None  # Unix time in ms
    ended: int | None = None


class TracedFile(TrailPart):
    """An input or an output: its md5 when the stage ran, and its md5 now; None where there is none."""

    path: str
    recorded: str | None
    present: str | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def same(self) -> bool:
        """Whether the file is what it was when the stage ran."""
        return self.recorded is not None and self.recorded == self.present


class TracedStage(TrailPart):
    """A stage behind a number.

    Attributes:
        name: DVC's, such as ``finetune@slimrlfn-640``.
        command: that was run.
        parameters: that it ran with, nested as in params.yaml; the present ones where no record tells.
        inputs: all that it read, code as files of digests below runs/.code.
        outputs: all that it made.
        circumstances: of the run that made the outputs; None where no journal tells.
        faults: what keeps the files from being what the present recipe makes; none: all matches.
        differences: what has changed since the stage ran.
        accepted: the reasons for which a person took it for current after an edit of code.
        run: the tag ``esr.id`` by which MLflow has the stage's run; "" where no journal tells.
    """

    name: str
    command: str
    parameters: Mapping[str, Any]
    inputs: tuple[TracedFile, ...]
    outputs: tuple[TracedFile, ...]
    circumstances: Circumstances | None
    faults: tuple[Fault, ...]
    differences: tuple[Difference, ...]
    accepted: tuple[str, ...]
    run: str


class Trail(TrailPart):
    """The way back from one cell of the leaderboard.

    Attributes:
        row: of ``benchmark``.
        column: of the leaderboard's CSV; "" for the whole row.
        value: as the row's metrics.json holds it, or the leaderboard what follows from several rows; None: unknown.
        stages: the leaderboard where there is one, the benchmark, then what they were made from, the nearest first.
    """

    row: str
    column: str
    value: float | str | None
    stages: tuple[TracedStage, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sound(self) -> bool:
        """Whether all that lies on disk is what the present recipe makes."""
        return not any(stage.faults for stage in self.stages)
