"""What ends a study when going on does not pay: Optuna's deprecated module, for scripts that use it.

A Terminator compares an improvement, what is still to be gained, with an error, what a value is worth: a study ends when the improvement is
smaller. Both evaluators may be written in Python. Of Optuna's, EMMREvaluator is not here.
"""

from __future__ import annotations

import abc as _abc
import math as _math
import statistics as _statistics
import sys as _sys

from lightcrest import _mirror
from lightcrest import logging as _logging
from lightcrest._warn import warn as _warn
from lightcrest.search_space import intersection_search_space as _intersection
from lightcrest.study import Study, StudyDirection
from lightcrest.trial import FrozenTrial, Trial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BaseErrorEvaluator",
    "BaseImprovementEvaluator",
    "BaseTerminator",
    "BestValueStagnationEvaluator",
    "CrossValidationErrorEvaluator",
    "MedianErrorEvaluator",
    "RegretBoundEvaluator",
    "StaticErrorEvaluator",
    "Terminator",
    "TerminatorCallback",
    "report_cross_validation_scores",
]

_SCORES = "terminator:cv_scores"
_MIN_TRIALS = 20


def _deprecated() -> None:
    _warn("the module `terminator` is deprecated", FutureWarning)


def _complete(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def _loss(trial: FrozenTrial, direction: StudyDirection) -> float:
    """The value of a complete trial, small where it is good."""
    assert trial.value is not None, "a complete trial has a value"
    return -trial.value if direction == StudyDirection.MAXIMIZE else trial.value


class BaseImprovementEvaluator(_abc.ABC):
    """The base of what says how much is still to be gained."""

    @_abc.abstractmethod
    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """What is to be gained after these trials."""
        raise NotImplementedError


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
        complete = _complete(trials)
        if not complete:
            raise ValueError("the regret cannot be bounded: no trial is complete yet")
        names = _intersection(trials)
        if not names:
            raise ValueError("the regret cannot be bounded: the trials have no parameter in common")
        n = len(complete)
        count = min(max(int(n * self._ratio), self._least), n)
        worst = sorted(_loss(trial, study_direction) for trial in complete)[count - 1]
        engine = _mirror.engine([study_direction.name.lower()], "random", {}, 0)
        top = [trial for trial in complete if _loss(trial, study_direction) <= worst]
        for number, trial in enumerate(top):
            params = {name: trial.params[name] for name in names}
            distributions = {name: trial.distributions[name] for name in names}
            engine.observe(number, "complete", params, distributions, trial.values, [], [])
        bound = engine.regret_bound()
        return _math.inf if bound is None else bound


class BestValueStagnationEvaluator(BaseImprovementEvaluator):
    """How many trials may still pass without a better value."""

    def __init__(self, max_stagnation_trials: int = 30) -> None:
        """max_stagnation_trials: so many may."""
        if max_stagnation_trials < 0:
            raise ValueError(f"`max_stagnation_trials` must be 0 or more, but got {max_stagnation_trials}")
        self._patience = max_stagnation_trials

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The number of trials that may still pass; below 0 where too many did."""
        losses = [_loss(trial, study_direction) for trial in _complete(trials)]
        if not losses:
            raise ValueError("stagnation cannot be judged: no trial is complete yet")
        return self._patience - (len(losses) - 1 - losses.index(min(losses)))


class BaseErrorEvaluator(_abc.ABC):
    """The base of what says how much smaller an improvement must be to not matter."""

    @_abc.abstractmethod
    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The improvement that does not matter after these trials."""
        raise NotImplementedError


class StaticErrorEvaluator(BaseErrorEvaluator):
    """Always the same error."""

    def __init__(self, constant: float) -> None:
        self._constant = constant

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The constant."""
        return self._constant


class CrossValidationErrorEvaluator(BaseErrorEvaluator):
    """The standard error of the best trial's mean over folds, from what report_cross_validation_scores kept.

    Nadeau and Bengio 2003, *Inference for the Generalization Error*, Machine Learning 52: with k folds the variance of the scores counts
    1/k + 1/(k - 1) times, as the folds share their training data.
    """

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """The error of the best trial. ValueError if it reported no scores."""
        complete = _complete(trials)
        if not complete:
            raise ValueError("the error cannot be estimated: no trial is complete yet")
        best = min(complete, key=lambda trial: _loss(trial, study_direction))
        if _SCORES not in best.system_attrs:
            raise ValueError(
                f"trial {best.number} reported no scores: let the objective call `report_cross_validation_scores`"
            )
        scores = best.system_attrs[_SCORES]
        k = len(scores)
        return _math.sqrt((1 / k + 1 / (k - 1)) * _statistics.pvariance(scores))


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
        complete = sorted(_complete(trials), key=lambda trial: trial.number)[self._skipped :]
        if self._error is None:
            if len(complete) < self._counted:
                return -_sys.float_info.min
            found = [self._evaluator.evaluate(complete[:n], study_direction) for n in range(1, self._counted + 1)]
            self._error = min(_sys.float_info.max, _statistics.median_high(found) * self._ratio)
        return self._error


class BaseTerminator(_abc.ABC):
    """The base of what ends studies."""

    @_abc.abstractmethod
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
        _deprecated()
        if min_n_trials <= 0:
            raise ValueError(f"`min_n_trials` must be more than 0, but got {min_n_trials}")
        self._improvement, self._error = _evaluators(improvement_evaluator, error_evaluator)
        self._min_n_trials = min_n_trials

    def should_terminate(self, study: Study) -> bool:
        """Whether enough trials are complete and the improvement is smaller than the error."""
        trials = study.trials
        if len(_complete(trials)) < self._min_n_trials:
            return False
        improvement = self._improvement.evaluate(trials=trials, study_direction=study.direction)
        return improvement < self._error.evaluate(trials=trials, study_direction=study.direction)


def _evaluators(
    improvement: BaseImprovementEvaluator | None, error: BaseErrorEvaluator | None
) -> tuple[BaseImprovementEvaluator, BaseErrorEvaluator]:
    """Evaluators whose numbers can be compared."""
    if improvement is None:
        improvement = RegretBoundEvaluator()
    if error is None:
        stagnation = isinstance(improvement, BestValueStagnationEvaluator)
        error = StaticErrorEvaluator(0) if stagnation else CrossValidationErrorEvaluator()
    return improvement, error


class TerminatorCallback:
    """Lets a terminator end Study.optimize."""

    def __init__(self, terminator: BaseTerminator | None = None) -> None:
        """terminator: a Terminator with its defaults unless given."""
        _deprecated()
        self._terminator = terminator or Terminator()

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Stops the study if going on does not pay."""
        if self._terminator.should_terminate(study=study):
            _logging._root.info("The study has been stopped by the terminator.")
            study.stop()


def report_cross_validation_scores(trial: Trial, scores: Sequence[float]) -> None:
    """Keeps the scores of the folds with a running trial, for CrossValidationErrorEvaluator. At least two."""
    _deprecated()
    if len(scores) <= 1:
        raise ValueError(f"two scores or more are needed, but got {scores}")
    trial.study._set_system(trial.number, _SCORES, [float(score) for score in scores])
