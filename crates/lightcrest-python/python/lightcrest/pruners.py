"""What stops hopeless trials early, by what they report."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class BasePruner:
    """The base of all pruners: a name that the engine knows, and settings."""

    _name = ""

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self._settings.items())
        return f"{type(self).__name__}({settings})"


class NopPruner(BasePruner):
    """Stops nothing."""

    _name = "none"


class MedianPruner(BasePruner):
    """Stops a trial when at the same step the better half of the complete trials was ahead of it."""

    _name = "median"

    def __init__(self, n_startup_trials: int = 5, n_warmup_steps: int = 0) -> None:
        super().__init__()
        self._settings = {"startup_trials": n_startup_trials, "warmup_steps": n_warmup_steps}


class SuccessiveHalvingPruner(BasePruner):
    """Asynchronous successive halving: at ever larger steps only the best share goes on."""

    _name = "halving"

    def __init__(
        self,
        min_resource: str | int = "auto",
        reduction_factor: int = 4,
        min_early_stopping_rate: int = 0,
    ) -> None:
        super().__init__()
        if isinstance(min_resource, str) and min_resource != "auto":
            raise ValueError(f"`min_resource` must be 'auto' or a number of steps, but got {min_resource!r}")
        self._settings = {
            "min_resource": None if min_resource == "auto" else min_resource,
            "reduction_factor": reduction_factor,
            "min_early_stopping_rate": min_early_stopping_rate,
        }
