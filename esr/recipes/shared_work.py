"""What a scale that shares out work tells every stage of an entry that trains: a file below runs/.work."""

from esr.recipes.rows import Argument, Reference, Row, TrainingWork


class SharedWork(Row):
    """Of an entry at a scale.

    Attributes:
        training_work: the entry's at paper.
        thinned: where the scale thins teachers, the arguments at paper of those that a phase learns from or starts
            from, by the reference in its row.
    """

    training_work: TrainingWork
    thinned: dict[Reference, dict[str, Argument]]
