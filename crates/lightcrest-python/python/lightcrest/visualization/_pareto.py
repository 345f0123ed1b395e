"""The front of a study of two or three objectives."""

from __future__ import annotations

from lightcrest._front import ranks
from lightcrest._study import Study, _logger
from lightcrest._warn import deprecated as _deprecated
from lightcrest._warn import warn as _warn
from lightcrest.trial import FrozenTrial, TrialState
from lightcrest.visualization._common import INFEASIBLE, drawing, feasible, hover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


@drawing
def plot_pareto_front(
    go: Any,
    study: Study,
    *,
    target_names: list[str] | None = None,
    include_dominated_trials: bool = True,
    constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    targets: Callable[[FrozenTrial], Sequence[float]] | None = None,
    axis_order: list[int] | None = None,
) -> Any:
    """The trials of the front, and the others beside them.

    target_names: what the axes say. axis_order: which objective is on which axis.
    targets: what is drawn of a trial instead of its values.
    constraints_func: deprecated; gives constraints of a trial in place of its own.
    """
    if axis_order is not None and targets is not None:
        _warn("`axis_order` has no effect beside `targets`: let `targets` give the values in the order that is meant")
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not trials:
        _logger().warning("Your study does not have any completed trials.")
    satisfies = feasible
    if constraints_func is None:
        best = set(study._engine.front())
    else:
        _deprecated("let the objective call `trial.set_constraint` instead", constraints_func=constraints_func)
        bounds = constraints_func
        satisfying = {trial.number for trial in trials if all(excess <= 0 for excess in bounds(trial))}
        satisfies = lambda trial: trial.number in satisfying  # noqa: E731
        fronts = ranks(study.directions, [trial for trial in trials if satisfies(trial)])
        best = {number for number, rank in fronts.items() if rank == 0}
    points = {trial.number: _point(targets, trial) for trial in trials}
    count = len(next(iter(points.values()))) if points and targets else len(study.directions)
    if count not in (2, 3):
        raise ValueError(f"two or three objectives can be drawn, but there are {count}: choose some by `targets`")
    names = target_names or (None if targets else study.metric_names) or [f"Objective {i}" for i in range(count)]
    if len(names) != count:
        raise ValueError(f"`target_names` needs {count} names, but got {names}")
    order = list(range(count)) if axis_order is None or targets else axis_order
    if sorted(order) != list(range(count)):
        raise ValueError(f"`axis_order` must have each of {list(range(count))} once, but got {axis_order}")
    figure = go.Figure(layout={"title": "Pareto-front Plot"})

    def add(group: list[FrozenTrial], title: str, marker: dict[str, Any]) -> None:
        axes = dict(zip("xyz", ([points[trial.number][i] for trial in group] for i in order)))
        kind = go.Scatter if count == 2 else go.Scatter3d
        figure.add_trace(
            kind(
                **axes,
                text=[hover(trial) for trial in group],
                mode="markers",
                hovertemplate="%{text}<extra>" + title + "</extra>",
                marker=marker,
                showlegend=False,
            )
        )

    def colored(group: list[FrozenTrial], scale: str, title: str, **place: float) -> dict[str, Any]:
        return {
            "color": [trial.number for trial in group],
            "colorscale": scale,
            "colorbar": {"title": title, **place},
            "line": {"width": 0.5, "color": "Grey"},
        }

    others_title = "Trial"
    if constraints_func is not None or any(trial.constraints for trial in trials):
        add([trial for trial in trials if not satisfies(trial)], "Infeasible Trial", {"color": INFEASIBLE})
        others_title = "Feasible Trial"
    others = [trial for trial in trials if satisfies(trial) and trial.number not in best]
    others = others if include_dominated_trials else []
    add(others, others_title, colored(others, "Blues", "Trial"))
    front = [trial for trial in trials if trial.number in best]
    place = {"x": 1.1, "xpad": 40} if include_dominated_trials else {"x": 1.0, "xpad": 40}
    add(front, "Best Trial", colored(front, "Reds", "Best Trial", **place))
    titles = [names[i] for i in order]
    if count == 2:
        figure.update_layout(xaxis={"title": titles[0]}, yaxis={"title": titles[1]})
    else:
        figure.update_layout(scene={f"{axis}axis": {"title": title} for axis, title in zip("xyz", titles)})
    return figure


def _point(targets: Callable[[FrozenTrial], Sequence[float]] | None, trial: FrozenTrial) -> list[float]:
    """Where a trial is drawn."""
    found = targets(trial) if targets else trial.values or ()
    if not hasattr(found, "__len__"):
        raise ValueError(f"`targets` must give a list of numbers, but gave {found!r}")
    return list(found)
