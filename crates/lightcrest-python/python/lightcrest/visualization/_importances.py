"""Which parameters matter."""

from __future__ import annotations

from lightcrest._study import Study
from lightcrest.visualization._common import VALUE, check, drawing
from lightcrest.visualization._drawn import drawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.importance import BaseImportanceEvaluator
    from lightcrest.visualization._common import Target


@drawing
def plot_param_importances(
    go: Any,
    study: Study,
    evaluator: BaseImportanceEvaluator | None = None,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = VALUE,
) -> Any:
    """How much each parameter matters, as bars; with several objectives, for each of them."""
    from lightcrest.importance import get_param_importances

    figure = go.Figure(layout={"title": "Hyperparameter Importances"})
    figure.update_layout(xaxis={"title": "Hyperparameter Importance"}, yaxis={"title": "Hyperparameter"})
    names = study.metric_names
    wanted: list[tuple[str, Target | None]]
    if target is not None or len(study.directions) == 1:
        check(study, target, target_name)
        wanted = [(names[0] if names is not None and target is None else target_name, target)]
    else:
        titles = names or [f"{target_name} {i}" for i in range(len(study.directions))]
        wanted = [(title, _objective(i)) for i, title in enumerate(titles)]
    for title, one in wanted:
        found = drawn(study, one)
        if not len(found):
            continue
        shares = get_param_importances(study, evaluator=evaluator, params=params, target=one)
        kinds = {parameter.name: type(parameter.distribution).__name__ for parameter in found.parameters(None)}
        ascending = list(reversed(shares.items()))
        figure.add_bar(
            x=[share for _, share in ascending],
            y=[name for name, _ in ascending],
            name=title,
            text=["<0.01" if share < 0.01 else f"{share:.2f}" for _, share in ascending],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=[f"{name} ({kinds.get(name)}): {share}<extra></extra>" for name, share in ascending],
            orientation="h",
        )
    return figure


def _objective(i: int) -> Target:
    return lambda trial: trial.values[i]  # type: ignore[index]
