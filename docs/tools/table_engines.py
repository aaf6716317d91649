"""docs/quality.md on the speed of `esr upscale`, from the record of benchmarks/upscale_engines.py."""

from typing import Any

from recorded import newest_record, read_record, short

ESR = "esr upscale"
NETWORKS = {"team00_rlfn": "RLFN", "team21_slimrlfn": "SlimRLFN"}
WAYS = {
    "esr upscale, by PyTorch": "`esr upscale --engine pytorch`",
    "esr, one after another": "esr by PyTorch, one image after another",
    "pytorch": "the released network, eager PyTorch, as the challenge's script runs it",
    "onnxruntime": "onnxruntime",
    "openvino": "OpenVINO",
    "ncnn": "ncnn",
}


def engines() -> str:
    """What was measured, and how many times as fast `esr upscale` is, network by network."""
    record = newest_record("upscale-engines-cpu")
    results = read_record(record)["results"]
    found = {stem: ways for stem, ways in results.items() if isinstance(ways, dict) and ESR in ways}
    first, *_ = found.values()
    rounds = len(first[ESR]["seconds"]) // 2
    chosen = results.get("esr_by", {})
    heads = [NETWORKS.get(stem, stem) + (f", esr by {chosen[stem]}" if stem in chosen else "") for stem in found]
    lines = [f"| against | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for way in first:
        if way != ESR:
            lines.append(f"| {WAYS[way]} | {' | '.join(_times(ways[way]) for ways in found.values())} |")
    head = (
        f"{results['images']} images, {results['lr_megapixels']:.2f} megapixels in all, from PNG to PNG on"
        f" {results['cores']} cores, each loop reading and writing by\n{results['read_and_written_by']}; medians of"
        f" {rounds} rounds (`benchmarks/records/{record.name}`). Before it the load was {results['load_before'][0]}.\n"
        "How many times as fast `esr upscale` is, with the 95 % interval; below 1 the other is faster:"
    )
    return "\n".join([head, "", *lines, "", _faster(found)]) + "\n"


def _times(way: dict[str, Any]) -> str:
    value, low, high = (short(each, 2) for each in way["esr_is_times_as_fast"])
    return f"{value} ({low} to {high})"


def _faster(found: dict[str, dict[str, Any]]) -> str:
    """Which ways are surely faster than `esr upscale`: those whose interval lies below 1."""
    named = [
        f"{WAYS[way]} with {NETWORKS.get(stem, stem)}"
        for stem, ways in found.items()
        for way, each in ways.items()
        if way != ESR and each["esr_is_times_as_fast"][2] < 1
    ]
    return f"Faster than `esr upscale`, by the whole interval: {', '.join(named) or 'none'}."
