"""What Lightcrest raises, beside ValueError and TypeError for arguments that cannot be."""

from __future__ import annotations

__all__ = [
    "CLIUsageError",
    "CompressionError",
    "DuplicatedStudyError",
    "ExperimentalWarning",
    "OptunaError",
    "StorageInternalError",
    "TrialPruned",
    "UpdateFinishedTrialError",
]


class OptunaError(Exception):
    """The base of the others; the name is the one that users of Optuna catch."""


class TrialPruned(OptunaError):
    """Raised by an objective to say that its trial was stopped early."""


class CLIUsageError(OptunaError):
    """A command line that cannot be. Lightcrest's program is not written in Python and never raises it."""


class CompressionError(OptunaError, ValueError):
    """A model cannot be read or made lighter, or a compression of the program `lightcrest` failed."""


class StorageInternalError(OptunaError):
    """The storage refuses: a full disk, a lost connection."""


class DuplicatedStudyError(OptunaError):
    """There is a study of that name already."""


class UpdateFinishedTrialError(OptunaError, RuntimeError):
    """A trial that has ended cannot be changed."""


class _LeaseLost(UpdateFinishedTrialError):
    """A trial was given to another worker, since this one was taken for dead."""


class ExperimentalWarning(Warning):
    """What is used may change: what Optuna calls experimental is so here."""


class _Exhausted(OptunaError):
    """A sampler has nothing left to propose: the end of a study, not a failure."""
