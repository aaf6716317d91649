"""What the teams' networks score by the year's formula, from what was measured of them here."""

from esr.challenge.formulas import Cost, Formula
from esr.challenge.strangers import Stranger, Strangers


def official_score(formula: Formula, stranger: Stranger, strangers: Strangers) -> float | None:
    """With the means of the challenge's protocol, cold starts included; None where something was not measured."""
    beside = strangers.baseline
    if beside is None or beside.official is None or stranger.official is None:
        return None
    return _score(formula, stranger, beside, stranger.official.mean_ms / beside.official.mean_ms)


def fair_score(formula: Formula, stranger: Stranger, strangers: Strangers) -> float | None:
    """With the ratio of esr's protocol on the first size; None where something was not measured."""
    beside = strangers.baseline
    if beside is None or not strangers.sessions or stranger.name not in strangers.sessions[0].names:
        return None
    return _score(formula, stranger, beside, strangers.sessions[0].ratio(stranger.name).value)


def _score(formula: Formula, stranger: Stranger, beside: Stranger, ratio: float) -> float | None:
    own, its = stranger.complexity, beside.complexity
    if own is None or its is None or not its.flops or not its.parameters:
        return None
    return formula.final(Cost(ratio, own.flops / its.flops, own.parameters / its.parameters))
