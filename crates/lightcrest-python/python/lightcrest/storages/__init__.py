"""Where studies live: in memory, in SQLite files, or in PostgreSQL.

A database holds any number of studies, and any number of processes may work on them: those of one machine on a SQLite
file, which must lie on a local disk, and those of several machines on PostgreSQL. What running trials ask for and report is
stored at once, so a trial can be told by another process than the one that asked for it.
"""

from __future__ import annotations

import threading as _threading

from lightcrest import _engine
from lightcrest.storages import journal
from lightcrest.storages._base import BaseStorage
from lightcrest.storages._retry import RetryFailedTrialCallback, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from lightcrest.storages.journal import (
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileStorage,
    JournalFileSymlinkLock,
    JournalStorage,
)
from lightcrest.storages._sqlite import RDBStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "BaseStorage",
    "InMemoryStorage",
    "JournalFileBackend",
    "JournalFileOpenLock",
    "JournalFileStorage",
    "JournalFileSymlinkLock",
    "JournalStorage",
    "RDBStorage",
    "RetryFailedTrialCallback",
    "RetryHeartbeatStaleTrialCallback",
    "fail_stale_trials",
    "get_storage",
    "journal",
]


class _Kept:
    """A study in memory."""

    def __init__(self, number: int, directions: list[str]) -> None:
        self.number = number
        self.directions = directions
        self.trials = _engine.Memory()
        self.trial_attributes: dict[int, dict[str, Any]] = {}
        self.attributes: dict[str, dict[str, Any]] = {"user": {}, "system": {}}


class InMemoryStorage(BaseStorage):
    """Keeps studies while the process lives. Attributes may be anything, not only what JSON can say."""

    _description = "memory"

    def __init__(self) -> None:
        self._studies: dict[str, _Kept] = {}
        self._made = 0
        self._lock = _threading.Lock()

    def _names(self) -> list[str]:
        return list(self._studies)

    def _kept(self, name: str) -> _Kept:
        if name not in self._studies:
            raise KeyError(f"there is no study {name!r}")
        return self._studies[name]

    def _create(self, name: str, directions: list[str]) -> bool:
        with self._lock:
            if name in self._studies:
                return False
            self._studies[name] = _Kept(self._made, directions)
            self._made += 1
            return True

    def _id(self, name: str) -> int:
        return self._studies[name].number if name in self._studies else self._made

    def _directions(self, name: str) -> list[str]:
        return self._kept(name).directions

    def _place(self, name: str) -> tuple[Any, dict[int, dict[str, Any]] | None]:
        kept = self._kept(name)
        return kept.trials, kept.trial_attributes

    def _attributes(self, name: str) -> dict[str, dict[str, Any]]:
        return self._kept(name).attributes

    def _set(self, name: str, kind: str, key: str, value: Any) -> None:
        self._kept(name).attributes.setdefault(kind, {})[key] = value

    def _delete(self, name: str) -> None:
        self._kept(name)
        del self._studies[name]


def get_storage(storage: str | BaseStorage | None) -> BaseStorage:
    """The storage that an argument means: None is a new one in memory, a text is the URL of a database."""
    if storage is None:
        return InMemoryStorage()
    if isinstance(storage, str):
        return InMemoryStorage() if storage == "sqlite:///:memory:" else RDBStorage(storage)
    if isinstance(storage, BaseStorage):
        return storage
    raise TypeError(f"a storage or a URL such as 'sqlite:///study.db' is needed, but got {storage!r}")
