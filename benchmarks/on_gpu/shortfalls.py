"""What was found, in a line each, and what falls short of what was asked."""

from collections.abc import Iterator
from statistics import median
from typing import Any

TIMES_BASICSR = 5.0
LONGEST_WAIT = 0.02  # of a step, for data
OF_THE_WAY, TIMES_LAYOUT = 0.01, 3
"""That weights may be apart after a training in fp32, as a part of how far it moved them: from the CPU's after 200
iterations, and those of two processes from one's after 20. Or so many times what another layout on the CPU does: both
are right, and sum in other orders."""
LEVELS = 0.05  # of 255, between a GPU's output in fp32 and a CPU's

Step = dict[str, Any]


def told(contents: dict[str, dict[str, Any]]) -> list[str]:
    """Lines for people: findings, each marked where it falls short."""
    lines: list[str] = []
    for part, content in contents.items():
        steps: dict[str, Step] = content.get("steps", {})
        lines += [f"{part}: {line}" for line in READERS[part](steps)]
        for key, step in steps.items():
            lines += [f"{part}: FAILED {key}, {name}: {why}" for name, why in step["failed"].items()]
            if "finished" not in step:
                lines.append(f"{part}: UNFINISHED {key}")
    return lines


def marked(good: bool, line: str) -> str:
    """The line, with a mark where it falls short."""
    return line if good else f"FALLS SHORT {line}"


def values(steps: dict[str, Step], key: str) -> dict[str, Any]:
    """What a step measured; nothing where it has not run."""
    found: dict[str, Any] = steps.get(key, {}).get("values", {})
    return found


def right(steps: dict[str, Step]) -> Iterator[str]:
    """Tests, weights and bytes."""
    for found in values(steps, "tests").values():
        good = not found["failed"] and not found["skipped"] and found["passed"]
        counts = f"{found['passed']} passed, {found['skipped']} skipped, {len(found['failed'])} failed"
        yield marked(good, f"tests that need a GPU: {counts}")
    for name, found in values(steps, "against-cpu").items():
        part, layout = found["GPU"]["of_the_way"], found["CPU, other layout"]["of_the_way"]
        good = part <= max(OF_THE_WAY, TIMES_LAYOUT * layout)
        yield marked(good, f"{name} on GPU and CPU: {part:.3%} of the way apart; two layouts on the CPU: {layout:.3%}")
    for key in ("same-bytes", "killed", "networks"):
        for name, found in values(steps, key).items():
            if "same" in found:
                asked = key != "same-bytes" or "deterministic" in name
                what = "the same bytes" if found["same"] else "other bytes"
                yield marked(found["same"] or not asked, f"{key}, {name}: {what}")
            if "levels_of_255" in found:
                levels = found["levels_of_255"]
                yield marked(levels <= LEVELS, f"networks, {name}: {levels:.4f} of 255 from the CPU's output")
            if "ratio" in found:
                price = next(iter(found["ratio"].values()))
                yield f"deterministic costs: {name} is {price:.2f} times as fast without"
    for found in values(steps, "two-processes").values():
        part, where = found["of_the_way"], f"{found['gpus']} GPU{'s' if found['gpus'] > 1 else ''}"
        yield marked(part <= OF_THE_WAY, f"two processes on {where}: {part:.3%} of the way from one process")
    for which in ("tiny", "demo"):
        for name, found in values(steps, f"drivers {which}").items():
            yield f"{which} pipeline, {name}: {found if isinstance(found, str) else found['devices']}"


def fast(steps: dict[str, Step]) -> Iterator[str]:
    """Speeds, as ratios in one run."""
    for size in ("64x256", "64x640"):
        for form, found in values(steps, f"basicsr {size}").items():
            for way in found["rounds"]:
                if way != "BasicSR" and "BasicSR" in found["rounds"]:
                    times = times_of(found["rounds"], way, "BasicSR")
                    good = times >= TIMES_BASICSR
                    yield marked(good, f"SlimRLFN {form}, {size}, {way}: {times:.2f} times BasicSR's images a second")
    for name, found in values(steps, "waiting").items():
        for source, share in found["share_waiting"].items():
            yield marked(share <= LONGEST_WAIT, f"waiting for data, {name}, {source}: {share:.1%} of the time")
    for name, found in values(steps, "composed").items():
        for way, times in found["ratio"].items():
            yield marked(times >= 1, f"{name}: {way.replace('training', 'composed')} is {times:.2f}")
    for name, speed in values(steps, "teacher").items():
        yield f"teacher: {name}: {speed:,.0f} images/s"
    for name, found in values(steps, "profile").items():
        yield f"profile, {name}: kernels fill {found['busy']:.0%} of the time: {found['kinds_ms']} ms"
    for key, step in steps.items():
        if key.startswith("table "):
            yield from best_settings(key.removeprefix("table "), step["values"])


def times_of(rounds: dict[str, list[float]], one: str, other: str) -> float:
    """The median of the rounds' ratios."""
    return median(a / b for a, b in zip(rounds[one], rounds[other], strict=True))


def best_settings(network: str, found: dict[str, Any]) -> Iterator[str]:
    """For each precision the fastest cell of the table, beside eager, and its share of the convolution peak."""
    for precision in ("fp32", "tf32", "bf16"):
        cells = {name: cell["images_per_s"] for name, cell in found.items() if f" {precision}, " in name}
        eager = cells.get(f"eager channels_last {precision}, resident")
        peak = found.get(f"convolution peak, {precision}")
        if not cells or not eager or not peak:
            continue
        fastest = max(cells, key=lambda name: cells[name])
        share = cells[fastest] * found["FLOP per image"] / peak
        times = cells[fastest] / eager
        speed = f"{cells[fastest]:,.0f} images/s, {times:.2f} times eager, {share:.0%} of the convolution peak"
        yield f"{network}, {precision}: the fastest is {fastest}: {speed}"


def measured(steps: dict[str, Step]) -> Iterator[str]:
    """Run times, beside the published ones."""
    for key in steps:
        kind = key.split()[0]
        found = values(steps, key)
        if kind not in ("session", "best") or "session" not in found:
            continue
        session = found["session"]
        times = {each["name"]: each["time_ms"] for each in [*session["networks"], session["baseline"]]}
        ordered = ", ".join(f"{name} {times[name]:.3f}" for name in sorted(times, key=lambda name: times[name]))
        yield marked(not session["doubt"], f"{key} in ms: {ordered} {session['doubt']}".rstrip())
        if session["throttled"]:
            yield f"{key}: the GPU slowed itself down in {session['throttled']} of {session['rounds']} rounds"
        yield from against_published(key, times, found.get("published", {}))


def against_published(key: str, times: dict[str, float], published: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Each published ratio beside the measured one, and the pairs of one baseline that changed places."""
    ratios: dict[str, dict[str, tuple[float, float]]] = {}
    for name, each in published.items():
        baseline = each["baseline"]
        if name in times and baseline in times:
            ratios.setdefault(baseline, {baseline: (1.0, 1.0)})[name] = (times[name] / times[baseline], each["ratio"])
            here = ratios[baseline][name][0]
            yield f"{key}: {name} / {baseline} is {here:.3f} here, {each['ratio']:.3f} as published ({each['on']})"
    for pairs in ratios.values():
        names = list(pairs)
        for place, one in enumerate(names):
            for other in names[place + 1 :]:
                (a, b), (c, d) = pairs[one], pairs[other]
                if (a - c) * (b - d) < 0:
                    yield marked(False, f"{key}: {one} and {other} stand in another order than published")


def real(steps: dict[str, Step]) -> Iterator[str]:
    """What was learned, beside the released checkpoint."""
    found = values(steps, "train")
    if "curve" in found:
        images, speed = found["images"]["training"], found["images_per_s"]
        yield f"{found['iterations']:,} iterations at {speed:,.0f} images/s, {images} images"
    scores = values(steps, "score")
    for name, each in scores.items():
        network, bicubic = each["network"]["psnr_y"], each["bicubic"]["psnr_y"]
        yield f"{name}: {network:.2f} dB of luma, {network - bicubic:+.2f} above bicubic"


READERS = {"right": right, "fast": fast, "measured": measured, "real": real}
