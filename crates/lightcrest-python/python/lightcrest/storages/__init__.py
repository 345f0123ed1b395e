"""Where studies live: in memory, in SQLite files or PostgreSQL, in journals, or in a storage that is written in Python.

A database holds any number of studies, and any number of processes may work on them: those of one machine on a SQLite
file, which must lie on a local disk, and those of several machines on PostgreSQL. What running trials ask for and report is
stored at once, so a trial can be told by another process than the one that asked for it.
"""

from __future__ import annotations

from lightcrest.storages import journal
from lightcrest.storages._base import BaseStorage
from lightcrest.storages._deprecated import (
    BaseJournalLogStorage,
    JournalFileOpenLock,
    JournalFileStorage,
    JournalFileSymlinkLock,
    JournalRedisStorage,
)
from lightcrest.storages._heartbeat import fail_stale_trials
from lightcrest.storages._memory import InMemoryStorage
from lightcrest.storages._retry import RetryFailedTrialCallback, RetryHeartbeatStaleTrialCallback
from lightcrest.storages.journal import JournalFileBackend, JournalStorage
from lightcrest.storages._sqlite import RDBStorage

__all__ = [
    "BaseJournalLogStorage",
    "BaseStorage",
    "InMemoryStorage",
    "JournalFileBackend",
    "JournalFileOpenLock",
    "JournalFileStorage",
    "JournalFileSymlinkLock",
    "JournalRedisStorage",
    "JournalStorage",
    "RDBStorage",
    "RetryFailedTrialCallback",
    "RetryHeartbeatStaleTrialCallback",
    "fail_stale_trials",
    "get_storage",
    "journal",
]


def get_storage(storage: str | BaseStorage | None) -> BaseStorage:
    """The storage that an argument means: None is a new one in memory, a text is the URL of a database."""
    if storage is None:
        return InMemoryStorage()
    if isinstance(storage, str):
        return InMemoryStorage() if storage == "sqlite:///:memory:" else RDBStorage(storage)
    if isinstance(storage, BaseStorage):
        return storage
    raise TypeError(f"a storage or a URL such as 'sqlite:///study.db' is needed, but got {storage!r}")
