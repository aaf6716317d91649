"""One HTTP transfer that goes on where an earlier one stopped.

urllib3 does connections and redirects (a token is not handed on to another host), and notices truncated bodies. This
module decides whether the bytes on this disk and the server's are of one file, by If-Range (RFC 9110, section 13.1.5).
"""

import os
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import urllib3

from esr.common.errors import EsrError
from esr.common.files import read_json, write_json
from esr.common.progress import Progress

_CHUNK = 1 << 20
_TIMEOUT = urllib3.Timeout(connect=20, read=60)
_PATIENCE = 60.0  # seconds; a server that sends less than _SLOWEST bytes per second over them is given up
_SLOWEST = 1000
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotThereError(Exception):
    """This address does not give the file, now or later."""


class BrokenOffError(Exception):
    """The transfer stopped; another try may bring more. ``wait`` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


class TooSlowError(BrokenOffError):
    """Bytes come, but so few that the file would never be here."""


class PartialFile(NamedTuple):
    """A file on its way: the bytes so far, and a note of which bytes they are."""

    file: Path

    @property
    def note(self) -> Path:
        """Where the address and the validator (ETag or date) of the bytes are kept."""
        return self.file.with_name(f"{self.file.name}.json")

    @property
    def size(self) -> int:
        """How many bytes are here."""
        return self.file.stat().st_size if self.file.exists() else 0

    def began_at(self) -> str | None:
        """The address that the first byte came from."""
        return self.noted().get("address")

    def noted(self) -> dict[str, str]:
        """What the note says: nothing where there is none or it is damaged; the transfer then begins anew."""
        try:
            found = read_json(self.note)
        except EsrError:
            return {}
        return found if isinstance(found, dict) else {}

    def discard(self) -> None:
        """Forget the bytes."""
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def transfer(address: str, part: PartialFile, size: int | None, token: str | None, verified: bool) -> None:
    """Bring ``part`` to its full length.

    Args:
        address: http or https.
        part: where the bytes go; those that are there already are kept if they are of the same file.
        size: the file's length, if known.
        token: sent as a bearer token to the address's own host.
        verified: a checksum will tell afterwards, so bytes of another address may be continued too.

    Raises:
        BrokenOffError: try again, later or elsewhere.
        NotThereError: this address does not have the file.
        EsrError: the disk is too small.
    """
    headers = {"User-Agent": "esr", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    headers |= _resume(part, address, verified)
    try:
        response = _pool(address).request(
            "GET", address, headers=headers, preload_content=False, retries=_only_redirects(), timeout=_TIMEOUT
        )
    except urllib3.exceptions.HTTPError as error:
        raise _failure(error) from error
    except ValueError as error:
        raise NotThereError(f"is no http address ({error})") from error
    try:
        _receive(response, address, part, size)
    finally:
        response.release_conn()


def _resume(part: PartialFile, address: str, verified: bool) -> dict[str, str]:
    """The headers that ask for the rest of the file alone; the part is emptied if no rest can be asked for."""
    if not part.size:
        return {}
    note = part.noted()
    validator = note.get("validator") if note.get("address") == address else None
    if validator is None and not verified:
        part.discard()
        return {}
    headers = {"Range": f"bytes={part.size}-"}
    return headers | ({"If-Range": validator} if validator else {})


def _receive(response: urllib3.BaseHTTPResponse, address: str, part: PartialFile, size: int | None) -> None:
    start, total = _place(response, part)
    if size is not None and total not in (None, size):
        raise NotThereError(f"offers {total:,} bytes instead of {size:,}")
    if response.status == 416:  # nothing is left to ask for
        return
    if start == 0:
        part.discard()
        write_json(part.note, {"address": address, "validator": _validator(response)})
    check_space(part.file.parent, (total or 0) - start)
    try:
        with part.file.open("ab") as file, Progress(part.file.stem, total, "MB", start, 1e6) as progress:
            for chunk in _chunks(response):
                file.write(chunk)
                progress.add(len(chunk))
    except urllib3.exceptions.HTTPError as error:
        raise _failure(error) from error


def _chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The body as it comes: a server that trickles is given up, and what it sent until then is kept."""
    began, received = time.monotonic(), 0
    while chunk := response.read1(_CHUNK, decode_content=False):
        yield chunk
        received, passed = received + len(chunk), time.monotonic() - began
        if passed >= _PATIENCE:
            if received < _SLOWEST * passed:
                raise TooSlowError(f"sent {received:,} bytes in {passed:.0f} s")
            began, received = time.monotonic(), 0


def _place(response: urllib3.BaseHTTPResponse, part: PartialFile) -> tuple[int, int | None]:
    """Where the bytes of this answer begin, and how long the whole file is, if the server says so."""
    status, length = response.status, response.headers.get("Content-Length", "")
    if status == 200:
        return 0, int(length) if re.fullmatch(r"\d{1,18}", length) else None
    span = re.fullmatch(r"bytes (?:(\d{1,18})-\d+|\*)/(\d{1,18}|\*)", response.headers.get("Content-Range", ""))
    total = int(span[2]) if span and span[2] != "*" else None
    if status == 206 and span and span[1] and int(span[1]) == part.size:
        return part.size, total
    if status == 416 and total == part.size:
        return part.size, total
    if status in (206, 416):
        part.discard()
        raise BrokenOffError("answered with other bytes than those asked for")
    if status in _WORTH_ANOTHER_TRY:
        raise BrokenOffError(f"answered {status}", _asked_to_wait(response))
    if status in (401, 403):
        raise NotThereError(f"answered {status}: it wants a token, or its licence accepted first")
    raise NotThereError(f"answered {status}")


def _asked_to_wait(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds in Retry-After, which may also be a date; 0 if it is neither."""
    try:
        return urllib3.Retry().get_retry_after(response) or 0
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0


def _validator(response: urllib3.BaseHTTPResponse) -> str | None:
    """What If-Range accepts: a strong ETag, else the date of the last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _pool(address: str) -> urllib3.PoolManager:
    """Connections as the environment's http_proxy, https_proxy and no_proxy want them."""
    parts = urlsplit(address)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()


def _only_redirects() -> urllib3.Retry:
    return urllib3.Retry(total=10, connect=0, read=0, status=0, other=0, redirect=10, respect_retry_after_header=False)


def _failure(error: urllib3.exceptions.HTTPError) -> BrokenOffError | NotThereError:
    if isinstance(error, urllib3.exceptions.LocationValueError):
        return NotThereError("is no http address")
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    return BrokenOffError(" ".join(str(cause or error).split()))


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        EsrError: fewer than ``needed`` bytes are free.
    """
    stat = os.statvfs(folder)
    free = stat.f_bavail * stat.f_frsize
    if needed > free:
        raise EsrError(f"{folder} needs {needed / 1e9:.1f} GB more and has {free / 1e9:.1f} GB free; free the disk")
