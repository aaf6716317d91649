"""One MLflow server with PostgreSQL: two clones log at once, and the server is killed and started again meanwhile."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from esr.tracking.runs import Runs
from tests.tracking.a_stage import loss
from tests.tracking.conftest import STAGE
from tests.tracking.mlflow_server import Server, free_port
from tests.tracking.mlflow_tables import Database, wait_until

ROOT = Path(__file__).resolve().parents[2]
STEPS = 300


def tool(name: str) -> str:
    """A program of PostgreSQL's, which Debian keeps out of PATH."""
    found = [shutil.which(name), *map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))]
    paths = [path for path in found if path]
    if not paths:
        pytest.skip("a shared server is not tested: apt-get install postgresql")
    return paths[-1]


@pytest.fixture
def postgres() -> Iterator[str]:
    """An empty PostgreSQL database; gives its URI. Of root the program takes no orders, so it is postgres's then."""
    pytest.importorskip("psycopg2", reason="a shared server is not tested: pip install '.[servers]'")
    initdb, program, user = tool("initdb"), tool("postgres"), "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="esr-postgres-"))  # pytest's own folder is closed to other users
    if user:
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    initialise = [initdb, "-D", str(data), "-U", "esr", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
    subprocess.run(initialise, cwd=folder, user=user, check=True, capture_output=True)
    options = ["-D", str(data), "-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([program, *options], cwd=folder, user=user, stdout=log, stderr=log)
    try:
        wait_until(lambda: "ready to accept connections" in (folder / "log").read_text(), 60)
        yield f"postgresql://esr@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


@pytest.fixture
def shared(postgres: str, tmp_path: Path) -> Iterator[Server]:
    server = Server("--backend-store-uri", postgres, "--artifacts-destination", str(tmp_path / "artifacts"))
    yield server
    server.kill()


def rows(uri: str, query: str) -> list[Any]:
    import psycopg2

    connection = psycopg2.connect(uri)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())
    finally:
        connection.close()


class Clone:
    """A folder whose stages log to the server through mirrors of their own."""

    def __init__(self, folder: Path, uri: str) -> None:
        folder.mkdir()
        self.folder = folder
        self._environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(ROOT)}
        self._environment.pop("ESR_MIRROR", None)
        Image.new("RGB", (8, 8), (200, 100, 50)).save(folder / "picture.png")

    def begin(self, **play: Any) -> "subprocess.Popen[str]":
        """Start a stage; gives it when it has told what it has to tell."""
        command = [sys.executable, str(STAGE), json.dumps(play)]
        stage = subprocess.Popen(command, cwd=self.folder, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert stage.stdout is not None and stage.stdout.readline() == "told\n"
        return stage

    def track(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "esr", "track"]
        return subprocess.Popen(command, cwd=self.folder, env=self._environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_clones_log_at_once_and_the_server_is_restarted(shared: Server, postgres: str, tmp_path: Path) -> None:
    shared.start()
    clones = [Clone(tmp_path / name, shared.uri) for name in ("one", "other")]
    long = [
        clone.begin(key="tiny-1", identity="0001", last=STEPS, wait_for="go", picture="picture.png") for clone in clones
    ]
    wait_until(lambda: rows(postgres, "SELECT count(DISTINCT run_uuid) FROM metrics") == [(2,)], 300)
    shared.kill()
    short = [clone.begin(key="tiny-2", identity="0002", last=STEPS, picture="picture.png") for clone in clones]
    for clone in clones:
        (clone.folder / "go").touch()
    assert [stage.wait(300) for stage in (*long, *short)] == [0, 0, 0, 0]  # no stage has waited for the server
    shared.start()
    for tracking in [clone.track() for clone in clones]:
        said = tracking.communicate(timeout=300)[0]
        assert tracking.returncode == 0 and said.startswith("MLflow has everything")
    runs = rows(postgres, "SELECT name, status FROM runs WHERE name LIKE '03 train%' ORDER BY name")
    assert runs == [(f"03 train tiny-{number}", "FINISHED") for number in (1, 1, 2, 2)]
    entries = rows(postgres, "SELECT count(*) FROM runs WHERE name NOT LIKE '03 train%'")
    assert entries == [(2,)]  # one for each clone
    told = rows(postgres, "SELECT run_uuid, step, value FROM metrics WHERE key = 'loss' ORDER BY run_uuid, step")
    by_run: dict[str, list[tuple[int, float]]] = {}
    for run, step, value in told:
        by_run.setdefault(run, []).append((step, value))
    assert list(by_run.values()) == [[(step, loss(step)) for step in range(STEPS)]] * 4
    pictures = list((tmp_path / "artifacts").rglob("sample*.png"))
    assert len(pictures) == 4 and len({path.parent for path in pictures}) == 4


def test_two_that_make_the_experiment_at_once_both_go_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one makes it between this one's look and its own attempt."""
    from mlflow.tracking import MlflowClient

    look = MlflowClient.get_experiment_by_name
    looks = 0

    def too_early(client: MlflowClient, name: str) -> Any:
        nonlocal looks
        looks += 1
        found = look(client, name)
        if looks == 1:
            client.create_experiment(name)
        return found

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", too_early)
    assert Runs(f"sqlite:///{database.path}").send_news() == ""
    assert database.ask("SELECT count(*) FROM experiments WHERE name = 'esr'") == [1]
