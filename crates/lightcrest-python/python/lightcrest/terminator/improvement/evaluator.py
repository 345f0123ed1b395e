"""How much is still to be gained: by a bound on the regret, or by how long nothing got better."""

from __future__ import annotations

import abc
import math

from lightcrest._warn import experimental
from lightcrest.search_space import intersection_search_space
from lightcrest.study import StudyDirection
from lightcrest.terminator._common import completed, fitted, loss
from lightcrest.trial import FrozenTrial

__all__ = ["BaseImprovementEvaluator", "BestValueStagnationEvaluator", "RegretBoundEvaluator"]


class BaseImprovementEvaluator(abc.ABC):
    """The base of what says how much is still to be gained."""

    @abc.abstractmethod
    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """What is to be gained after these trials."""
        raise NotImplementedError


@experimental
class RegretBoundEvaluator(BaseImprovementEvaluator):
    """How much better than the best trial the optimum may be, with high probability, by a Gaussian process.

    Makarova et al. 2022, *Automatic Termination for Hyperparameter Optimization*, AutoML-Conf.
    """

    def __init__(self, top_trials_ratio: float = 0.5, min_n_trials: int = 20, seed: int | None = None) -> None:
        """top_trials_ratio: the share of the trials, from the best on, that the process is fitted to; but to min_n_trials at least. seed: the
        engine gives the same trials the same number whatever it is."""
        self._ratio, self._least = top_trials_ratio, min_n_trials

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The bound in the units of the objective; infinite while too few trials tell one."""
        complete = completed(trials)
        if not complete:
            raise ValueError("the regret cannot be bounded: no trial is complete yet")
        names = intersection_search_space(trials)
        if not names:
            raise ValueError("the regret cannot be bounded: the trials have no parameter in common")
        n = len(complete)
        count = min(max(int(n * self._ratio), self._least), n)
        worst = sorted(loss(trial, study_direction) for trial in complete)[count - 1]
        top = [trial for trial in complete if loss(trial, study_direction) <= worst]
        bound = fitted(top, list(names), study_direction).regret_bound()
        return math.inf if bound is None else bound


@experimental
class BestValueStagnationEvaluator(BaseImprovementEvaluator):
    """How many trials may still pass without a better value."""

    def __init__(self, max_stagnation_trials: int = 30) -> None:
        """max_stagnation_trials: so many may."""
        if max_stagnation_trials < 0:
            raise ValueError(f"`max_stagnation_trials` must be 0 or more, but got {max_stagnation_trials}")
        self._patience = max_stagnation_trials

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The number of trials that may still pass; below 0 where too many did."""
        losses = [loss(trial, study_direction) for trial in completed(trials)]
        if not losses:
            raise ValueError("stagnation cannot be judged: no trial is complete yet")
        return self._patience - (len(losses) - 1 - losses.index(min(losses)))
