"""The stage ``import``: a released checkpoint as weights that any stage may start from or learn from."""

from pathlib import Path

from esr.common.errors import EsrError
from esr.recipes.rows import Import
from esr.weights.released import RELEASES, import_checkpoint


def import_row(row: Import, checkpoint: Path, target: Path, name: str) -> None:
    """Write the weights of ``checkpoint``, a release of the row's network, in its deploy form.

    Raises:
        EsrError: as for ``import_checkpoint``, or no release of this network is known; ``name`` is the stage's.
    """
    networks = {release.network: network for network, release in RELEASES.items()}
    if row.network not in networks:
        raise EsrError(f"{name}: no release of {row.network} is known; network is one of {', '.join(networks)}")
    import_checkpoint(networks[row.network], checkpoint, target)
