"""Names that Optuna keeps for scripts of its fourth version."""

from __future__ import annotations

from lightcrest._warn import warn as _warn
from lightcrest.storages import journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class JournalFileStorage(journal.JournalFileBackend):
    """Deprecated: use journal.JournalFileBackend."""

    def __init__(self, file_path: str, lock_obj: Any = None) -> None:
        _warn("JournalFileStorage is deprecated: use journal.JournalFileBackend", FutureWarning)
        super().__init__(file_path, lock_obj)


class JournalFileSymlinkLock(journal.JournalFileSymlinkLock):
    """Deprecated: use journal.JournalFileSymlinkLock."""

    def __init__(self, filepath: str, grace_period: int | None = 30) -> None:
        _warn("storages.JournalFileSymlinkLock is deprecated: use journal.JournalFileSymlinkLock", FutureWarning)
        super().__init__(filepath, grace_period)


class JournalFileOpenLock(journal.JournalFileOpenLock):
    """Deprecated: use journal.JournalFileOpenLock."""

    def __init__(self, filepath: str, grace_period: int | None = 30) -> None:
        _warn("storages.JournalFileOpenLock is deprecated: use journal.JournalFileOpenLock", FutureWarning)
        super().__init__(filepath, grace_period)


class JournalRedisStorage(journal.JournalRedisBackend):
    """Deprecated: use journal.JournalRedisBackend."""

    def __init__(self, url: str, use_cluster: bool = False, prefix: str = "") -> None:
        _warn("JournalRedisStorage is deprecated: use journal.JournalRedisBackend", FutureWarning)
        super().__init__(url, use_cluster, prefix)


class BaseJournalLogStorage(journal.BaseJournalBackend):
    """Deprecated: use journal.BaseJournalBackend."""

    def __init__(self) -> None:
        _warn("BaseJournalLogStorage is deprecated: use journal.BaseJournalBackend", FutureWarning)
