"""How the drivers' answers take longer as params.yaml grows to a thousand stages.

``python benchmarks/graph_size.py`` grows copies of the project, asks ``snakemake -n`` and ``dvc status`` in each,
first with nothing run, then with every stage's outputs in place (small made files, recorded by both drivers), and
writes a record.
"""

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from records import write_record

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from esr.recipes.graph import read_graph  # noqa: E402
from tests.drivers.grown import grow, stages  # noqa: E402

SIZES = (1, 125, 250, 500, 1000)  # stages at least
NEEDED = ("params.yaml", "dvc.yaml", "Snakefile", ".dvcignore", ".gitignore", "esr", "workflow", ".dvc")


def main() -> None:
    results = []
    for size in SIZES:
        with TemporaryDirectory() as folder:
            results.append(measure(Path(folder), size))
            print(results[-1], flush=True)
    write_record(
        "graph-size",
        "Seconds of CPU and of waiting for `snakemake -n` and `dvc status` on copies of the project with more and more "
        "stages: before anything has run, and when all is up to date (made files in the place of outputs). Waiting "
        "depends on what else runs on the machine; CPU is the figure to compare.",
        results,
    )


def measure(folder: Path, size: int) -> dict[str, object]:
    """A copy of the project with so many stages: what both drivers take to answer."""
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        if (ROOT / name).exists():
            copy(ROOT / name, folder / name)
    shutil.rmtree(folder / ".dvc" / "cache", ignore_errors=True)
    shutil.rmtree(folder / ".dvc" / "tmp", ignore_errors=True)
    params = grow(yaml.safe_load((folder / "params.yaml").read_text()), size)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    before = {"snakemake -n": asked(folder, "snakemake", "-n"), "dvc status": asked(folder, "dvc", "status", "-q")}
    pretend_all_ran(folder)
    after = {"snakemake -n": asked(folder, "snakemake", "-n"), "dvc status": asked(folder, "dvc", "status", "-q")}
    return {"stages": stages(params), "nothing run": before, "all up to date": after}


def pretend_all_ran(folder: Path) -> None:
    """Make every output, and let both drivers record it."""
    os.chdir(folder)
    for path in read_graph().producers:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(path)
    os.chdir(ROOT)
    asked(folder, "dvc", "commit", "-f", "-q")
    asked(folder, "snakemake", "--touch", "--cores", "1", "--quiet", "all", ESR_SYNCING="1")


def asked(folder: Path, *command: str, **environment: str) -> dict[str, float]:
    """Seconds of CPU and of waiting for a command."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        check=False,
    )
    waited, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu, 2), "wall_s": round(waited, 2)}


if __name__ == "__main__":
    main()
