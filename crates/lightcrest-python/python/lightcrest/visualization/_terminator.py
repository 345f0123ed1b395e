"""What a terminator sees."""

from __future__ import annotations

import math

from lightcrest._study import Study, _logger
from lightcrest._warn import experimental
from lightcrest.trial import FrozenTrial, TrialState
from lightcrest.visualization._common import drawing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.terminator import BaseErrorEvaluator, BaseImprovementEvaluator

MARGIN = 0.05


@experimental
@drawing
def plot_terminator_improvement(
    go: Any,
    study: Study,
    plot_error: bool = False,
    improvement_evaluator: BaseImprovementEvaluator | None = None,
    error_evaluator: BaseErrorEvaluator | None = None,
    min_n_trials: int = 20,
) -> Any:
    """The improvement that a terminator sees after each trial, paler while it would not act; with the error, if asked for.

    improvement_evaluator, error_evaluator, min_n_trials: as of lightcrest.terminator.Terminator.
    """
    from lightcrest.terminator.terminator import evaluators

    if len(study.directions) > 1:
        raise ValueError("a terminator needs a study of one objective")
    improvement_of, error_of = evaluators(improvement_evaluator, error_evaluator)
    figure = go.Figure(layout={"title": "Terminator Improvement Plot"})
    figure.update_layout(xaxis={"title": "Trial"}, yaxis={"title": "Terminator Improvement"})
    numbers: list[int] = []
    improvements: list[float] = []
    errors: list[float] = []
    complete: list[FrozenTrial] = []
    for trial in study.get_trials(deepcopy=False):
        if trial.state is TrialState.COMPLETE:
            complete.append(trial)
        if not complete:
            continue
        numbers.append(trial.number)
        improvements.append(improvement_of.evaluate(trials=complete, study_direction=study.direction))
        if plot_error:
            errors.append(error_of.evaluate(trials=complete, study_direction=study.direction))
    if not numbers:
        _logger().warning("There are no complete trials.")
        return figure

    def add(part: slice, opacity: float, showlegend: bool) -> None:
        color = f"rgba(99, 110, 250, {opacity})"
        figure.add_scatter(
            x=numbers[part],
            y=improvements[part],
            mode="markers+lines",
            name="Terminator Improvement",
            legendgroup="improvement",
            showlegend=showlegend,
            marker={"color": color},
            line={"color": color},
        )

    acts = len(numbers) > min_n_trials
    add(slice(0, min_n_trials + 1), 0.25, not acts)
    if acts:
        add(slice(min_n_trials, None), 1.0, True)
    if plot_error:
        figure.add_scatter(x=numbers, y=errors, mode="markers+lines", name="Error", line={"color": "rgb(239, 85, 59)"})
    # What comes before the terminator may act does not set the scale.
    shown = [value for value in [*(improvements[min_n_trials:] if acts else improvements), *errors] if math.isfinite(value)]
    if not shown:
        return figure
    low, high = min([*improvements, *errors]), max(shown)
    margin = MARGIN * (high - low)
    figure.update_yaxes(range=(low - margin, high + margin))
    return figure
