"""Optuna's journals: logs of what was done, in files and Redis, and files of the engine in their place."""

from __future__ import annotations

import copy as _copy
import datetime as _datetime
import threading as _threading
import uuid as _uuid

from lightcrest.storages._base import BaseStorage, made_up
from lightcrest.storages._journal_files import (
    BaseJournalBackend,
    BaseJournalFileLock,
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileSymlinkLock,
    JournalRedisBackend,
)
from lightcrest.storages._sqlite import _FileStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.storages._base import FrozenStudy
    from lightcrest.storages._replay import Replay
    from lightcrest.study import StudyDirection
    from lightcrest.trial import FrozenTrial, TrialState

__all__ = [
    "BaseJournalBackend",
    "BaseJournalFileLock",
    "JournalFileBackend",
    "JournalFileOpenLock",
    "JournalFileSymlinkLock",
    "JournalRedisBackend",
    "JournalStorage",
]


class JournalStorage(BaseStorage):
    """Keeps studies where its backend says.

    A file that Optuna wrote goes on as a journal, and so does a new one whose lock is given, and what is in Redis. Any other new file
    is a SQLite database, as that of RDBStorage: many times as fast, and for the processes of one machine.
    """

    def __new__(cls, log_storage: BaseJournalBackend | None = None) -> JournalStorage:
        if cls is not JournalStorage:
            return super().__new__(cls)
        if not isinstance(log_storage, BaseJournalBackend):
            raise TypeError(f"a journal's backend is needed, such as a JournalFileBackend, but got {log_storage!r}")
        database = isinstance(log_storage, JournalFileBackend) and not log_storage._is_journal()
        return super().__new__(_InDatabase if database else _InJournal)


class _InDatabase(_FileStorage, JournalStorage):
    """Keeps studies in a SQLite file."""

    def __init__(self, log_storage: JournalFileBackend) -> None:
        super().__init__(log_storage.file_path)


class _InJournal(JournalStorage):
    """Keeps studies in a journal, which every process replays."""

    def __init__(self, log_storage: BaseJournalBackend) -> None:
        self._backend = log_storage
        self._begin()
        self._synchronized()

    def _begin(self) -> None:
        from lightcrest.storages._replay import Replay

        self._process = f"{_uuid.uuid4()}-"
        self._lock = _threading.RLock()
        self._replay = Replay()

    def __getstate__(self) -> dict[str, Any]:
        return {"_backend": self._backend}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    @property
    def _description(self) -> str:  # type: ignore[override]
        return str(getattr(self._backend, "file_path", type(self._backend).__name__))

    @property
    def _worker(self) -> str:
        return f"{self._process}{_threading.get_ident()}"

    def _synchronized(self) -> Replay:
        """All as the journal's end has it."""
        with self._lock:
            self._replay.apply(self._backend.read_logs(self._replay.read), self._worker)
            return self._replay

    def _write_log(self, op_code: int, entry: dict[str, Any]) -> Replay:
        with self._lock:
            self._backend.append_logs([{"op_code": int(op_code), "worker_id": self._worker, **entry}])
            return self._synchronized()

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        name = study_name or made_up()
        self._write_log(0, {"study_name": name, "directions": [int(direction) for direction in directions]})
        return self.get_study_id_from_name(name)

    def delete_study(self, study_id: int) -> None:
        self._write_log(1, {"study_id": study_id})

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._write_log(2, {"study_id": study_id, "user_attr": {key: value}})

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._write_log(3, {"study_id": study_id, "system_attr": {key: value}})

    def get_study_id_from_name(self, study_name: str) -> int:
        for study in self._synchronized().studies.values():
            if study.study_name == study_name:
                return study._study_id
        raise KeyError(f"there is no study {study_name!r} in {self._description}")

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._synchronized().study(study_id).study_name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._synchronized().study(study_id).directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._synchronized().study(study_id).user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._synchronized().study(study_id).system_attrs

    def get_all_studies(self) -> list[FrozenStudy]:
        return _copy.deepcopy(list(self._synchronized().studies.values()))

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        from lightcrest.storages._replay import as_entry, written

        now = written(_datetime.datetime.now())
        entry = {"datetime_start": now} if template_trial is None else as_entry(template_trial)
        return self._write_log(4, {"study_id": study_id, **entry}).made[self._worker]

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        from lightcrest.distributions import distribution_to_json

        entry = {"param_name": param_name, "param_value_internal": param_value_internal}
        self._write_log(5, {"trial_id": trial_id, **entry, "distribution": distribution_to_json(distribution)})

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        from lightcrest.storages._replay import written

        now = written(_datetime.datetime.now())
        entry: dict[str, Any] = {"trial_id": trial_id, "state": int(state), "values": values}
        if state.is_finished():
            entry["datetime_complete"] = now
        begins = state.name == "RUNNING"
        if not begins:
            self._write_log(6, entry)
            return True
        with self._lock:
            known = self._synchronized().trial(trial_id)
            self.check_trial_is_updatable(trial_id, known.state)
            if known.state.name == "RUNNING":
                return False
            # Of several workers that claim it at once, the first in the journal has it.
            self._replay.claimed.pop(self._worker, None)
            return self._write_log(6, {**entry, "datetime_start": now}).claimed.get(self._worker) == trial_id

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        self._write_log(7, {"trial_id": trial_id, "step": step, "intermediate_value": intermediate_value})

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._write_log(8, {"trial_id": trial_id, "user_attr": {key: value}})

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._write_log(9, {"trial_id": trial_id, "system_attr": {key: value}})

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._synchronized().trial(trial_id)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        found = [trial for trial in self._synchronized().all_trials(study_id) if states is None or trial.state in states]
        return _copy.deepcopy(found) if deepcopy else found

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        replay = self._synchronized()
        replay.study(study_id)
        if trial_number >= len(replay.of_study[study_id]):
            raise KeyError(f"the study of the id {study_id} has no trial {trial_number}")
        return replay.of_study[study_id][trial_number]
