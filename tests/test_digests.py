"""What is remembered of large files, which are read as rarely as can be: never a hash of other bytes."""

import os
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

import dvc_data.hashfile.hash as dvc_hash
import pytest
from dvc.repo import Repo

from esr.common.files import md5_of
from esr.common.hashed_file import FileStat, HashedFile
from esr.stages import digests
from esr.stages.digests import Digests, keeping_digest, remember, remembered
from esr.stages.dvc_record import share_digests, share_present_digests, tell_digests

STORE = Path("images.store")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the current folder that counts as large."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digests, "LARGE", 1000)
    STORE.write_bytes(bytes(5000))
    os.utime(STORE, ns=(10**18, 10**18))
    return STORE


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read as a whole from now on."""
    files: list[Path] = []

    def reading(path: Path) -> str:
        files.append(path)
        return md5_of(path)

    monkeypatch.setattr(digests, "md5_of", reading)
    return files


def edited(path: Path) -> None:
    with path.open("rb+") as file:
        file.write(b"edited")


def edited_at_the_same_time(path: Path) -> None:
    path.write_bytes(bytes(5001))
    os.utime(path, ns=(10**18, 10**18))


def replaced(path: Path) -> None:
    path.with_name("other").write_bytes(bytes([1]) * 5000)
    os.utime(path.with_name("other"), ns=(10**18, 10**18))
    path.with_name("other").replace(path)


def test_what_was_hashed_while_it_was_written_is_not_read(read: list[Path]) -> None:
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    assert Digests().of(STORE) == "0" * 32
    assert Digests().of("images.store") == "0" * 32
    assert read == []


@pytest.mark.parametrize("change", [edited, edited_at_the_same_time, replaced])
def test_a_file_of_another_time_size_or_inode_is_read_anew(change: Callable[[Path], None], read: list[Path]) -> None:
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    change(STORE)
    assert remembered(STORE) is None
    assert Digests().of(STORE) == md5(STORE.read_bytes()).hexdigest()
    assert Digests().of(STORE) == md5(STORE.read_bytes()).hexdigest()
    assert read == [STORE]  # the second look remembers the first


def test_a_hash_of_bytes_that_changed_before_it_was_told_is_not_believed(read: list[Path]) -> None:
    """As between the end of packing and the end of the stage."""
    hashed = HashedFile(FileStat.of(STORE), "0" * 32)
    edited(STORE)
    remember(STORE, hashed)
    assert Digests().of(STORE) == md5(STORE.read_bytes()).hexdigest()
    assert read == [STORE]


def test_a_small_file_is_read_at_every_look(read: list[Path]) -> None:
    small = Path("small")
    small.write_bytes(b"as it was")
    remember(small, HashedFile(FileStat.of(small), "0" * 32))
    assert [Digests().of(small) for _ in range(2)] == [md5(b"as it was").hexdigest()] * 2
    assert read == [small, small]


@pytest.mark.parametrize("memory", ["", "[]", "{}", "null", '{"path": "images.store", "stat": null}'])
def test_a_damaged_memory_is_none(memory: str, read: list[Path]) -> None:
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    (file,) = digests.REMEMBERED.iterdir()
    file.write_text(memory)
    assert Digests().of(STORE) == md5(bytes(5000)).hexdigest()
    assert read == [STORE]


def test_a_driver_that_sets_the_time_leaves_the_hash_known() -> None:
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    with keeping_digest(STORE):
        os.utime(STORE)
    assert remembered(STORE) == HashedFile(FileStat.of(STORE), "0" * 32)


def test_an_edit_before_a_driver_sets_the_time_is_not_hidden_by_it() -> None:
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    edited(STORE)
    with keeping_digest(STORE):
        os.utime(STORE)
    assert remembered(STORE) is None


@pytest.mark.parametrize("change", [edited_at_the_same_time, replaced])
def test_more_than_a_new_time_is_no_touch(change: Callable[[Path], None]) -> None:
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    with keeping_digest(STORE):
        change(STORE)
    assert remembered(STORE) is None


@pytest.fixture
def repo(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A project of DVC whose memory is its own."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("site")))
    Repo.init(no_scm=True)
    return Repo()


def md5_by_dvc(repo: Repo, read: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What DVC takes for the store's md5; notes in ``read`` whether it reads the file for that."""
    whole = dvc_hash.file_md5

    def reading(path: str, *rest: Any, **more: Any) -> Any:
        read.append(path)
        return whole(path, *rest, **more)

    monkeypatch.setattr(dvc_hash, "file_md5", reading)
    _, found = dvc_hash.hash_file(str(STORE.absolute()), repo.fs, "md5", state=repo.state)
    monkeypatch.setattr(dvc_hash, "file_md5", whole)
    return str(found.value)


def test_dvc_reads_nothing_that_is_remembered(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    tell_digests([str(STORE), "a file that is not there"])
    assert md5_by_dvc(repo, read, monkeypatch) == "0" * 32
    assert read == []
    edited(STORE)
    tell_digests([str(STORE)])
    assert md5_by_dvc(repo, read, monkeypatch) == md5(STORE.read_bytes()).hexdigest()
    assert read == [str(STORE.absolute())]


def test_dvc_is_not_told_of_a_file_that_changed_meanwhile(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between DVC's look at the file and ours."""
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    info = repo.fs.info

    def and_then_edited(path: str) -> dict[str, object]:
        found: dict[str, object] = info(path)
        edited(STORE)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(type(repo.fs), "info", lambda self, path: and_then_edited(path))
        share_digests(repo, [str(STORE)])
    read: list[str] = []
    assert md5_by_dvc(repo, read, monkeypatch) == md5(STORE.read_bytes()).hexdigest()
    assert len(read) == 1


def test_dvc_is_told_of_other_bytes_under_the_same_time(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC would not look at such a file again; nothing is remembered of it."""
    first = md5_by_dvc(repo, [], monkeypatch)
    edited(STORE)
    os.utime(STORE, ns=(10**18, 10**18))
    assert md5_by_dvc(repo, [], monkeypatch) == first
    share_present_digests(repo, [str(STORE), "a file that is not there"])
    assert md5_by_dvc(repo, [], monkeypatch) == md5(STORE.read_bytes()).hexdigest() != first


def test_where_there_is_no_dvc_it_is_not_told() -> None:
    remember(STORE, HashedFile(FileStat.of(STORE), "0" * 32))
    tell_digests([str(STORE)])
