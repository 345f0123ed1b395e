"""When trials ran."""

from __future__ import annotations

import datetime

from lightcrest._study import Study, _logger
from lightcrest.trial import TrialState
from lightcrest.visualization._common import INFEASIBLE, feasible, graph_objects, hover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COLORS = {
    TrialState.COMPLETE: "blue",
    TrialState.FAIL: "red",
    TrialState.PRUNED: "orange",
    TrialState.RUNNING: "green",
    TrialState.WAITING: "gray",
}


def plot_timeline(study: Study, n_recent_trials: int | None = None) -> Any:
    """When trials began and ended, a bar each; only the last ones if a number is given."""
    if n_recent_trials is not None and n_recent_trials <= 0:
        raise ValueError(f"`n_recent_trials` must be more than 0, but got {n_recent_trials}")
    go = graph_objects()
    trials = study.get_trials(deepcopy=False)
    trials = trials if n_recent_trials is None else trials[-n_recent_trials:]
    if not trials:
        _logger().warning("Your study does not have any trials.")
    now = datetime.datetime.now()
    figure = go.Figure(layout={"title": "Timeline Plot", "showlegend": True})
    figure.update_layout(xaxis={"title": "Datetime", "type": "date"}, yaxis={"title": "Trial"})
    groups: dict[tuple[str, str], list[Any]] = {}
    for trial in trials:
        key = (trial.state.name, _COLORS[trial.state])
        if trial.state is TrialState.COMPLETE and not feasible(trial):
            key = ("INFEASIBLE", INFEASIBLE)
        groups.setdefault(key, []).append(trial)
    for (name, color), group in sorted(groups.items()):
        starts = [trial.datetime_start or now for trial in group]
        ends = [trial.datetime_complete or now for trial in group]
        figure.add_bar(
            name=name,
            x=[(end - start).total_seconds() * 1000 for start, end in zip(starts, ends)],
            y=[trial.number for trial in group],
            base=[start.isoformat() for start in starts],
            text=[hover(trial) for trial in group],
            hovertemplate="%{text}<extra>" + name + "</extra>",
            orientation="h",
            marker={"color": color},
            textposition="none",
        )
    return figure
