"""Which parameters matter."""

from __future__ import annotations

from lightcrest._warn import warn_experimental as _warn_experimental
from lightcrest.importance._base import BaseImportanceEvaluator
from lightcrest.importance._fanova import FanovaImportanceEvaluator
from lightcrest.importance._forest import MeanDecreaseImpurityImportanceEvaluator
from lightcrest.importance._ped_anova import PedAnovaImportanceEvaluator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial

__all__ = [
    "BaseImportanceEvaluator",
    "FanovaImportanceEvaluator",
    "MeanDecreaseImpurityImportanceEvaluator",
    "PedAnovaImportanceEvaluator",
    "get_param_importances",
]


def get_param_importances(
    study: Study,
    *,
    evaluator: BaseImportanceEvaluator | None = None,
    params: list[str] | None = None,
    target: Callable[[FrozenTrial], float] | None = None,
    normalize: bool = True,
) -> dict[str, float]:
    """How much each parameter matters, the most important first.

    evaluator: how it is measured; by PED-ANOVA unless given.
    params: which parameters; all of them unless given, but for evaluators other than PED-ANOVA only those that all complete trials have.
    target: the number that matters, if it is not the value. Needed with several objectives.
    normalize: whether the numbers add up to 1.
    """
    if not normalize:
        _warn_experimental("the argument `normalize` of get_param_importances")
    evaluator = PedAnovaImportanceEvaluator() if evaluator is None else evaluator
    if not isinstance(evaluator, BaseImportanceEvaluator):
        raise TypeError(f"an evaluator of lightcrest.importance is needed, but got {evaluator!r}")
    found = evaluator.evaluate(study, params=params, target=target)
    total = sum(found.values())
    if not normalize:
        return found
    return {name: value / total if total > 0 else 1 / len(found) for name, value in found.items()}
