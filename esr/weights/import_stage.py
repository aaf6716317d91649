"""The stage ``import``: a released checkpoint as weights that any stage may start from or learn from."""

from pathlib import Path

from esr.common.errors import EsrError
from esr.common.lock import only_one
from esr.recipes.rows import Import, RemoteFile
from esr.sources.checksums import CHECKSUM_FILE, record_checksum, recorded
from esr.sources.fetch import downloads, fetch, file_name
from esr.weights.released import NAMES, import_checkpoint


def import_row(row: Import, key: str, target: Path) -> None:
    """Write the weights of the row's released file, in their deploy form, to ``target``; ``key`` is the row's name.

    A file with an address is downloaded once, verified, and kept in :func:`kept_in`.

    Raises:
        EsrError: as for ``fetch`` and ``import_checkpoint``, or no release of this network is known.
    """
    if row.network not in NAMES:
        raise EsrError(f"import@{key}: no release of {row.network} is known; network is one of {', '.join(NAMES)}")
    network, remote = NAMES[row.network], row.remote
    if remote is None:
        assert row.checkpoint is not None  # the row has either
        import_checkpoint(network, Path(row.checkpoint), target)
    else:
        _import_remote(network, remote, kept_in(key), target)


def kept_in(key: str) -> Path:
    """The folder of the file that a row of `import` downloads."""
    return downloads() / "checkpoints" / key


def _import_remote(network: str, remote: RemoteFile, folder: Path, target: Path) -> None:
    known = recorded(CHECKSUM_FILE, remote.url)
    with only_one(folder / ".lock", f"downloads {file_name(remote)}"):
        checksum = fetch(remote, folder, known)
    import_checkpoint(network, folder / file_name(remote), target)
    if remote.sha256 is None and known is None:  # it is this network's, so these are a checkpoint's bytes
        record_checksum(CHECKSUM_FILE, remote.url, checksum)
