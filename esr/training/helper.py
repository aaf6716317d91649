"""The process of a training on each GPU but the first: it computes its share of what rank 0 hands over."""

from esr.training.ranks import handed_over, join_ranks
from esr.training.stage import Task, help_phase

if __name__ == "__main__":
    ranks = join_ranks()
    task = handed_over()
    assert isinstance(task, Task)
    help_phase(task, ranks)
