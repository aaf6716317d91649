"""Where the weights of each row of the leaderboard come from: a released file, random numbers, training here."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from esr.recipes.read import Params
from esr.recipes.rows import Import
from esr.report.lineage import lineage


def origins(params: Params) -> dict[str, str]:
    """What was released and what was trained, in words, by the key of each row of `benchmark`.

    Nothing where all were trained here from random weights, as the recipes mean it. Fusing, which changes no output, is
    not spoken of.
    """
    chains = {
        key: [stage for stage in lineage(params, row.from_) if not stage.startswith("fuse/")]
        for key, row in params.benchmark.items()
    }
    if not any(isinstance(params.row(*first.split("/")), Import) for first, *_ in chains.values()):
        return {}
    return {key: _told(params, *chain) for key, chain in chains.items()}


def _told(params: Params, first: str, *then: str) -> str:
    row = params.row(*first.split("/"))
    if not isinstance(row, Import):
        return f"trained here from random weights: {', '.join((first, *then))}"
    file = PurePosixPath(unquote(urlsplit(row.place).path)).name
    return f"{file}, released; then trained here: {', '.join(then)}" if then else f"{file}, as it was released"
