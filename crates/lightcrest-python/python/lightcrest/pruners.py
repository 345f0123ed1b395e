"""What stops hopeless trials early, by what they report."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial

__all__ = ["BasePruner", "MedianPruner", "NopPruner", "SuccessiveHalvingPruner"]


class BasePruner:
    """The base of all pruners. One that is written in Python defines `prune`."""

    # What the engine knows the pruner by, and its settings; no name for one that is written in Python.
    _name = ""
    _settings: dict[str, Any] = {}

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a running trial should stop at its last report."""
        raise NotImplementedError


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


class MedianPruner(_EnginePruner):
    """Stops a trial when at the same step the better half of the complete trials was ahead of it."""

    _name = "median"

    def __init__(self, n_startup_trials: int = 5, n_warmup_steps: int = 0) -> None:
        """n_startup_trials: so many must be complete before one is stopped. n_warmup_steps: none is stopped before this step."""
        for name, value in (("n_startup_trials", n_startup_trials), ("n_warmup_steps", n_warmup_steps)):
            if value < 0:
                raise ValueError(f"`{name}` must be 0 or more, but got {value}")
        # The engine counts the step at which the warm-up ends as a part of it.
        super().__init__(startup_trials=n_startup_trials, warmup_steps=max(n_warmup_steps - 1, 0))


class SuccessiveHalvingPruner(_EnginePruner):
    """Asynchronous successive halving: at ever larger steps only the best share goes on."""

    _name = "halving"

    def __init__(
        self,
        min_resource: str | int = "auto",
        reduction_factor: int = 4,
        min_early_stopping_rate: int = 0,
        bootstrap_count: int = 0,
    ) -> None:
        if isinstance(min_resource, str) and min_resource != "auto":
            raise ValueError(f"`min_resource` must be 'auto' or a number of steps, but got {min_resource!r}")
        if bootstrap_count != 0:
            raise ValueError(f"`bootstrap_count` is not supported: it must be 0, but got {bootstrap_count}")
        super().__init__(
            min_resource="auto" if min_resource == "auto" else {"steps": min_resource},
            reduction_factor=reduction_factor,
            min_early_stopping_rate=min_early_stopping_rate,
        )
