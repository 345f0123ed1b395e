"""Trials whose processes died."""

from __future__ import annotations

from lightcrest._warn import warn as _warn
from lightcrest.exceptions import UpdateFinishedTrialError
from lightcrest.trial import FrozenTrial, TrialState, create_trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.study import Study


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
                user_attrs=trial.user_attrs,
                system_attrs=system,
                intermediate_values=reports,
            )
        )

    @staticmethod
    def retried_trial_number(trial: FrozenTrial) -> int | None:
        """The number of the trial that this one is run for again."""
        return trial.system_attrs.get("failed_trial")

    @staticmethod
    def retry_history(trial: FrozenTrial) -> list[int]:
        """The numbers of all trials that this one is run for again, oldest first."""
        return trial.system_attrs.get("retry_history", [])


class RetryFailedTrialCallback(RetryHeartbeatStaleTrialCallback):
    """Deprecated: use RetryHeartbeatStaleTrialCallback."""

    def __init__(self, max_retry: int | None = None, inherit_intermediate_values: bool = False) -> None:
        _warn("RetryFailedTrialCallback is deprecated: use RetryHeartbeatStaleTrialCallback", FutureWarning)
        super().__init__(max_retry, inherit_intermediate_values)


def fail_stale_trials(study: Study) -> None:
    """Fails the running trials whose processes died, and calls the callback of the study's storage for each.

    Nothing happens without a `heartbeat_interval`. `optimize` calls it before each trial. Whether a process lives is known from
    the operating system, or from the server of the database: a trial that runs for long, or that does not let Python go, is not stale.
    Trials whose heartbeats are recorded by hand (`record_heartbeat`) are stale when the last one is older than the grace period.
    """
    storage = study._storage
    if getattr(storage, "heartbeat_interval", None) is None:
        return
    for number in sorted({*study._engine.abandoned(), *storage._get_stale_trial_ids(study._study_id)}):
        try:
            failed = study.tell(number, state=TrialState.FAIL)
        except (ValueError, UpdateFinishedTrialError):
            continue  # another process was faster
        callback = storage.heartbeat_stale_trial_callback  # type: ignore[attr-defined]
        if callback is not None:
            callback(study, failed)
