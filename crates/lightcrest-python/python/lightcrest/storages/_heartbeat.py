"""Signs of life of running trials."""

from __future__ import annotations

import abc as _abc

from lightcrest._state import TrialState
from lightcrest._warn import experimental as _experimental
from lightcrest.exceptions import UpdateFinishedTrialError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lightcrest.storages._base import BaseStorage
    from lightcrest.study import Study


class BaseHeartbeat(_abc.ABC):
    """The base of storages that know which running trials gave no sign of life for too long."""

    @_abc.abstractmethod
    def record_heartbeat(self, trial_id: int) -> None:
        """Says that a running trial is alive."""
        raise NotImplementedError

    @_abc.abstractmethod
    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        raise NotImplementedError

    @_abc.abstractmethod
    def get_heartbeat_interval(self) -> int | None:
        """How many seconds apart signs of life are; None if nothing is made of them."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_heartbeat_stale_trial_callback(self) -> Callable[..., None] | None:
        """What is called for a trial that gave none."""
        raise NotImplementedError


def is_heartbeat_enabled(storage: BaseStorage) -> bool:
    """Whether a storage fails trials that give no sign of life."""
    return isinstance(storage, BaseHeartbeat) and storage.get_heartbeat_interval() is not None


@_experimental
def fail_stale_trials(study: Study) -> None:
    """Fails the running trials whose processes died, and calls the callback of the study's storage for each.

    Nothing happens without a `heartbeat_interval`. `optimize` calls it before each trial. Whether a process lives is known from
    the operating system, or from the server of the database: a trial that runs for long, or that does not let Python go, is not stale.
    Trials whose heartbeats are recorded by hand (`record_heartbeat`) are stale when the last one is older than the grace period.
    """
    storage = study._storage
    if not isinstance(storage, BaseHeartbeat) or storage.get_heartbeat_interval() is None:
        return
    late = map(study._storage.get_trial_number_from_id, storage._get_stale_trial_ids(study._study_id))
    for number in sorted({*study._engine.abandoned(), *late}):
        try:
            failed = study.tell(number, state=TrialState.FAIL)
        except (ValueError, UpdateFinishedTrialError):
            continue  # another process was faster
        callback = storage.get_heartbeat_stale_trial_callback()
        if callback is not None:
            callback(study, failed)
