"""What one clone has pushed, another one pulls and does not make again: from a folder, from S3, from a ref of git."""

import hashlib
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from esr.common.files import read_json
from esr.common.yaml_file import read_yaml
from tests.tiny_project import ROOT, Project

NOTHING_TO_DO = re.compile(r"Nothing to be done")
STORE = "data/demo/sets/div2k/images.store"
RLFN_2 = "runs/demo/finetune/rlfn-2/weights.safetensors"
RLFN = "runs/demo/fuse/rlfn/weights.safetensors"


@dataclass(frozen=True)
class Remote:
    """Where results are pushed to.

    Attributes:
        url: as DVC takes it.
        settings: DVC's further settings of it.
        secrets: what the environment holds.
        names: of all objects that lie there.
    """

    url: str
    names: Callable[[], list[str]]
    settings: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def folder(tmp_path: Path) -> Remote:
    place = tmp_path / "remote"
    return Remote(str(place), lambda: [path.relative_to(place).as_posix() for path in place.rglob("*")])


@pytest.fixture
def bucket() -> Iterator[Remote]:
    """S3 as moto plays it, on this machine."""
    pytest.importorskip("dvc_s3", reason="S3 is not tested: pip install '.[s3,servers]'")
    server_of = pytest.importorskip("moto.server", reason="S3 is not tested: pip install '.[servers]'")
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/esr-results", method="PUT")).close()

    def names() -> list[str]:
        listed = urllib.request.urlopen(f"{url}/esr-results?list-type=2").read().decode()
        return re.findall(r"<Key>([^<]*)</Key>", listed)

    secrets = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    yield Remote("s3://esr-results/here", names, {"endpointurl": url}, secrets)
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def remote(request: pytest.FixtureRequest) -> Remote:
    found: Remote = request.getfixturevalue(request.param)
    return found


def git(folder: Path, *command: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *command], cwd=folder, check=True)


def pushed(project: Project, remote: Remote) -> None:
    """Name the remote, commit, push."""
    project.well("dvc", "remote", "add", "-d", "-q", "store", remote.url)
    for name, value in remote.settings.items():
        project.well("dvc", "remote", "modify", "store", name, value)
    git(project.folder, "add", "-A")
    git(project.folder, "commit", "-qm", "made")
    project.well("dvc", "push", "-q", **remote.secrets)


def second_clone(project: Project, folder: Path) -> Project:
    git(folder.parent, "clone", "-q", str(project.folder), str(folder))
    return Project(folder)


def assert_nothing_to_do(clone: Project, weights: dict[str, bytes]) -> None:
    assert "Every stage is up to date for both drivers." in clone.well("esr", "sync")
    assert NOTHING_TO_DO.search(clone.well("snakemake", "-n"))
    assert "up to date" in clone.well("dvc", "status")
    assert "Nothing to be done" in clone.well("esr", "run")
    assert clone.weights() == weights


@pytest.mark.slow
def test_a_second_clone_uses_what_was_pulled(working: Project, tmp_path: Path, remote: Remote) -> None:
    pushed(working, remote)
    clone = second_clone(working, tmp_path / "clone")
    clone.well("dvc", "pull", "-q", **remote.secrets)
    planned = clone.run("snakemake", "-n")
    assert planned.returncode != 0 and "type `esr sync` first" in planned.stdout + planned.stderr
    other = clone.copy(tmp_path / "by-dvc")
    assert not (clone.folder / STORE).exists()
    assert_nothing_to_do(clone, working.weights())
    assert (clone.folder / STORE).read_bytes() == (working.folder / STORE).read_bytes()  # packed anew
    reproduced = other.well("dvc", "repro")  # without sync: DVC packs the stores and trains nothing
    assert set(re.findall(r"Running stage '(\w+)@", reproduced)) == {"crop"}
    clone.edit(lambda params: params["crop"]["div2k"].update(first=5))
    planned_anew = re.findall(r"wildcards: key=(\S+)", clone.well("snakemake", "-n", "--quiet", "host"))
    assert {"div2k", "rlfn-1", "rlfn-3"} <= set(planned_anew)  # it knows with which parameters it was made


@pytest.mark.slow
def test_stores_are_not_pushed(working: Project, remote: Remote) -> None:
    pushed(working, remote)
    digests = [key[-33:].replace("/", "") for key in remote.names()]
    weights = hashlib.md5((working.folder / RLFN_2).read_bytes()).hexdigest()
    store = read_json(working.folder / ".esr/receipts/demo/crop/div2k.json")["outs"][STORE]
    assert weights in digests and store not in digests


@pytest.mark.slow
def test_a_remote_cannot_change_what_is_pulled(working: Project, tmp_path: Path, folder: Remote) -> None:
    pushed(working, folder)
    digest = hashlib.md5((working.folder / RLFN_2).read_bytes()).hexdigest()
    (kept,) = Path(folder.url).rglob(digest[2:])
    content = kept.read_bytes()
    kept.chmod(0o644)
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    clone = second_clone(working, tmp_path / "clone")
    clone.run("dvc", "pull", "-q")
    (told,) = clone.run("esr", "sync").stdout.splitlines()
    assert told.startswith("Not up to date: ") and "finetune@rlfn-2" in told
    planned = clone.run("snakemake", "-n")
    assert planned.returncode != 0 and "not made by this Snakemake: finetune@rlfn-2" in planned.stdout + planned.stderr


@pytest.mark.slow
def test_results_are_published_in_a_ref_that_no_clone_fetches_by_itself(working: Project, tmp_path: Path) -> None:
    """`make publish-results` and `make results`, which need nothing but the git host."""
    git(tmp_path, "init", "-q", "--bare", "host")
    git(working.folder, "add", "-A")
    git(working.folder, "commit", "-qm", "made")
    git(working.folder, "remote", "add", "origin", str(tmp_path / "host"))
    git(working.folder, "push", "-q", "origin", "HEAD:refs/heads/main")
    for _ in range(2):  # the second one replaces the first
        made(working, "publish-results")
    git(tmp_path, "clone", "-q", "-b", "main", f"file://{tmp_path}/host", "clone")  # as from afar: no more than asked
    clone = Project(tmp_path / "clone")
    size = sum(path.stat().st_size for path in (clone.folder / ".git").rglob("*") if path.is_file())
    assert size < sum(map(len, working.weights().values()))
    made(clone, "results")
    assert_nothing_to_do(clone, working.weights())
    log = subprocess.run(["git", "log", "--oneline", "FETCH_HEAD"], cwd=clone.folder, capture_output=True, text=True)
    assert len(log.stdout.splitlines()) == 1


@pytest.mark.slow
def test_without_that_ref_there_are_the_deploy_forms_that_came_with_the_clone(working: Project, tmp_path: Path) -> None:
    made(working, "deploy-forms", "DEPLOYED=rlfn")
    git(working.folder, "add", "-A")
    git(working.folder, "commit", "-qm", "made")
    clone = second_clone(working, tmp_path / "clone")
    told = made(clone, "results")
    assert clone.weights() == {RLFN: (working.folder / RLFN).read_bytes()}
    assert "make run trains all that led to them" in told and RLFN in told
    planned = clone.run("snakemake", "-n")
    assert planned.returncode != 0 and "`make run` makes the rest again" in planned.stdout + planned.stderr
    assert {"train@rlfn-1", "finetune@rlfn-3"} <= set(re.findall(r"\S+@[^,\s]+", clone.well("esr", "sync")))


def test_the_deploy_forms_of_this_clone_are_those_that_dvc_lock_lists() -> None:
    """`make deploy-forms` renews them. The largest, EDRN's, is left out, so that a clone stays small."""
    stages = read_yaml(ROOT / "dvc.lock")["stages"]
    fused = [stage for name, stage in stages.items() if name.startswith("fuse@")]
    listed = {out["path"]: out["md5"] for stage in fused for out in stage["outs"]}
    there = {path.parent.name + path.name: path for path in (ROOT / ".dvc/deploy").rglob("*") if path.is_file()}
    assert set(there) == {md5 for path, md5 in listed.items() if not path.startswith("runs/demo/fuse/edrn/")}
    assert all(hashlib.md5(path.read_bytes()).hexdigest() == md5 for md5, path in there.items())
    assert sum(path.stat().st_size for path in there.values()) < 10_000_000


def made(project: Project, target: str, *settings: str) -> str:
    """Run a target of the Makefile with this environment in the place of .venv; gives what it prints."""
    (project.folder / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    command = [
        "make",
        "--assume-old=.venv/installed",
        f"BIN={Path(sys.executable).parent}",
        target,
        *settings,
    ]
    done = subprocess.run(
        command, cwd=project.folder, env=project.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_dvc_gc_took_from_the_cache_is_put_there_again(working: Project) -> None:
    """At another scale DVC keeps nothing of this one; the outputs themselves stay where they are."""
    weights = working.weights()
    digest = hashlib.md5(weights[RLFN_2]).hexdigest()
    kept = working.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    assert kept.is_file()
    working.edit(lambda params: params.update(scale="pilot"))
    working.well("dvc", "gc", "--workspace", "--force", "-q")
    working.edit(lambda params: params.update(scale="demo"))
    assert not kept.exists() and working.weights() == weights
    assert "Every stage is up to date for both drivers." in working.well("esr", "sync")
    assert kept.read_bytes() == weights[RLFN_2]
