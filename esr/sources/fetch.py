"""A file from where its bytes are: on this disk, in part on this disk, at its address or at a mirror."""

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from esr.common.complaints import writing
from esr.common.errors import EsrError
from esr.common.files import sha256_of
from esr.recipes.rows import RemoteFile
from esr.sources.checksums import Checksum
from esr.sources.transfer import BrokenOffError, NotThereError, PartialFile, TooSlowError, transfer

OFFLINE = "ESR_OFFLINE"
"""Environment variable: if it is set to anything but 0, nothing is downloaded."""

ARCHIVES = "ESR_ARCHIVES"
"""Environment variable: the folder of what was downloaded, if it is not data/archives."""

TOKENS = "ESR_TOKEN_"
"""What the name of an environment variable begins with that a row may have sent to an address: no other secret's."""

TRIES = 5  # at each address, without a byte gained
LONGEST_RETRY_AFTER = 300.0  # seconds; a server that asks for a longer pause is given up


def downloads() -> Path:
    """The folder of what was downloaded: apart from any scale's outputs, which drivers delete before a stage runs."""
    return Path(os.environ.get(ARCHIVES) or "data/archives")


def file_name(remote: RemoteFile) -> str:
    """What the file is called on disk: the last part of its address."""
    try:
        name = PurePosixPath(unquote(urlsplit(remote.url).path)).name
    except ValueError as error:
        raise EsrError(f"{remote.url} is no address ({error}); give that of the file itself") from error
    if name in ("", "..") or not name.isprintable():
        raise EsrError(f"{remote.url} names no file; give the address of the file itself")
    return name


def fetch(
    remote: RemoteFile, folder: Path, known: Checksum | None = None, wait: Callable[[float], None] = time.sleep
) -> Checksum:
    """Have a file lie verified in ``folder``, under the last part of its address.

    A file that is already there is used. A download goes on where it stopped, at the same address or at a
    mirror, and is renamed to its name once its size and checksum are right.

    Args:
        remote: its row: addresses, published size and checksum.
        folder: where it is to lie.
        known: what an earlier download recorded, for a file without published checksum.
        wait: called with the seconds to wait between two tries.

    Returns:
        The size and checksum that the file has.

    Raises:
        EsrError: no address gives it, it is not what it should be, or the disk is full.
    """
    path = folder / file_name(remote)
    sha256 = remote.sha256 or (known.sha256 if known else None)
    size = remote.bytes or (known.bytes if known else None)
    if path.exists():
        return _verify_at_hand(path, size, sha256)
    if os.environ.get(OFFLINE, "0") not in ("", "0"):
        raise EsrError(f"{path} is missing and {OFFLINE} is set; put the file of {remote.url} there, or unset it")
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        part = PartialFile(folder / f"{path.name}.part")
        checksum = _download(remote, part, size, sha256, wait)
        os.replace(part.file, path)
        part.discard()
    return checksum


def _download(
    remote: RemoteFile, part: PartialFile, size: int | None, sha256: str | None, wait: Callable[[float], None]
) -> Checksum:
    token = _token(remote)
    addresses = deque([remote.url, *remote.mirrors])
    reasons: dict[str, str] = {}
    fruitless, pause = 0, 0.0
    while addresses and fruitless < TRIES * len(addresses):
        address, had = addresses[0], part.size
        try:
            if size is None or had != size:
                transfer(address, part, size, token if address == remote.url else None, sha256 is not None)
            return _verify(part, address, size, sha256)
        except NotThereError as error:
            reasons[address] = str(error)
            addresses.popleft()
            continue
        except BrokenOffError as error:
            reasons[address] = str(error)
            if part.size > had and not isinstance(error, TooSlowError):  # bytes came: stay with this address
                fruitless = 0
                continue
            fruitless, pause = fruitless + 1, max(pause, error.wait)
        addresses.rotate(-1)
        if fruitless % len(addresses) == 0:
            if pause > LONGEST_RETRY_AFTER:
                break
            wait(max(pause, min(60.0, 2.0 ** (fruitless // len(addresses) - 1))))
            pause = 0.0
    said = "; ".join(f"{address} {reason}" for address, reason in reasons.items())
    by_hand = part.file.with_suffix("")
    raise EsrError(f"{by_hand.name} could not be downloaded: {said}; try again later, or put it at {by_hand} by hand")


def _token(remote: RemoteFile) -> str | None:
    if remote.token is None:
        return None
    if not remote.token.startswith(TOKENS):
        raise EsrError(
            f"{remote.url} asks for the environment variable {remote.token}, and a row may ask for {TOKENS}... alone; "
            "rename it in the row, and set the new one to your token"
        )
    token = os.environ.get(remote.token)
    if not token:
        raise EsrError(f"{remote.url} asks for a token; accept its licence and set {remote.token} to your token")
    return token


def _verify(part: PartialFile, address: str, size: int | None, sha256: str | None) -> Checksum:
    checksum = _checksum(part.file)
    if size in (None, checksum.bytes) and sha256 in (None, checksum.sha256):
        return checksum
    of_one_address = part.began_at() == address
    part.discard()
    found = f"sent {checksum.bytes:,} bytes of sha256 {checksum.sha256} instead of {sha256}"
    if of_one_address:
        raise NotThereError(found)
    raise BrokenOffError(found)


def _verify_at_hand(path: Path, size: int | None, sha256: str | None) -> Checksum:
    checksum = _checksum(path)
    if size not in (None, checksum.bytes):
        raise EsrError(f"{path} has {checksum.bytes:,} bytes instead of {size:,}; delete it to download it again")
    if sha256 not in (None, checksum.sha256):
        raise EsrError(f"{path} has sha256 {checksum.sha256} instead of {sha256}; delete it to download it again")
    return checksum


def _checksum(path: Path) -> Checksum:
    return Checksum(bytes=path.stat().st_size, sha256=sha256_of(path))
