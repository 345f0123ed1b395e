"""An error that is measured by the improvements of a study's beginning."""

from __future__ import annotations

import statistics
import sys

from lightcrest._warn import experimental
from lightcrest.study import StudyDirection
from lightcrest.terminator._common import completed
from lightcrest.terminator.erroreval import BaseErrorEvaluator
from lightcrest.terminator.improvement.evaluator import BaseImprovementEvaluator
from lightcrest.trial import FrozenTrial

__all__ = ["MedianErrorEvaluator"]


@experimental
class MedianErrorEvaluator(BaseErrorEvaluator):
    """A small part of the median of the first improvements.

    Ishibashi et al. 2023, *A stopping criterion for Bayesian optimization by the gap of expected minimum simple regrets*, AISTATS.
    """

    def __init__(
        self,
        paired_improvement_evaluator: BaseImprovementEvaluator,
        warm_up_trials: int = 10,
        n_initial_trials: int = 20,
        threshold_ratio: float = 0.01,
    ) -> None:
        """paired_improvement_evaluator: whose improvements count. warm_up_trials: so many trials are left out, then n_initial_trials give
        the median, of which threshold_ratio is the error."""
        if warm_up_trials < 0:
            raise ValueError(f"`warm_up_trials` must be 0 or more, but got {warm_up_trials}")
        if n_initial_trials <= 0:
            raise ValueError(f"`n_initial_trials` must be more than 0, but got {n_initial_trials}")
        if not 0.0 < threshold_ratio < float("inf"):
            raise ValueError(f"`threshold_ratio` must be more than 0 and finite, but got {threshold_ratio}")
        self._evaluator = paired_improvement_evaluator
        self._skipped, self._counted, self._ratio = warm_up_trials, n_initial_trials, threshold_ratio
        self._error: float | None = None

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The error, the same from the first time on; below any improvement until there are enough trials."""
        complete = sorted(completed(trials), key=lambda trial: trial.number)[self._skipped :]
        if self._error is None:
            if len(complete) < self._counted:
                return -sys.float_info.min
            found = [self._evaluator.evaluate(complete[:n], study_direction) for n in range(1, self._counted + 1)]
            self._error = min(sys.float_info.max, statistics.median_high(found) * self._ratio)
        return self._error
