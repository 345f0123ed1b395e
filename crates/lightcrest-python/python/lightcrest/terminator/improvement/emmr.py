"""How much the best that is found may still get better, as each trial shows it."""

from __future__ import annotations

import math
import sys

from lightcrest._warn import experimental, warn
from lightcrest.search_space import intersection_search_space
from lightcrest.study import StudyDirection
from lightcrest.terminator._common import completed, fitted
from lightcrest.terminator.improvement.evaluator import BaseImprovementEvaluator
from lightcrest.trial import FrozenTrial

__all__ = ["EMMREvaluator"]

# While nothing is known, a tenth of the largest number: what is multiplied with it a little stays finite.
MARGIN_FOR_NUMARICAL_STABILITY = 0.1
_UNKNOWN = sys.float_info.max * MARGIN_FOR_NUMARICAL_STABILITY


@experimental
class EMMREvaluator(BaseImprovementEvaluator):
    """A bound on how much the expected regret of the best trial fell by the last one, by a Gaussian process.

    In standard deviations of the values, for MedianErrorEvaluator. Ishibashi et al. 2023, *A stopping criterion for Bayesian optimization by
    the gap of expected minimum simple regrets*, AISTATS.
    """

    def __init__(
        self,
        deterministic_objective: bool = False,
        delta: float = 0.1,
        min_n_trials: int = 2,
        seed: int | None = None,
    ) -> None:
        """min_n_trials: so many must be complete. The other arguments are accepted where Optuna takes them: the engine estimates the noise
        itself, and gives the same trials the same number."""
        if min_n_trials <= 1 or not math.isfinite(min_n_trials):
            raise ValueError(f"`min_n_trials` must be a whole number of at least 2, but got {min_n_trials}")
        self.min_n_trials = min_n_trials

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The bound after the last of the trials; very large while too few tell one."""
        complete = completed(trials)
        if len(complete) < self.min_n_trials:
            return _UNKNOWN
        names = intersection_search_space(trials)
        if not names:
            warn("EMMREvaluator knows nothing of trials that have no parameter in common: it ends no study of them")
            return _UNKNOWN
        bound = fitted(complete, list(names), study_direction).minimum_regret()
        return _UNKNOWN if bound is None else bound
