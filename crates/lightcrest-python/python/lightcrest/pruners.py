"""What stops hopeless trials early, by what they report."""

from __future__ import annotations

import abc as _abc
import math as _math

from lightcrest._state import TrialState
from lightcrest._warn import experimental as _experimental
from lightcrest._warn import warn as _warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial

__all__ = [
    "BasePruner",
    "HyperbandPruner",
    "MedianPruner",
    "NopPruner",
    "PatientPruner",
    "PercentilePruner",
    "SuccessiveHalvingPruner",
    "ThresholdPruner",
    "WilcoxonPruner",
]


class BasePruner(_abc.ABC):
    """The base of all pruners. One that is written in Python defines `prune`."""

    # Whether it is asked in Python, though the engine has it too; and whether it is decided there.
    _in_python = False
    _decides = False
    # What the engine knows the pruner by, and its settings; no name for one that is written in Python.
    _name = ""
    _settings: dict[str, Any] = {}

    @_abc.abstractmethod
    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a running trial should stop at its last report."""
        raise NotImplementedError

    def _stops(self, study: Study, number: int) -> bool:
        """Whether a running trial of this number should stop at its last report."""
        return self.prune(study, study._frozen(number))


class _EnginePruner(BasePruner):
    """A pruner of the engine: a name that it knows, and settings."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a running trial should stop at its last report."""
        if study.pruner is self:
            return study._engine.should_prune(trial.number)
        from lightcrest._mirror import Mirror

        mirror = Mirror(study, "random", {}, 0)
        mirror.engine.set_pruner(self._name, self._settings)
        mirror.follow(study, -1)
        return mirror.engine.should_prune(trial.number)

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self._settings.items())
        return f"{type(self).__name__}({settings})"


class NopPruner(_EnginePruner):
    """Stops nothing."""

    _name = "none"

    def __init__(self) -> None:
        super().__init__()


def _least(least: int, **numbers: int) -> None:
    for name, value in numbers.items():
        if value < least:
            raise ValueError(f"`{name}` must be {least} or more, but got {value}")


def _bootstrap(count: int, name: str, resource: str | int) -> None:
    _least(0, bootstrap_count=count)
    if count > 0 and resource == "auto":
        raise ValueError(f"with `bootstrap_count`, `{name}` must be a number of steps, but got 'auto'")


def _limit(name: str, value: float | None) -> float | None:
    """A limit as a number, if there is one."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a number, but is of type {type(value).__name__}") from None
    if number != number:
        raise ValueError(f"`{name}` must be a number, but got {value}")
    return number


class PercentilePruner(_EnginePruner):
    """Stops a trial when even its best report is behind a percentile of what complete trials had at the same step."""

    _name = "percentile"

    def __init__(
        self,
        percentile: float,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        """percentile: about so many percent go on. n_startup_trials: so many must be complete before one is stopped. n_warmup_steps:
        none is stopped before this step. interval_steps: how far apart decisions are. n_min_trials: so many must have reported at the step.
        """
        if not 0.0 <= percentile <= 100.0:
            raise ValueError(f"`percentile` must be between 0 and 100, but got {percentile}")
        _least(0, n_startup_trials=n_startup_trials, n_warmup_steps=n_warmup_steps)
        _least(1, interval_steps=interval_steps, n_min_trials=n_min_trials)
        super().__init__(
            percentile=float(percentile),
            startup_trials=n_startup_trials,
            warmup_steps=n_warmup_steps,
            interval_steps=interval_steps,
            min_trials=n_min_trials,
        )


class MedianPruner(PercentilePruner):
    """Stops a trial when even its best report is behind the median of what complete trials had at the same step."""

    def __init__(
        self,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        """As PercentilePruner, with 50 percent."""
        super().__init__(50.0, n_startup_trials, n_warmup_steps, interval_steps, n_min_trials=n_min_trials)


# Where a trial keeps what it had at a rung.
_COMPLETED = "completed_rung_{}"


class SuccessiveHalvingPruner(_EnginePruner):
    """Asynchronous successive halving: at ever larger steps only the best share goes on.

    With one objective it goes by `completed_rung_k` in the `system_attrs` of trials: what a trial had reported last when it was asked
    about first at the step of rung k or later. With several the engine decides, by reports.
    """

    _name = "halving"
    _in_python = True
    _decides = True

    def __init__(
        self,
        min_resource: str | int = "auto",
        reduction_factor: int = 4,
        min_early_stopping_rate: int = 0,
        bootstrap_count: int = 0,
    ) -> None:
        """min_resource: steps before the first rung; a hundredth of the longest complete trial when there is one, unless given.
        reduction_factor: one in so many goes on. min_early_stopping_rate: so many of the lowest rungs are left out. bootstrap_count: so many
        of the first trials to arrive at a rung stop there."""
        if isinstance(min_resource, str) and min_resource != "auto":
            raise ValueError(f"`min_resource` must be 'auto' or a number of steps, but got {min_resource!r}")
        if not isinstance(min_resource, str):
            _least(1, min_resource=min_resource)
        _least(2, reduction_factor=reduction_factor)
        _least(0, min_early_stopping_rate=min_early_stopping_rate)
        _bootstrap(bootstrap_count, "min_resource", min_resource)
        super().__init__(
            min_resource="auto" if min_resource == "auto" else {"steps": min_resource},
            reduction_factor=reduction_factor,
            min_early_stopping_rate=min_early_stopping_rate,
            bootstrap_count=bootstrap_count,
        )
        self._min_resource = None if min_resource == "auto" else int(min_resource)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a running trial should stop at its last report: whether it is not among the best of a rung that it has reached since it
        was asked about last."""
        if len(study.directions) > 1:
            return super().prune(study, trial)
        step = trial.last_step
        if step is None:
            return False
        first = self._first_rung(study)
        if first is None:
            # Until another trial has ended; it is looked again after a tenth more.
            study._rungs[trial.number] = (step, step + step // 10 + 1)
            return False
        value, rung = trial.intermediate_values[step], 0
        while _COMPLETED.format(rung) in trial.system_attrs:
            rung += 1
        while step >= first * self._settings["reduction_factor"] ** rung:
            if value != value:
                return True
            study._set_system(trial.number, _COMPLETED.format(rung), value)
            if not self._goes_on(study, trial.number, _COMPLETED.format(rung), value):
                return True
            rung += 1
        study._rungs[trial.number] = (step, first * self._settings["reduction_factor"] ** rung)
        return False

    def _stops(self, study: Study, number: int) -> bool:
        """As `prune`, which looks at the whole trial: most questions are asked between two rungs, and have the answer of the last one."""
        if len(study.directions) > 1:
            return study._engine.should_prune(number)
        step = study._engine.last_step(number)
        asked, due = study._rungs.get(number, (0, 0))
        # A step before the one that was asked about last is of another run of the trial.
        if step is not None and asked <= step < due:
            study._rungs[number] = (step, due)
            return False
        # So that trials that have ended are forgotten; those that run are looked at once more.
        if len(study._rungs) > 1000:
            study._rungs.clear()
        return super()._stops(study, number)

    def _first_rung(self, study: Study) -> int | None:
        """The step of the first rung; None while no trial tells it."""
        if self._min_resource is None:
            complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            longest = max((trial.last_step for trial in complete if trial.last_step is not None), default=None)
            if longest is None:
                return None
            self._min_resource = max(longest // 100, 1)
        return self._min_resource * self._settings["reduction_factor"] ** self._settings["min_early_stopping_rate"]

    def _goes_on(self, study: Study, number: int, key: str, value: float) -> bool:
        """Whether a value is among the best of those that are kept by this key."""
        others = (trial.system_attrs.get(key) for trial in study.get_trials(deepcopy=False) if trial.number != number)
        there = sorted([value, *(other for other in others if other is not None)])
        if len(there) <= self._settings["bootstrap_count"]:
            return False
        best = max(1, len(there) // self._settings["reduction_factor"])
        return value >= there[-best] if study.direction.name == "MAXIMIZE" else value <= there[best - 1]


class HyperbandPruner(_EnginePruner):
    """Successive halving in several brackets, whose first rungs are early or late."""

    _name = "hyperband"

    def __init__(
        self,
        min_resource: int = 1,
        max_resource: str | int = "auto",
        reduction_factor: int = 3,
        bootstrap_count: int = 0,
    ) -> None:
        """min_resource, max_resource: steps before the first rung, and of a complete trial. reduction_factor: one in so many goes on.
        bootstrap_count: so many of the first trials to arrive at a rung stop there."""
        if isinstance(max_resource, str) and max_resource != "auto":
            raise ValueError(f"`max_resource` must be 'auto' or a number of steps, but got {max_resource!r}")
        _bootstrap(bootstrap_count, "max_resource", max_resource)
        super().__init__(
            min_resource=min_resource,
            max_resource="auto" if max_resource == "auto" else {"steps": max_resource},
            reduction_factor=reduction_factor,
            bootstrap_count=bootstrap_count,
        )


class ThresholdPruner(_EnginePruner):
    """Stops a trial whose report is below `lower`, above `upper` or NaN."""

    _name = "threshold"

    def __init__(
        self,
        lower: float | None = None,
        upper: float | None = None,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
    ) -> None:
        """At least one of lower and upper. n_warmup_steps, interval_steps: as PercentilePruner."""
        if lower is None and upper is None:
            raise TypeError("`lower`, `upper` or both must be given")
        lower, upper = _limit("lower", lower), _limit("upper", upper)
        if lower is not None and upper is not None and lower > upper:
            raise ValueError(f"`lower` must not be above `upper`, but got {lower} and {upper}")
        _least(0, n_warmup_steps=n_warmup_steps)
        _least(1, interval_steps=interval_steps)
        bounds = {"lower": lower, "upper": upper}
        super().__init__(
            **{name: value for name, value in bounds.items() if value is not None and abs(value) != float("inf")},
            warmup_steps=n_warmup_steps,
            interval_steps=interval_steps,
        )


@_experimental
class PatientPruner(_EnginePruner):
    """Stops a trial that has not improved for a while, if the pruner that it wraps would stop it too."""

    def __init__(self, wrapped_pruner: BasePruner | None, patience: int, min_delta: float = 0.0) -> None:
        """wrapped_pruner: another pruner, or None for patience alone. patience: so many reports may pass without an improvement. min_delta: by
        how much a report may be behind the best before."""
        _least(0, patience=patience)
        if min_delta < 0:
            raise ValueError(f"`min_delta` must be 0 or more, but got {min_delta}")
        if wrapped_pruner is not None and not isinstance(wrapped_pruner, BasePruner):
            raise TypeError(f"a pruner is needed, but got {wrapped_pruner!r}")
        # A pruner that decides in Python cannot be given to the engine, so then this one is not the engine's either.
        decides = wrapped_pruner is not None and (wrapped_pruner._decides or not wrapped_pruner._name)
        self._asked = wrapped_pruner if decides else None
        self._name = "patient" if self._asked is None else ""
        engine = wrapped_pruner is not None and self._asked is None
        wrapped = {"wrapped": (wrapped_pruner._name, wrapped_pruner._settings)} if engine else {}
        super().__init__(patience=patience, min_delta=float(min_delta), **wrapped)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a running trial should stop at its last report."""
        if self._asked is None:
            return super().prune(study, trial)
        return self._declined(study, trial) and self._asked.prune(study, trial)

    def _declined(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the last reports are all behind the best one before them."""
        sign = 1.0 if study.direction.name == "MAXIMIZE" else -1.0
        reports = [sign * value for _, value in sorted(trial.intermediate_values.items())]
        split = max(0, len(reports) - self._settings["patience"] - 1)
        before, after = ([value for value in part if value == value] for part in (reports[:split], reports[split:]))
        return bool(before and after) and max(before) - self._settings["min_delta"] > max(after)


@_experimental
class WilcoxonPruner(_EnginePruner):
    """Stops a trial that is significantly behind the best one over the instances that both reported, by the signed-rank test."""

    _name = "wilcoxon"
    _in_python = True

    def __init__(self, *, p_threshold: float = 0.1, n_startup_steps: int = 2) -> None:
        """p_threshold: a trial stops below this p-value. n_startup_steps: so many instances must be common."""
        _least(0, n_startup_steps=n_startup_steps)
        if not 0.0 <= p_threshold <= 1.0:
            raise ValueError(f"`p_threshold` must be between 0 and 1, but got {p_threshold}")
        super().__init__(p_threshold=float(p_threshold), startup_steps=n_startup_steps)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a running trial should stop at its last report. Warns where there is little to compare with."""
        best = study._trials.best_or_none()
        if best is not None:
            known = best.intermediate_values
            if not known:
                _warn("WilcoxonPruner has nothing to compare with: the best trial reported nothing")
            elif any(not _math.isfinite(value) for value in known.values()):
                _warn("WilcoxonPruner leaves out reports of the best trial that are infinite or NaN")
            elif trial.last_step is not None and trial.last_step not in known:
                _warn(f"WilcoxonPruner cannot compare instance {trial.last_step}: the best trial did not report it")
        if any(not _math.isfinite(value) for value in trial.intermediate_values.values()):
            _warn("WilcoxonPruner leaves out reports that are infinite or NaN")
        return super().prune(study, trial)
