"""``esr submission``: an entry as the organisers of a year take it, in a folder."""

from pathlib import Path

import torch

from esr.common.errors import EsrError
from esr.common.files import write_text
from esr.common.whole_folder import check_free, whole_folder
from esr.delivery.deployed import Deployed, load_deployed
from esr.delivery.factsheet import factsheet
from esr.delivery.organisers_layout import Layout
from esr.delivery.row_results import row_results
from esr.delivery.self_contained import self_contained
from esr.delivery.standing_alone import check_stands_alone, fitting_arguments

BRANCH = "select_model.txt"


def write_submission(entry: str, layout: Layout, out: Path, network_file: Path | None = None) -> list[str]:
    """Write the folder ``out``, after the network in it has been held against esr's, bit for bit.

    Args:
        entry: a row of ``benchmark`` at the present scale, a fused row, or a weights file.
        layout: where it goes.
        out: a folder that is not there or empty.
        network_file: the network's file, in place of the one that a weights file names.

    Returns:
        what was written, below ``out``.

    Raises:
        EsrError: there is no such entry, its results are missing or stale, its network cannot be brought into one
            file, or ``out`` holds something. Nothing is written then.
    """
    check_free(out)
    is_file = entry.endswith(".safetensors")
    if network_file and not is_file:
        raise EsrError("--network belongs to a weights file; a row says itself which network it is of")
    results = None if is_file else row_results(entry)
    deployed = load_deployed(results.weights if results else Path(entry), network_file)
    text = self_contained(deployed.file, deployed.name)
    with whole_folder(out) as folder:
        model, checkpoint = folder / layout.model_file, folder / layout.checkpoint
        write_text(model, text)
        _save(deployed, checkpoint)
        arguments = fitting_arguments(model, deployed)
        check_stands_alone(model, checkpoint, deployed, arguments)
        write_text(folder / BRANCH, layout.branch(deployed.name, arguments, deployed.info.data_range))
        write_text(folder / "run.sh", layout.script())
        sheet = factsheet(layout, deployed, text, results)
        write_text(folder / "factsheet.md", sheet.markdown())
        write_text(folder / "factsheet.tex", sheet.latex())
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _save(deployed: Deployed, checkpoint: Path) -> None:
    """The weights as plain fp32 tensors on the CPU, in the archive that torch.save writes since 1.6."""
    checkpoint.parent.mkdir(parents=True)
    state = {name: tensor.detach().clone() for name, tensor in deployed.network.state_dict().items()}
    torch.save(state, checkpoint)
