"""Trials whose processes died."""

from __future__ import annotations

from lightcrest._warn import experimental as _experimental
from lightcrest._warn import warn as _warn
from lightcrest.trial import FrozenTrial, TrialState, create_trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.study import Study


@_experimental
class RetryHeartbeatStaleTrialCallback:
    """Enqueues a trial whose process died once more, at most `max_retry` times."""

    def __init__(self, max_retry: int | None = None, inherit_intermediate_values: bool = False) -> None:
        self._max_retry = max_retry
        self._inherit_intermediate_values = inherit_intermediate_values

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Enqueues the trial again."""
        system: dict[str, Any] = {"failed_trial": trial.number, **trial.system_attrs}
        system["retry_history"] = [*system.get("retry_history", []), trial.number]
        if self._max_retry is not None and len(system["retry_history"]) > self._max_retry:
            return
        system["fixed_params"] = {**trial.params, **system.get("fixed_params", {})}
        reports = trial.intermediate_values if self._inherit_intermediate_values else None
        study.add_trial(
            create_trial(
                state=TrialState.WAITING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=trial.user_attrs,
                system_attrs=system,
                intermediate_values=reports,
            )
        )

    @staticmethod
    @_experimental
    def retried_trial_number(trial: FrozenTrial) -> int | None:
        """The number of the trial that this one is run for again."""
        return trial.system_attrs.get("failed_trial")

    @staticmethod
    @_experimental
    def retry_history(trial: FrozenTrial) -> list[int]:
        """The numbers of all trials that this one is run for again, oldest first."""
        return trial.system_attrs.get("retry_history", [])


class RetryFailedTrialCallback(RetryHeartbeatStaleTrialCallback):
    """Deprecated: use RetryHeartbeatStaleTrialCallback."""

    def __init__(self, max_retry: int | None = None, inherit_intermediate_values: bool = False) -> None:
        _warn("RetryFailedTrialCallback is deprecated: use RetryHeartbeatStaleTrialCallback", FutureWarning)
        super().__init__(max_retry, inherit_intermediate_values)
