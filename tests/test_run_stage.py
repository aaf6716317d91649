"""What the runner puts around a stage: its thread count, and what its journal says of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from esr.stages.provenance import head_of
from tests.laid_project import GRAPH
from tests.tiny_project import ROOT

THREADS_OF_A_STAGE = """
import sys
from esr.common.errors import EsrError
from esr.stages import running
assert "torch" not in sys.modules and "numpy" not in sys.modules  # their pools are as large as they are told once
def tell(*_):
    import torch
    raise EsrError(f"threads: {torch.get_num_threads()}")
running._inputs = tell
try:
    running.run_stage("train", "rlfn-1")
except EsrError as told:
    print(told)
"""


def test_a_stage_computes_with_the_threads_that_params_yaml_names(tmp_path: Path) -> None:
    """One, whatever the shell or the driver says and however many cores there are: the last bits depend on it."""
    (tmp_path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "esr").symlink_to(ROOT / "esr")
    others = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")
    environment = {**os.environ, **others, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", THREADS_OF_A_STAGE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "threads: 1\n", done.stderr


@pytest.mark.parametrize(
    ("kind", "key", "exclusive"),
    [
        ("benchmark", "rlfn", True),
        ("train", "rlfn-1", False),
        ("prune", "slimrlfn-pruned", False),
        ("report", "", False),
    ],
)
def test_a_journal_says_whether_its_stage_wants_the_machine_to_itself(kind: str, key: str, exclusive: bool) -> None:
    """The mirror sends nothing while one does that measures time."""
    assert head_of(GRAPH, GRAPH.find(kind, key), {})["exclusive"] is exclusive
