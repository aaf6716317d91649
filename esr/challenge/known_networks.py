"""The networks of a challenge that esr has itself: their operations, counted by its own counter."""

from esr.evaluation.complexity import measure_complexity
from esr.evaluation.complexity_table import LISTED_NETWORKS
from esr.evaluation.organisers import TeamResults


def own_flops(team: TeamResults) -> float | None:
    """10^9 multiply-accumulates at 256 x 256 of the team's network; None where esr has no such network.

    It has one where a network that ``esr complexity`` lists bears a name within the team's, and exactly as many
    parameters.
    """
    if team.num_parameters is None:
        return None
    for name, build in LISTED_NETWORKS.items():
        if name.split("-")[0] in team.team.lower():
            network = build()
            if sum(each.numel() for each in network.parameters()) == round(team.num_parameters * 1e6):
                return measure_complexity(network).flops / 1e9
    return None
