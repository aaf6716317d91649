"""docs/networks.md's table of training through composed kernels, from the record of benchmarks/composed_kernel.py."""

from recorded import newest_record, read_record


def composed_kernels() -> str:
    """What was measured, in a sentence, and the Markdown table of it."""
    record = newest_record("composed_kernel")
    results = read_record(record)["results"]
    settings = results["settings"]
    clock = "processor time on one thread" if settings["device"] == "cpu" else "time on a GPU"
    lr = settings["patch"] // 4
    head = (
        f"One training step at batch {settings['batch']}, LR {lr}x{lr}, fp32, images per second of {clock}, and the\n"
        f"median ratio of {settings['rounds']} rounds of the two in turn (`benchmarks/records/{record.name}`):"
    )
    lines = ["| | composed | branch by branch | times |", "|---|---|---|---|"]
    for name, each in results["networks"].items():
        composed, branches = each["composed_images_per_s"], each["branches_images_per_s"]
        lines.append(f"| {name} | {composed:#.3g} | {branches:#.3g} | {each['ratio']:.1f} |")
    return "\n".join([head, "", *lines]) + "\n"
