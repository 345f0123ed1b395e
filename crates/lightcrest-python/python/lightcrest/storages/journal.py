"""Optuna's journal, as far as scripts name it. Here it is a SQLite file like any other."""

from __future__ import annotations

from lightcrest.storages._sqlite import _FileStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["JournalFileBackend", "JournalFileOpenLock", "JournalFileSymlinkLock", "JournalStorage"]


class JournalFileSymlinkLock:
    """Accepted where Optuna takes it. SQLite locks its file itself, so it does nothing."""

    def __init__(self, filepath: str, grace_period: int | None = 30) -> None:
        if grace_period is not None and grace_period <= 0:
            raise ValueError(f"`grace_period` must be more than 0, but got {grace_period}")
        self.filepath = filepath


class JournalFileOpenLock(JournalFileSymlinkLock):
    """Accepted where Optuna takes it. SQLite locks its file itself, so it does nothing."""


class JournalFileBackend:
    """Names the file of a JournalStorage."""

    def __init__(self, file_path: str, lock_obj: Any = None) -> None:
        self.file_path = file_path


class JournalStorage(_FileStorage):
    """Keeps studies in the file that its backend names.

    The file is a SQLite database, as that of RDBStorage, and no journal: it can be shared by the processes of one machine, and
    journals that Optuna wrote are refused.
    """

    def __init__(self, log_storage: JournalFileBackend) -> None:
        if not isinstance(log_storage, JournalFileBackend):
            raise TypeError(f"a JournalFileBackend is needed, but got {log_storage!r}")
        super().__init__(log_storage.file_path)
