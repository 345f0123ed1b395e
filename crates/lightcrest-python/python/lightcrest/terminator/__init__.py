"""What ends a study when going on does not pay: Optuna's deprecated module, for scripts that use it.

A Terminator compares an improvement, what is still to be gained, with an error, what a value is worth: a study ends when the improvement is
smaller. Both evaluators may be written in Python.
"""

from __future__ import annotations

from lightcrest.terminator.callback import TerminatorCallback
from lightcrest.terminator.erroreval import (
    BaseErrorEvaluator,
    CrossValidationErrorEvaluator,
    StaticErrorEvaluator,
    report_cross_validation_scores,
)
from lightcrest.terminator.improvement.emmr import EMMREvaluator
from lightcrest.terminator.improvement.evaluator import (
    BaseImprovementEvaluator,
    BestValueStagnationEvaluator,
    RegretBoundEvaluator,
)
from lightcrest.terminator.median_erroreval import MedianErrorEvaluator
from lightcrest.terminator.terminator import BaseTerminator, Terminator

__all__ = [
    "BaseErrorEvaluator",
    "BaseImprovementEvaluator",
    "BaseTerminator",
    "BestValueStagnationEvaluator",
    "CrossValidationErrorEvaluator",
    "EMMREvaluator",
    "MedianErrorEvaluator",
    "RegretBoundEvaluator",
    "StaticErrorEvaluator",
    "Terminator",
    "TerminatorCallback",
    "report_cross_validation_scores",
]
