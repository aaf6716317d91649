"""The factsheet that organisers ask for: method, training, complexity, results and environment, as they ran."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from esr.audit.whereabouts import journal_of
from esr.challenge.formulas import FORMULAS
from esr.delivery.deployed import Deployed
from esr.delivery.organisers_layout import Layout
from esr.delivery.phases_ran import GUESSED, phases_table
from esr.delivery.row_results import RowResults
from esr.delivery.self_contained import packages_of
from esr.delivery.sheet import Bullets, Cells, Section, Sheet
from esr.evaluation.complexity import Complexity, measure_complexity
from esr.evaluation.metrics import Metrics, RunTime
from esr.stages.receipts import read_receipt
from esr.tracking.journal import events_in

STAND_IN = (
    "STAND-IN DATA: other photographs stand in for the sets that are named here. No PSNR on this page may be held "
    "against a published one, and this page is no submission."
)
SHORTENED = (
    "SHORTENED TRAINING: this ran at scale {scale}, with the lengths, patches and batches below, which are not those "
    "of the recipe."
)
UNKNOWN = "This was made of a weights file ({origin}): {what} is not known to esr. To be filled in by you."
NO_METHOD = ("Args:", "Raises:", "Attributes:")  # sections of a docstring
TO_FILL = "To be filled in by you: {what}."


def factsheet(layout: Layout, deployed: Deployed, text: str, results: RowResults | None) -> Sheet:
    """The factsheet of a submission.

    Args:
        layout: of the year, with the team and the entry's name.
        deployed: the network.
        text: of the file that is submitted.
        results: what ran for it; None where there is but a weights file.
    """
    return Sheet(
        title=f"{layout.name}: factsheet of team {layout.team:02}, NTIRE {layout.year} Efficient Super-Resolution (x4)",
        warnings=list(_warnings(results)),
        sections=[
            Section("Team", [TO_FILL.format(what="the team's name, members, affiliations and address")]),
            Section("Method", list(_method(layout, deployed, text))),
            Section("Training", list(_training(deployed, results))),
            Section("Complexity", list(_complexity(layout, deployed, results))),
            Section("PSNR", list(_psnr(layout, deployed, results))),
            Section("Run time", list(_run_time(deployed, results))),
            Section("Environment", list(_environment(layout, packages_of(text), results))),
        ],
    )


def _warnings(results: RowResults | None) -> Iterator[str]:
    if results is None:
        return
    if results.metrics.stand_in or results.params.rule.data.stand_in:
        yield STAND_IN
    if any(_shortened(results)):
        yield SHORTENED.format(scale=results.params.scale)


def _shortened(results: RowResults) -> Iterator[bool]:
    for stage in results.phases:
        runs = stage.schedule
        yield (runs.iterations, runs.patch, runs.batch) != (stage.paper_iterations, stage.row.patch, stage.row.batch)


def _method(layout: Layout, deployed: Deployed, text: str) -> Iterator[str]:
    owner = next(each for each in ast.parse(text).body if getattr(each, "name", None) == deployed.name)
    about = (ast.get_docstring(owner) or "").split("\n\n")[:2] if isinstance(owner, ast.ClassDef) else []
    yield from (" ".join(each.split()).replace("``", "") for each in about if not each.startswith(NO_METHOD))
    arguments = ", ".join(f"{name} {value}" for name, value in deployed.info.arguments.items())
    form = f"with {arguments}" if arguments else "with its default arguments"
    yield (
        f"Submitted is the class {deployed.name} of {layout.model_file}, {form}, in the form that is run. "
        f"Its input and output are in [0, {deployed.info.data_range:g}], and an image is passed whole."
    )


def _training(deployed: Deployed, results: RowResults | None) -> Iterator[str | Bullets | Cells]:
    if results is None:
        yield UNKNOWN.format(origin=deployed.info.origin, what="its training")
        return
    if results.imports:
        yield f"Of released checkpoints, which were not trained here: {', '.join(results.imports)}."
    if not results.phases:
        yield "Nothing was trained here."
        return
    yield phases_table(results)
    yield from _sets(results)
    guesses = list(dict.fromkeys(_guesses(results)))
    if guesses:
        yield f"{GUESSED} marks what no factsheet of the entry says, and was chosen:"
        yield Bullets(guesses)


def _sets(results: RowResults) -> Iterator[str]:
    if results.params.rule.data.stand_in:
        yield "Every set held stand-in photographs."
    own = {stage.row.validation for stage in results.phases}
    yield f"Watched while training, and not trained on: {', '.join(sorted(own))}."


def _guesses(results: RowResults) -> Iterator[str]:
    rows: dict[tuple[str, str], list[str]] = {}
    for guess in results.guesses:
        what = guess.key or "the whole row"
        rows.setdefault((what, guess.reason), []).append(guess.row)
    phases = [f"{stage.node.kind}/{stage.node.key}" for stage in results.phases]
    for (what, reason), found in rows.items():
        place = _places(found, phases)
        yield f"{what} of {place}: {reason}" if reason else f"{what} of {place}"
    yield from results.entry.guesses.values()


def _places(found: Sequence[str], phases: Sequence[str]) -> str:
    """Rows in few words."""
    others = [phase for phase in phases if phase not in found]
    if len(others) >= len(found) or not set(found) <= set(phases):
        return ", ".join(found)
    return f"every phase but {', '.join(others)}" if others else "every phase"


def _complexity(layout: Layout, deployed: Deployed, results: RowResults | None) -> Iterator[str | Cells]:
    counted: Complexity | Metrics = results.metrics if results else measure_complexity(deployed.network)
    printed = FORMULAS[layout.year]
    memory = [f"{results.metrics.memory_mb:.2f}", "-"] if results and results.metrics.memory_mb is not None else None
    rows = [
        ["parameters (M)", f"{counted.parameters / 1e6:.3f}", f"{printed.printed.parameters:.3f}"],
        ["FLOPs at 256 x 256 (G), as counted since 2024", f"{counted.flops / 1e9:.2f}", f"{printed.printed.flops:.2f}"],
        ["FLOPs by 2023's counter (G)", f"{counted.flops_2023 / 1e9:.2f}", "-"],
        ["activations (M)", f"{counted.activations / 1e6:.2f}", "-"],
        ["convolutions", f"{counted.convs}", "-"],
        *([["memory (MiB)", *memory]] if memory else []),
    ]
    yield Cells(["", layout.name, f"{printed.baseline}, as {layout.year} prints it"], rows)
    yield "A FLOP is a multiply-accumulate."


def _psnr(layout: Layout, deployed: Deployed, results: RowResults | None) -> Iterator[str | Cells]:
    asked = FORMULAS[layout.year]
    yield (
        f"{layout.year} asks for {asked.asked_valid:.2f} dB on DIV2K_LSDIR_valid and {asked.asked_test:.2f} dB on "
        "DIV2K_LSDIR_test."
    )
    if results is None:
        yield UNKNOWN.format(origin=deployed.info.origin, what="its PSNR")
        return
    rows = [
        [
            f"{each.name}, STAND-IN PHOTOGRAPHS" if each.stand_in else each.name,
            f"{len(each.images)}",
            f"{each.mean.psnr:.3f}",
            f"{each.mean.ssim:.4f}",
            f"{each.mean.bicubic:.3f}",
        ]
        for each in results.metrics.sets
        if each.mean
    ]
    yield Cells(["set", "images", "PSNR (dB)", "SSIM", "bicubic's PSNR (dB)"], rows)
    yield "By the challenge's rule: RGB, rounded to uint8, 4 px cut from every side, the mean over the images."
    lacking = [each.name for each in results.metrics.sets if not each.mean]
    if lacking:
        yield f"Not measured, as there were no images: {', '.join(lacking)}."


def _run_time(deployed: Deployed, results: RowResults | None) -> Iterator[str | Cells]:
    if results is None:
        yield UNKNOWN.format(origin=deployed.info.origin, what="its run time")
        return
    metrics = results.metrics
    times: list[RunTime] = [metrics, *metrics.more_sizes]
    baseline = results.row.baseline.rsplit("/", 1)[-1].removesuffix(".py")
    rows = [
        [
            f"{each.input_height} x {each.input_width}",
            f"{each.time_ms:.2f}",
            f"{each.baseline_ms:.2f}",
            f"{each.ratio_to_baseline:.3f}",
            f"{each.ratio_to_baseline_low:.3f} to {each.ratio_to_baseline_high:.3f}",
        ]
        for each in times
    ]
    yield Cells(["LR image", "median (ms)", f"{baseline}'s (ms)", f"over {baseline}'s", "95 % interval"], rows)
    yield (
        f"On {_device(metrics)}; one image, fp32, in turns with the baseline after a warm-up. "
        "The organisers time on a machine of their own, once per image and as a mean."
    )
    yield from (f"Do not believe these times: {each.doubt}" for each in times if each.doubt)


def _device(metrics: Metrics) -> str:
    processor = metrics.conditions.get("processor") or "a CPU"
    return f"{processor}, {metrics.threads} threads" if metrics.device == "CPU" else metrics.device


def _environment(
    layout: Layout, packages: Sequence[str], results: RowResults | None
) -> Iterator[str | Bullets | Cells]:
    needs = ", ".join(["Python 3.9 or newer", "PyTorch 1.13 or newer", *packages])
    yield f"{layout.model_file} needs {needs}. It has no operators of its own."
    yield f"The command, in a clone of {layout.repository}: {layout.command()}"
    if results is None:
        return
    conditions = results.metrics.conditions
    versions: Mapping[str, str] = conditions.get("versions", {})
    told = [f"{name} {version}" for name, version in versions.items()]
    yield f"Measured with {', '.join(told)} on {_device(results.metrics)} ({conditions.get('cores')} cores)."
    trained = list(dict.fromkeys(_trained_on(results)))
    yield (
        Bullets([f"Trained on {each}" for each in trained]) if trained else "Where it was trained is recorded no more."
    )


def _trained_on(results: RowResults) -> Iterator[str]:
    """Device and PyTorch of every start of a training, as far as journals are left."""
    for stage in results.phases:
        receipt = read_receipt(stage.node)
        journal = journal_of(stage.node, receipt) if receipt else None
        for tags in (event.head["tags"] for event in events_in(journal) if event.head) if journal else ():
            yield f"{tags.get('device', 'an unknown device')}, torch {tags.get('torch', '?')}"
