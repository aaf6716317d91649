"""Slurm itself on this machine: one controller and two nodes of two GPUs that are names only. Installs nothing.

``python -m tests.slurm.two_nodes FOLDER`` starts it and prints what to export; Ctrl-C ends it.
"""

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("setpriv", "munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel", "sinfo")
NODES = ("one", "two")
PATIENCE = 60.0  # seconds for a daemon to start or end
SBIN = "/usr/sbin"

SLURM_CONF = """\
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldParameters=enable_configless
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
KillWait=30
MinJobAge=3600
{nodes}
PartitionName=work Nodes=ALL Default=YES MaxTime=7-0 State=UP OverSubscribe=NO
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=16000 Gres=gpu:2"
GRES_CONF = "NodeName=one,two Name=gpu File=/dev/null\nNodeName=one,two Name=gpu File=/dev/zero\n"

OWN_PROFILE = """\
default-resources:
  slurm_partition: work
slurm-status-command: squeue
slurm-init-seconds-before-status-checks: 5
"""


def missing() -> list[str]:
    """The programs of Slurm and MUNGE that are not installed here."""
    return [name for name in PROGRAMS if _program(name) is None]


@dataclass(frozen=True)
class Cluster:
    """A Slurm that runs; its commands are used as a user would."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes Slurm's commands speak with this cluster."""
        return {"SLURM_CONF": str(_conf(self.folder)), "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def ask(self, *command: str) -> str:
        """Run one of Slurm's commands; gives what it prints."""
        environment = {**os.environ, **self.environment}
        asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE)
        return asked.stdout

    def jobs(self) -> list[tuple[str, str, str, str]]:
        """Number, state, node and comment (``rule_train_wildcards_rlfn-1``) of each job that waits or runs."""
        lines = self.ask("squeue", "--noheader", "--format=%i|%T|%N|%k").splitlines()
        return [(job, state, node, comment) for job, state, node, comment in (line.split("|") for line in lines)]

    def comments(self) -> list[str]:
        """Of all jobs that there were."""
        return re.findall(r" Comment=(\S+)", self.ask("scontrol", "show", "jobs", "--oneliner"))

    def about(self, job: str) -> dict[str, str]:
        """What Slurm knows of a job, also shortly after its end."""
        words = self.ask("scontrol", "show", "job", "--oneliner", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)


def own_profile(config: Path) -> str:
    """Write what a user of the cluster, which has one partition and no accounting, has in ``XDG_CONFIG_HOME``.

    Args:
        config: that folder.

    Returns:
        The name by which Snakemake finds it.
    """
    name = "here"
    (config / "snakemake" / name).mkdir(parents=True)
    (config / "snakemake" / name / "config.yaml").write_text(OWN_PROFILE)
    return name


@contextmanager
def two_nodes(folder: Path) -> Iterator[Cluster]:
    """Start the cluster with its state in ``folder``, which must not be long: sockets lie in it; end it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = _free_ports(1 + len(NODES))
    _write_files(folder, ports)
    cluster = Cluster(folder)
    environment = {**os.environ, **cluster.environment}
    with ExitStack() as running:
        munge = [f"--key-file={folder / 'munge.key'}", f"--socket={folder / 'munge.socket'}"]
        munge += [f"--{name}-file={folder / f'munged.{name}'}" for name in ("pid", "seed", "log")]
        running.enter_context(_daemon(["munged", "--foreground", "--force", *munge], folder, environment))
        _wait("munged", (folder / "munge.socket").exists)
        running.enter_context(_daemon(["slurmctld", "-D", "-c"], folder, environment))
        for name in NODES:
            running.enter_context(_daemon(["slurmd", "-D", "-N", name], folder, environment))
        _wait("slurmd", lambda: _idle(cluster) == len(NODES))
        try:
            yield cluster
        finally:
            _end_jobs(cluster)


def _write_files(folder: Path, ports: list[int]) -> None:
    host = socket.gethostname().split(".")[0]
    cpus = os.cpu_count() or 1
    places = zip(NODES, ports[1:], strict=True)
    nodes = [NODE.format(name=name, host=host, port=port, cpus=cpus) for name, port in places]
    text = SLURM_CONF.format(
        host=host, controller=ports[0], user=getpass.getuser(), folder=folder, nodes="\n".join(nodes)
    )
    _conf(folder).write_text(text)
    (folder / "gres.conf").write_text(GRES_CONF)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    for name in ("bin", "state", *(f"spool-{node}" for node in NODES)):
        (folder / name).mkdir(exist_ok=True)
    # Snakemake's plugin takes SLURM_CONF away from a job's srun: elsewhere Slurm's configuration lies in /etc.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={_conf(folder)} exec {_program("srun")} "$@"\n')
    srun.chmod(0o755)


@contextmanager
def _daemon(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a daemon in the foreground during the block."""
    program = _program(command[0])
    assert program is not None
    with (folder / f"{command[0]}-{command[-1].strip('-')[:3]}.out").open("w") as out:
        whole = ["setpriv", "--pdeathsig", "TERM", program, *command[1:]]  # it ends also where its starter is killed
        process = subprocess.Popen(whole, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_jobs(cluster: Cluster) -> None:
    cluster.ask("scancel", "--user", getpass.getuser())
    _wait("scancel", lambda: cluster.jobs() == [])


def _idle(cluster: Cluster) -> int:
    try:
        return cluster.ask("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N").count("\n")
    except subprocess.CalledProcessError:
        return 0


def _wait(what: str, done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} does not do what it should; its log lies in the cluster's folder")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _conf(folder: Path) -> Path:
    return folder / "slurm.conf"


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=SBIN)


def main() -> None:
    """Start the cluster in the folder that is named, and keep it until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with two_nodes(Path(sys.argv[1]).resolve()) as cluster:
        print("".join(f"export {name}={value}\n" for name, value in cluster.environment.items()), end="", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("ending the cluster", file=sys.stderr)


if __name__ == "__main__":
    main()
