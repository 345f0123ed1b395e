"""What ends studies."""

from __future__ import annotations

import abc

from lightcrest.study import Study
from lightcrest.terminator._common import completed, deprecated
from lightcrest.terminator.erroreval import BaseErrorEvaluator, CrossValidationErrorEvaluator, StaticErrorEvaluator
from lightcrest.terminator.improvement.evaluator import (
    BaseImprovementEvaluator,
    BestValueStagnationEvaluator,
    RegretBoundEvaluator,
)

__all__ = ["BaseTerminator", "Terminator"]

_MIN_TRIALS = 20


class BaseTerminator(abc.ABC):
    """The base of what ends studies."""

    @abc.abstractmethod
    def should_terminate(self, study: Study) -> bool:
        """Whether going on does not pay."""
        raise NotImplementedError


class Terminator(BaseTerminator):
    """Ends a study of one objective when the improvement is smaller than the error."""

    def __init__(
        self,
        improvement_evaluator: BaseImprovementEvaluator | None = None,
        error_evaluator: BaseErrorEvaluator | None = None,
        min_n_trials: int = _MIN_TRIALS,
    ) -> None:
        """improvement_evaluator: a RegretBoundEvaluator unless given. error_evaluator: for stagnation an error of 0 unless given, else a
        CrossValidationErrorEvaluator. min_n_trials: so many must be complete.
        """
        deprecated()
        if min_n_trials <= 0:
            raise ValueError(f"`min_n_trials` must be more than 0, but got {min_n_trials}")
        self._improvement, self._error = evaluators(improvement_evaluator, error_evaluator)
        self._min_n_trials = min_n_trials

    def should_terminate(self, study: Study) -> bool:
        """Whether enough trials are complete and the improvement is smaller than the error."""
        trials = study.trials
        if len(completed(trials)) < self._min_n_trials:
            return False
        improvement = self._improvement.evaluate(trials=trials, study_direction=study.direction)
        return improvement < self._error.evaluate(trials=trials, study_direction=study.direction)


def evaluators(
    improvement: BaseImprovementEvaluator | None, error: BaseErrorEvaluator | None
) -> tuple[BaseImprovementEvaluator, BaseErrorEvaluator]:
    """Evaluators whose numbers can be compared."""
    if improvement is None:
        improvement = RegretBoundEvaluator()
    if error is None:
        stagnation = isinstance(improvement, BestValueStagnationEvaluator)
        error = StaticErrorEvaluator(0) if stagnation else CrossValidationErrorEvaluator()
    return improvement, error
