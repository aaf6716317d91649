"""DVC's record of what was made: dvc.lock and the cache, through DVC's own library."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Error as DatabaseError
from typing import TYPE_CHECKING

from esr.common.errors import EsrError
from esr.stages.digests import Digests, remembered

if TYPE_CHECKING:
    from dvc.repo import Repo

LONGEST_DVC_RUN = 60.0  # seconds that another DVC may take


@contextmanager
def open_dvc() -> Iterator["Repo"]:
    """DVC's own library on this folder; waits for a DVC that is at work, as an orphan may be."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)  # it logs every record that it writes
    end = time.monotonic() + LONGEST_DVC_RUN
    try:
        with Repo() as repo:
            while True:
                try:
                    repo.lock.lock()
                    break
                except LockError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.5)
            try:
                yield repo
            finally:
                repo.lock.unlock()
    except LockError as error:
        raise EsrError("another DVC is at work in this folder; wait for it, or stop it first") from error
    except (DvcException, DatabaseError) as error:
        said = " ".join(str(error).split())
        remedy = "; delete dvc.lock, which sync writes again from receipts" if "dvc.lock" in said else ""
        raise EsrError(f"DVC refuses: {said}{remedy}") from error


def share_digests(repo: "Repo", paths: Iterable[str]) -> None:
    """Put the md5 of those files that are remembered into DVC's own memory, so that it does not read them, too."""
    _put_into_memory(repo, paths, _remembered_md5)


def share_present_digests(repo: "Repo", paths: Iterable[str]) -> None:
    """Put the md5 of files as they are now into DVC's own memory.

    DVC takes a file for the one that it knows where inode, size and time are the same, though its bytes are others.
    """
    _put_into_memory(repo, paths, Digests().of)


def _put_into_memory(repo: "Repo", paths: Iterable[str], md5_of: Callable[[Path], str | None]) -> None:
    from dvc_data.hashfile.hash_info import HashInfo

    for path in paths:
        full = repo.fs.join(repo.root_dir, path)
        with suppress(FileNotFoundError):
            info = repo.fs.info(full)  # first: it does not fit a file that is changed after this line
            if md5 := md5_of(Path(path)):
                repo.state.save(full, repo.fs, HashInfo("md5", md5), info)


def _remembered_md5(path: Path) -> str | None:
    known = remembered(path)
    return known.md5 if known else None


def tell_digests(paths: Iterable[str]) -> None:
    """The same beside a DVC that may be at work; where this fails, DVC reads the files itself."""
    known = [path for path in paths if remembered(Path(path))]
    if not known:
        return
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with suppress(DvcException, DatabaseError, OSError), Repo() as repo:
        share_digests(repo, known)


def changed(repo: "Repo") -> set[str]:
    """What `dvc status` says: the names of the stages that DVC holds for changed."""
    return {stage.addressing for stage in repo.index.stages if stage.status()}


def uncached(repo: "Repo") -> set[str]:
    """The names of the stages of which the cache lacks an output that dvc.lock says it has."""
    return {
        stage.addressing
        for stage in repo.index.stages
        for out in stage.outs
        if out.use_cache and out.hash_info.value and not cached(repo, out.hash_info.value).exists()
    }


def forget(repo: "Repo", names: list[str]) -> None:
    """Take stages out of dvc.lock, so that DVC runs them again."""
    from dvc.dvcfile import LOCK_FILE, Lockfile

    for stage in repo.index.stages:
        if stage.addressing in names:
            Lockfile(repo, LOCK_FILE).remove_stage(stage)


def record(repo: "Repo", names: list[str]) -> None:
    """What `dvc commit --force NAME ...` does, but for all at once: `dvc commit` rewrites dvc.lock for each name.

    The outputs stay as they are: DVC would put copies in their places, which are newer than Snakemake's record of them.
    """
    from dvc.dvcfile import LOCK_FILE, Lockfile

    stages = {stage.addressing: stage for stage in repo.index.stages}
    for name in names:
        stages[name].save()
        for out in stages[name].outs:
            out.commit(relink=False)
    Lockfile(repo, LOCK_FILE).dump_stages([stages[name] for name in names])


def cached(repo: "Repo", md5: str) -> Path:
    """Where DVC's cache keeps the content with this md5, if it has it."""
    return Path(repo.cache.local.oid_to_path(md5))
