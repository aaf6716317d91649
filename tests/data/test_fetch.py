"""An archive arrives whole and verified, whatever the server does; or one line says why not."""

import hashlib
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from esr.common.errors import EsrError
from esr.recipes.rows import Archive
from esr.sources import transfer
from esr.sources.checksums import Checksum
from esr.sources.fetch import fetch
from tests.data.file_server import FileServer

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = np.random.default_rng(1).bytes(300_000)


@pytest.fixture
def served(server: FileServer) -> FileServer:
    server.files["/set.zip"] = CONTENT
    return server


@pytest.fixture
def waits() -> list[float]:
    return []


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_download_is_verified_and_leaves_nothing_but_the_file(served: FileServer, tmp_path: Path) -> None:
    checksum = fetch(Archive(url=served.url("/set.zip"), sha256=SHA256, bytes=len(CONTENT)), tmp_path)
    assert checksum == Checksum(bytes=len(CONTENT), sha256=SHA256)
    assert files_in(tmp_path) == ["set.zip"]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_a_connection_that_is_cut_goes_on_where_it_stopped(
    served: FileServer, tmp_path: Path, waits: list[float], sha256: str | None
) -> None:
    served.faults["/set.zip"] = [("cuts", 100_000), ("cuts", 50_000)]
    fetch(Archive(url=served.url("/set.zip"), sha256=sha256), tmp_path, wait=waits.append)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert served.ranges() == ["", "bytes=100000-", "bytes=150000-"]
    assert served.sent == len(CONTENT)
    assert waits == []  # bytes keep coming: no reason to wait


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(
    served: FileServer, tmp_path: Path, waits: list[float]
) -> None:
    archive = Archive(url=served.url("/set.zip"))
    served.faults["/set.zip"] = [("cuts", 200_000)] + [("status", (500, {}))] * 5
    with pytest.raises(EsrError, match="answered 500"):
        fetch(archive, tmp_path, wait=waits.append)
    assert not (tmp_path / "set.zip").exists()
    served.requests.clear()
    fetch(archive, tmp_path)
    assert served.ranges() == ["bytes=200000-"]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_run_that_ended_between_the_last_byte_and_the_rename_fetches_nothing_again(
    served: FileServer, tmp_path: Path, waits: list[float]
) -> None:
    archive = Archive(url=served.url("/set.zip"))
    fetch(archive, tmp_path)
    (tmp_path / "set.zip").rename(tmp_path / "set.zip.part")
    served.sent = 0
    fetch(archive.model_copy(update={"sha256": SHA256}), tmp_path)
    assert served.sent == 0
    assert files_in(tmp_path) == ["set.zip"]


def test_a_file_that_was_replaced_meanwhile_is_fetched_from_its_beginning(
    served: FileServer, tmp_path: Path, waits: list[float]
) -> None:
    archive = Archive(url=served.url("/set.zip"))
    served.faults["/set.zip"] = [("cuts", 200_000)] + [("status", (500, {}))] * 5
    with pytest.raises(EsrError):
        fetch(archive, tmp_path, wait=waits.append)
    served.files["/set.zip"] = OTHER
    fetch(archive, tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == OTHER


def test_a_server_that_ignores_ranges_sends_everything_again(served: FileServer, tmp_path: Path) -> None:
    served.faults["/set.zip"] = [("cuts", 100_000), ("ignores range", None)]
    fetch(Archive(url=served.url("/set.zip"), sha256=SHA256), tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_without_checksum_and_etag_nothing_is_continued(served: FileServer, tmp_path: Path) -> None:
    served.etags = False
    served.faults["/set.zip"] = [("cuts", 100_000)]
    fetch(Archive(url=served.url("/set.zip")), tmp_path)
    assert served.ranges() == ["", ""]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_with_a_checksum_a_mirror_continues_what_another_address_began(
    served: FileServer, tmp_path: Path, waits: list[float]
) -> None:
    served.files["/mirror/set.zip"] = CONTENT
    served.faults["/set.zip"] = [("cuts", 100_000), ("status", (503, {}))]
    archive = Archive(url=served.url("/set.zip"), mirrors=[served.url("/mirror/set.zip")], sha256=SHA256)
    fetch(archive, tmp_path, wait=waits.append)
    assert served.requests[-1][0] == "/mirror/set.zip"
    assert served.ranges()[-1] == "bytes=100000-"
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert waits == []  # the mirror is asked before anybody waits


def test_wrong_bytes_are_thrown_away_and_a_mirror_is_asked(served: FileServer, tmp_path: Path) -> None:
    served.files["/set.zip"] = OTHER
    served.files["/mirror/set.zip"] = CONTENT
    archive = Archive(url=served.url("/set.zip"), mirrors=[served.url("/mirror/set.zip")], sha256=SHA256)
    fetch(archive, tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_wrong_bytes_everywhere_leave_nothing_and_name_both_checksums(served: FileServer, tmp_path: Path) -> None:
    served.faults["/set.zip"] = [("wrong bytes", None)]
    with pytest.raises(EsrError, match=f"instead of {SHA256}"):
        fetch(Archive(url=served.url("/set.zip"), sha256=SHA256), tmp_path)
    assert files_in(tmp_path) == []


def test_a_wrong_tail_on_a_good_beginning_is_fetched_again(
    served: FileServer, tmp_path: Path, waits: list[float]
) -> None:
    served.files["/mirror/set.zip"] = OTHER
    served.faults["/set.zip"] = [("cuts", 100_000), ("status", (503, {}))]
    archive = Archive(url=served.url("/set.zip"), mirrors=[served.url("/mirror/set.zip")], sha256=SHA256)
    fetch(archive, tmp_path, wait=waits.append)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_recorded_checksum_is_held_against_later_downloads(served: FileServer, tmp_path: Path) -> None:
    served.files["/set.zip"] = OTHER
    with pytest.raises(EsrError, match=f"instead of {SHA256}"):
        fetch(Archive(url=served.url("/set.zip")), tmp_path, Checksum(bytes=len(CONTENT), sha256=SHA256))


def test_a_wrong_size_is_seen_before_the_download(served: FileServer, tmp_path: Path) -> None:
    with pytest.raises(EsrError, match="offers 300,000 bytes instead of 12,345"):
        fetch(Archive(url=served.url("/set.zip"), bytes=12_345), tmp_path)
    assert not (tmp_path / "set.zip").exists()
    assert not (tmp_path / "set.zip.part").exists()


def test_not_found_is_not_tried_again_and_names_the_address(
    server: FileServer, tmp_path: Path, waits: list[float]
) -> None:
    with pytest.raises(EsrError, match=r"set\.zip could not be downloaded: http://127.*/set\.zip answered 404"):
        fetch(Archive(url=server.url("/set.zip")), tmp_path, wait=waits.append)
    assert len(server.requests) == 1
    assert waits == []


def test_not_found_goes_to_the_mirror(served: FileServer, tmp_path: Path) -> None:
    archive = Archive(url=served.url("/gone/set.zip"), mirrors=[served.url("/set.zip")])
    fetch(archive, tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_too_many_requests_waits_as_long_as_the_server_asks(
    served: FileServer, tmp_path: Path, waits: list[float]
) -> None:
    served.faults["/set.zip"] = [("status", (429, {"Retry-After": "7"}))]
    fetch(Archive(url=served.url("/set.zip")), tmp_path, wait=waits.append)
    assert waits == [7]


def test_unavailable_is_waited_for_longer_and_longer_then_given_up(
    served: FileServer, tmp_path: Path, waits: list[float]
) -> None:
    served.faults["/set.zip"] = [("status", (503, {}))] * 100
    with pytest.raises(EsrError, match="answered 503"):
        fetch(Archive(url=served.url("/set.zip")), tmp_path, wait=waits.append)
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    assert len(served.requests) == 5


def test_who_asks_for_an_hour_is_not_waited_for(served: FileServer, tmp_path: Path, waits: list[float]) -> None:
    served.faults["/set.zip"] = [("status", (503, {"Retry-After": "3600"}))]
    with pytest.raises(EsrError, match="answered 503"):
        fetch(Archive(url=served.url("/set.zip")), tmp_path, wait=waits.append)
    assert waits == []


def test_redirects_are_followed_and_the_token_stays_with_its_host(
    served: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESR_TOKEN_MINE", "secret")
    served.faults["/licensed.zip"] = [("redirect", served.url("/set.zip", host="localhost"))]
    fetch(Archive(url=served.url("/licensed.zip"), token="ESR_TOKEN_MINE", sha256=SHA256), tmp_path)
    assert (tmp_path / "licensed.zip").read_bytes() == CONTENT
    first, second = (headers for _, headers in served.requests)
    assert first["authorization"] == "Bearer secret"
    assert "authorization" not in second


def test_a_token_that_is_not_set_is_named(served: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESR_TOKEN_MINE", raising=False)
    with pytest.raises(EsrError, match="ESR_TOKEN_MINE"):
        fetch(Archive(url=served.url("/set.zip"), token="ESR_TOKEN_MINE"), tmp_path)
    assert served.requests == []


def test_forbidden_speaks_of_the_licence(served: FileServer, tmp_path: Path) -> None:
    served.faults["/set.zip"] = [("status", (403, {}))]
    with pytest.raises(EsrError, match="licence"):
        fetch(Archive(url=served.url("/set.zip")), tmp_path)


def test_a_refused_connection_is_one_line(tmp_path: Path, waits: list[float]) -> None:
    with pytest.raises(EsrError, match=r"http://127\.0\.0\.1:9/set\.zip"):
        fetch(Archive(url="http://127.0.0.1:9/set.zip"), tmp_path, wait=waits.append)


def test_an_address_that_is_none_is_one_line(tmp_path: Path, waits: list[float]) -> None:
    with pytest.raises(EsrError, match=r"set\.zip could not be downloaded"):
        fetch(Archive(url="gopher://nowhere/set.zip"), tmp_path, wait=waits.append)


def test_an_archive_at_hand_is_used(served: FileServer, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(CONTENT)
    assert fetch(Archive(url=served.url("/set.zip"), sha256=SHA256), tmp_path).sha256 == SHA256
    assert served.requests == []


@pytest.mark.parametrize("archive", [{"sha256": SHA256}, {"bytes": 12_345}])
def test_a_wrong_archive_at_hand_is_named_and_left_alone(
    served: FileServer, tmp_path: Path, archive: dict[str, Any]
) -> None:
    (tmp_path / "set.zip").write_bytes(OTHER)
    with pytest.raises(EsrError, match=r"set\.zip has .* instead of .*delete it"):
        fetch(Archive(url=served.url("/set.zip"), **archive), tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == OTHER


def test_offline_nothing_is_asked_for(served: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESR_OFFLINE", "1")
    with pytest.raises(EsrError, match=r"set\.zip is missing and ESR_OFFLINE is set"):
        fetch(Archive(url=served.url("/set.zip")), tmp_path)
    assert served.requests == []


def test_a_proxy_is_used_except_for_the_hosts_that_need_none(
    served: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", served.url(""))
    fetch(Archive(url="http://data.invalid/set.zip", sha256=SHA256), tmp_path / "far")
    assert served.requests[0][0] == "http://data.invalid/set.zip"  # a proxy is told the whole address
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    fetch(Archive(url=served.url("/set.zip"), sha256=SHA256), tmp_path / "near")
    assert served.requests[1][0] == "/set.zip"


def test_a_disk_that_is_too_small_is_seen_before_the_download(served: FileServer, tmp_path: Path) -> None:
    served.faults["/set.zip"] = [("promise", 10**17)]
    with pytest.raises(EsrError, match=r"needs 100000000\.0 GB more and has .* GB free"):
        fetch(Archive(url=served.url("/set.zip")), tmp_path)


def test_a_disk_that_fills_up_is_one_line_and_the_next_run_goes_on(served: FileServer, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # the kernel refuses to let any file grow beyond
    try:
        with pytest.raises(EsrError, match=r"cannot write .*set\.zip: .*free the disk"):
            fetch(Archive(url=served.url("/set.zip"), sha256=SHA256), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "set.zip").exists()
    fetch(Archive(url=served.url("/set.zip"), sha256=SHA256), tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_folder_that_cannot_be_made_is_one_line(served: FileServer, tmp_path: Path) -> None:
    (tmp_path / "archives").write_text("a file")
    with pytest.raises(EsrError, match="cannot write"):
        fetch(Archive(url=served.url("/set.zip")), tmp_path / "archives")


# Servers that hang, trickle or talk nonsense


def test_a_server_that_accepts_and_says_nothing_is_given_up(
    served: FileServer, tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_TIMEOUT", urllib3.Timeout(connect=5, read=0.1))
    served.faults["/set.zip"] = [("silent", None)] * 9
    with pytest.raises(EsrError, match=r"set\.zip could not be downloaded: .*timed out.*; try again later"):
        fetch(Archive(url=served.url("/set.zip")), tmp_path, wait=waits.append)
    assert len(served.requests) == 5


def test_a_server_that_trickles_is_given_up_and_its_bytes_are_kept(
    served: FileServer, tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_PATIENCE", 0.2)
    monkeypatch.setattr(transfer, "_SLOWEST", 100_000)
    served.faults["/set.zip"] = [("trickles", None)] * 5
    served.etags = False  # the rest is asked for without conditions
    archive = Archive(url=served.url("/set.zip"), sha256=SHA256)
    with pytest.raises(EsrError, match=r"could not be downloaded: .* sent [\d,]+ bytes in 0 s; try again later"):
        fetch(archive, tmp_path, wait=waits.append)
    assert len(served.requests) == 5
    kept = (tmp_path / "set.zip.part").read_bytes()
    assert len(kept) > 1000
    assert CONTENT.startswith(kept)
    fetch(archive, tmp_path)
    assert served.ranges()[-1] == f"bytes={len(kept)}-"


@pytest.mark.parametrize(
    "headers",
    [{"Content-Length": text} for text in ("many", "-5", "1, 2", "9" * 5000, "")]
    + [{"Content-Range": "bytes 0-0/" + "9" * 5000}, {"ETag": "\xff", "Content-Length": "1"}],
    ids=lambda headers: next(f"{name}={value[:6]}" for name, value in headers.items()),
)
def test_headers_that_make_no_sense_end_in_a_line_or_in_the_file(
    server: FileServer, tmp_path: Path, waits: list[float], headers: dict[str, str]
) -> None:
    server.faults["/set.zip"] = [("header", headers)] * 9
    archive = Archive(url=server.url("/set.zip"), sha256=SHA256)
    with pytest.raises(EsrError, match=r"set\.zip could not be downloaded") as refusal:
        fetch(archive, tmp_path, wait=waits.append)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("wait", ["9" * 5000, "-1", "soon", "Fri, 31 Dec 9999999 23:59:59 GMT"])
def test_a_nonsensical_time_to_wait_is_one_line(
    server: FileServer, tmp_path: Path, waits: list[float], wait: str
) -> None:
    server.faults["/set.zip"] = [("status", (503, {"Retry-After": wait}))] * 9
    with pytest.raises(EsrError, match="answered 503"):
        fetch(Archive(url=server.url("/set.zip")), tmp_path, wait=waits.append)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1/x.zip",
        "http://h:99999/x.zip",
        "http://h:port/x.zip",
        "http://.h./x.zip",
        f"http://{'h' * 300}/x.zip",
        "x.zip",
        "file:///etc/x.zip",
        "http:///x.zip",
        "http://h/..",
        "http://h/%2e%2e",
        "http://h/a%00b",
        "http://h/",
    ],
)
def test_addresses_that_are_none_are_one_line(tmp_path: Path, waits: list[float], url: str) -> None:
    with pytest.raises(EsrError) as refusal:
        fetch(Archive(url=url), tmp_path, wait=waits.append)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("mirror", ["http://[::1/x.zip", "http://h:99999/x.zip"])
def test_a_mirror_that_is_no_address_does_not_stop_the_others(
    served: FileServer, tmp_path: Path, mirror: str, waits: list[float]
) -> None:
    archive = Archive(url=served.url("/gone.zip"), mirrors=[mirror, served.url("/set.zip")])
    assert fetch(archive, tmp_path, wait=waits.append).sha256 == SHA256


@pytest.mark.parametrize("note", ["[]", "{", "7", '{"address": 7, "validator": []}'])
def test_a_damaged_note_of_a_download_costs_no_more_than_its_bytes(
    served: FileServer, tmp_path: Path, waits: list[float], note: str
) -> None:
    (tmp_path / "set.zip.part").write_bytes(OTHER[:1000])
    (tmp_path / "set.zip.part.json").write_text(note)
    fetch(Archive(url=served.url("/set.zip"), sha256=SHA256), tmp_path, wait=waits.append)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
