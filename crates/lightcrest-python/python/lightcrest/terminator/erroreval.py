"""How much smaller an improvement must be to not matter."""

from __future__ import annotations

import abc
import math
import statistics

from lightcrest._warn import experimental
from lightcrest.study import StudyDirection
from lightcrest.terminator._common import completed, deprecated, loss
from lightcrest.trial import FrozenTrial, Trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BaseErrorEvaluator",
    "CrossValidationErrorEvaluator",
    "StaticErrorEvaluator",
    "report_cross_validation_scores",
]

_CROSS_VALIDATION_SCORES_KEY = "terminator:cv_scores"


class BaseErrorEvaluator(abc.ABC):
    """The base of what says how much smaller an improvement must be to not matter."""

    @abc.abstractmethod
    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The improvement that does not matter after these trials."""
        raise NotImplementedError


@experimental
class StaticErrorEvaluator(BaseErrorEvaluator):
    """Always the same error."""

    def __init__(self, constant: float) -> None:
        self._constant = constant

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The constant."""
        return self._constant


@experimental
class CrossValidationErrorEvaluator(BaseErrorEvaluator):
    """The standard error of the best trial's mean over folds, from what report_cross_validation_scores kept.

    Nadeau and Bengio 2003, *Inference for the Generalization Error*, Machine Learning 52: with k folds the variance of the scores counts
    1/k + 1/(k - 1) times, as the folds share their training data.
    """

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The error of the best trial. ValueError if it reported no scores."""
        complete = completed(trials)
        if not complete:
            raise ValueError("the error cannot be estimated: no trial is complete yet")
        best = min(complete, key=lambda trial: loss(trial, study_direction))
        if _CROSS_VALIDATION_SCORES_KEY not in best.system_attrs:
            raise ValueError(
                f"trial {best.number} reported no scores: let the objective call `report_cross_validation_scores`"
            )
        scores = best.system_attrs[_CROSS_VALIDATION_SCORES_KEY]
        k = len(scores)
        return math.sqrt((1 / k + 1 / (k - 1)) * statistics.pvariance(scores))


def report_cross_validation_scores(trial: Trial, scores: Sequence[float]) -> None:
    """Keeps the scores of the folds with a running trial, for CrossValidationErrorEvaluator. At least two."""
    deprecated()
    if len(scores) <= 1:
        raise ValueError(f"two scores or more are needed, but got {scores}")
    trial.study._set_system(trial.number, _CROSS_VALIDATION_SCORES_KEY, [float(score) for score in scores])
