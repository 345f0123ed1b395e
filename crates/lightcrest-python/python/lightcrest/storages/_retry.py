"""Trials whose processes died."""

from __future__ import annotations

import datetime as _datetime

from lightcrest._warn import warn as _warn
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
    """Fails the trials that have been running for longer than the grace period of the study's storage, and calls its callback.

    Lightcrest sends no heartbeats: what counts is when a trial began, so the grace period must exceed the longest trial, or trials
    that are alive are failed, too. Without a `heartbeat_interval`, nothing happens.
    """
    interval = getattr(study._storage, "heartbeat_interval", None)
    if interval is None:
        return
    grace = _datetime.timedelta(seconds=study._storage.grace_period or 2 * interval)  # type: ignore[attr-defined]
    now = _datetime.datetime.now()
    trials = study.get_trials(deepcopy=False)
    # A trial that had a number only when its process died came before the next that began.
    begun, stale = None, []
    for trial in reversed(trials):
        begun = trial.datetime_start or begun
        if trial.state is TrialState.RUNNING and begun is not None and now - begun > grace:
            stale.append(trial.number)
    for number in reversed(stale):
        _warn(
            f"trial {number} is failed, since it began more than {grace.total_seconds():g} s ago: Lightcrest sends no heartbeats and cannot "
            "tell whether it is alive, so let `grace_period` exceed the longest trial"
        )
        failed = study.tell(number, state=TrialState.FAIL)
        callback = study._storage.heartbeat_stale_trial_callback  # type: ignore[attr-defined]
        if callback is not None:
            callback(study, failed)
