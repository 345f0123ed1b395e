"""When trials ran."""

from __future__ import annotations

import datetime

from lightcrest._study import Study, _logger
from lightcrest.trial import TrialState
from lightcrest.visualization._common import INFEASIBLE, drawing, feasible, hover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.trial import FrozenTrial

# In this order.
_COLORS = {
    "INFEASIBLE": INFEASIBLE,
    "COMPLETE": "blue",
    "FAIL": "red",
    "PRUNED": "orange",
    "RUNNING": "green",
    "WAITING": "gray",
}
# A trial that waits, or runs, has a bar that can be seen.
_SMALL = datetime.timedelta(seconds=1)


@drawing
def plot_timeline(go: Any, study: Study, n_recent_trials: int | None = None) -> Any:
    """When trials began and ended, a bar each; only the last ones if a number is given."""
    if n_recent_trials is not None and n_recent_trials <= 0:
        raise ValueError(f"`n_recent_trials` must be more than 0, but got {n_recent_trials}")
    everything = study.get_trials(deepcopy=False)
    trials = everything if n_recent_trials is None else everything[-n_recent_trials:]
    if not trials:
        _logger().warning("Your study does not have any trials.")
    last = _end(everything)
    figure = go.Figure(layout={"title": "Timeline Plot", "showlegend": True})
    figure.update_layout(xaxis={"title": "Datetime", "type": "date"}, yaxis={"title": "Trial"})
    groups: dict[str, list[FrozenTrial]] = {name: [] for name in _COLORS}
    for trial in trials:
        broken = trial.state is TrialState.COMPLETE and not feasible(trial)
        groups["INFEASIBLE" if broken else trial.state.name].append(trial)
    for name, group in groups.items():
        if not group:
            continue
        spans = [_span(trial, last) for trial in group]
        figure.add_bar(
            name=name,
            x=[(end - start).total_seconds() * 1000 for start, end in spans],
            y=[trial.number for trial in group],
            base=[start.isoformat() for start, _ in spans],
            text=[hover(trial) for trial in group],
            hovertemplate="%{text}<extra>" + name + "</extra>",
            orientation="h",
            marker={"color": _COLORS[name]},
            textposition="none",
        )
    return figure


def _end(trials: list[FrozenTrial]) -> datetime.datetime:
    """Where the figure ends: now if a trial runs, else where the last one ended.

    A trial that has been running for five times as long as any other took is taken for one whose process died.
    """
    now = datetime.datetime.now()
    longest = max((trial.duration for trial in trials if trial.duration is not None), default=None)
    for trial in trials:
        if trial.state is TrialState.RUNNING and trial.datetime_start is not None:
            if longest is None or now - trial.datetime_start < 5 * longest:
                return now
    return max((trial.datetime_complete for trial in trials if trial.datetime_complete is not None), default=now)


def _span(trial: FrozenTrial, last: datetime.datetime) -> tuple[datetime.datetime, datetime.datetime]:
    """From when to when a trial is drawn."""
    start = trial.datetime_start or last
    if trial.state is TrialState.RUNNING:
        return start, last + _SMALL
    end = trial.datetime_complete or start + _SMALL
    if end < start:
        _logger().warning(f"Trial {trial.number} seems to have ended, at {end}, before it began, at {start}.")
    return start, end
