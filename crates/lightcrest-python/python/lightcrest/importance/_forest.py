"""Importance by random forests, which scikit-learn grows."""

from __future__ import annotations

from lightcrest.distributions import CategoricalDistribution
from lightcrest.importance._base import BaseImportanceEvaluator, descending, evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.importance._base import Target
    from lightcrest.study import Study


class _ForestEvaluator(BaseImportanceEvaluator):
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
            raise ImportError("a random forest needs the package scikit-learn: install it") from error
        names, told = evidence(study, params, target)
        varying = [name for name in names if len({repr(trial.params[name]) for trial, _ in told}) > 1]
        found = dict.fromkeys(names, 0.0)
        if varying and len({value for _, value in told}) > 1:
            columns, bounds = zip(*(_column(numpy, told, name) for name in varying))
            rows = numpy.column_stack(columns)
            forest = RandomForestRegressor(**self._options).fit(rows, [value for _, value in told])
            found.update(zip(varying, self._shares(numpy, forest, bounds)))
        return descending(found)

    def _shares(self, numpy: Any, forest: Any, bounds: Any) -> list[float]:
        raise NotImplementedError


def _column(numpy: Any, told: Any, name: str) -> tuple[Any, tuple[float, float]]:
    """The values of a parameter as numbers, and their range: choices by position, logarithms where the scale is one."""
    distribution = told[-1][0].distributions[name]
    values = [distribution.to_internal_repr(trial.params[name]) for trial, _ in told]
    if isinstance(distribution, CategoricalDistribution):
        return numpy.array(values, dtype=float), (-0.5, len(distribution.choices) - 0.5)
    column = numpy.log(values) if distribution.log else numpy.array(values, dtype=float)
    return column, (float(column.min()), float(column.max()))


class MeanDecreaseImpurityImportanceEvaluator(_ForestEvaluator):
    """How much the splits at a parameter lower the variance within the leaves of a random forest."""

    def _shares(self, numpy: Any, forest: Any, bounds: Any) -> list[float]:
        return [float(share) for share in forest.feature_importances_]


class FanovaImportanceEvaluator(_ForestEvaluator):
    """The share of the variance of a random forest that a parameter explains alone.

    Hutter et al. 2014, An Efficient Approach for Assessing Hyperparameter Importance, ICML, for single parameters.
    """

    def _shares(self, numpy: Any, forest: Any, bounds: Any) -> list[float]:
        shares = [_tree_shares(numpy, tree.tree_, bounds) for tree in forest.estimators_]
        return [float(share) for share in numpy.nanmean(numpy.array(shares), axis=0)]


def _tree_shares(numpy: Any, tree: Any, bounds: Any) -> list[float]:
    """The share of each parameter in the variance of one tree over the whole space; NaN if it is constant."""
    boxes, values = [], []
    stack = [(0, list(bounds))]
    while stack:
        node, box = stack.pop()
        left, right = tree.children_left[node], tree.children_right[node]
        if left == right:
            boxes.append(box)
            values.append(tree.value[node].item())
            continue
        d, cut = tree.feature[node], tree.threshold[node]
        low, high = box[d]
        cut = min(max(cut, low), high)
        stack.append((left, [*box[:d], (low, cut), *box[d + 1 :]]))
        stack.append((right, [*box[:d], (cut, high), *box[d + 1 :]]))
    box = numpy.array(boxes)  # (leaves, d, 2)
    y = numpy.array(values)  # (leaves,)
    whole = numpy.array(bounds)  # (d, 2)
    widths = (box[:, :, 1] - box[:, :, 0]) / (whole[:, 1] - whole[:, 0])  # (leaves, d)
    mass = widths.prod(axis=1)
    mean = mass @ y
    variance = mass @ (y - mean) ** 2
    if variance <= 0:
        return [numpy.nan] * len(bounds)
    shares = []
    for d in range(len(bounds)):
        edges = numpy.unique(box[:, d])
        others = numpy.delete(widths, d, axis=1).prod(axis=1)
        explained = 0.0
        for low, high in zip(edges[:-1], edges[1:]):
            here = (box[:, d, 0] <= low) & (box[:, d, 1] >= high)
            marginal = others[here] @ y[here]
            explained += (high - low) / (whole[d, 1] - whole[d, 0]) * (marginal - mean) ** 2
        shares.append(explained / variance)
    return shares
