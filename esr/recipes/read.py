"""Read params.yaml and check it whole, before anything runs."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from esr.common.errors import EsrError
from esr.recipes.engine_settings import EngineSettings
from esr.recipes.network_syntax import misplaced_networks, wrong_networks
from esr.recipes.references import wrong_references
from esr.recipes.rows import (
    Benchmark,
    Crop,
    Distill,
    Download,
    Entry,
    Finetune,
    FreshPhase,
    Fuse,
    Import,
    Join,
    Name,
    Prune,
    Row,
    TeacherPhase,
)
from esr.recipes.scale import Scale
from esr.recipes.telling import complaints, first_of, short, some


class Params(Row):
    """params.yaml: one field per table. dvc.yaml asks for every one of them, so an empty one is there too: `{}`."""

    scale: Name = Field(description="the row of `scales` in use")
    engine: EngineSettings = Field(description="how trainings compute, per device")
    scales: dict[Name, Scale] = Field(
        min_length=1, description="the rules that shrink the recipes; `scale` names the one in use"
    )
    download: dict[Name, Download] = Field(min_length=1, description="sources of images")
    crop: dict[Name, Crop] = Field(min_length=1, description="sets: sources cut to multiples of 4 and packed")
    join: dict[Name, Join] = Field(description="sets made of two sets")
    shared: dict[Name, dict[str, Any]] = Field(
        default={}, description="what rows have in common: they take it up by `<<: *name`; nothing else reads it"
    )
    entries: dict[Name, Entry] = Field(
        min_length=1, description="entries of the challenge: what was published about them"
    )
    import_: dict[Name, Import] = Field(alias="import", description="released checkpoints that rows may start from")
    teacher: dict[Name, TeacherPhase] = Field(description="phases that train a teacher")
    distill: dict[Name, Distill] = Field(description="first phases under a teacher")
    train: dict[Name, FreshPhase] = Field(description="first phases without one")
    finetune: dict[Name, Finetune] = Field(description="phases that start from another one's weights")
    prune: dict[Name, Prune] = Field(description="iterative pruning")
    fuse: dict[Name, Fuse] = Field(description="re-parameterisable convolutions become plain ones")
    benchmark: dict[Name, Benchmark] = Field(
        min_length=1, description="measurements: a row here is a line of the leaderboard"
    )

    @property
    def rule(self) -> Scale:
        """The rule of the scale in use."""
        return self.scales[self.scale]

    def table(self, kind: str) -> Mapping[str, Any]:
        """The rows of a kind of stage."""
        rows: Mapping[str, Any] = self.import_ if kind == "import" else getattr(self, kind)
        return rows

    def row(self, kind: str, key: str) -> Any:
        """One row, or EsrError naming what there is."""
        table = self.table(kind)
        if key not in table:
            raise EsrError(f"params.yaml has no row {kind}.{short(key)}; there are: {some(table, key)}")
        return table[key]


def check(raw: dict[str, Any]) -> Params:
    """Validate params.yaml's content, and that the network files of its rows are there.

    Raises:
        EsrError: names the first culprit by its place in the file, its value, and how many more there are.
    """
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        raise EsrError(first_of(complaints(error, Params))) from error
    for wrong in (misplaced_networks, wrong_references, wrong_networks):
        if told := list(wrong(params)):
            raise EsrError(first_of(told))
    return params
