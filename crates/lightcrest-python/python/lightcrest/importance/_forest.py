"""Importance by the impurities of a random forest, which scikit-learn grows."""

from __future__ import annotations

from lightcrest.distributions import CategoricalDistribution
from lightcrest.importance._base import BaseImportanceEvaluator, descending, evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.importance._base import Target
    from lightcrest.study import Study


class MeanDecreaseImpurityImportanceEvaluator(BaseImportanceEvaluator):
    """How much the splits at a parameter lower the variance within the leaves of a random forest."""

    def __init__(self, *, n_trees: int = 64, max_depth: int = 64, seed: int | None = None) -> None:
        """n_trees, max_depth: of the forest. seed: of its random numbers; None draws one."""
        self._options = {"n_estimators": n_trees, "max_depth": max_depth, "random_state": seed}

    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """How much each parameter matters, the most important first."""
        try:
            import numpy
            from sklearn.ensemble import RandomForestRegressor
        except ImportError as error:
            raise ImportError("this measure needs the package scikit-learn: install it") from error
        names, told = evidence(study, params, target)
        varying = [name for name in names if len({repr(trial.params[name]) for trial, _ in told}) > 1]
        found = dict.fromkeys(names, 0.0)
        if varying and len({value for _, value in told}) > 1:
            rows = numpy.column_stack([_column(numpy, told, name) for name in varying])
            forest = RandomForestRegressor(**self._options).fit(rows, [value for _, value in told])
            found.update(zip(varying, map(float, forest.feature_importances_)))
        return descending(found)


def _column(numpy: Any, told: Any, name: str) -> Any:
    """The values of a parameter as numbers: choices by position, logarithms where the scale is one."""
    distribution = told[-1][0].distributions[name]
    values = [distribution.to_internal_repr(trial.params[name]) for trial, _ in told]
    logarithmic = not isinstance(distribution, CategoricalDistribution) and distribution.log
    return numpy.log(values) if logarithmic else numpy.array(values, dtype=float)
