"""Where journals are kept: files with their locks, and Redis."""

from __future__ import annotations

import abc as _abc
import contextlib as _contextlib
import functools as _functools
import json as _json
import os as _os
import time as _time
import uuid as _uuid

from lightcrest._warn import experimental as _experimental
from lightcrest._warn import warn as _warn
from lightcrest.exceptions import StorageInternalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_SQLITE = b"SQLite format 3\0"
_SHORTEST, _LONGEST = 0.001, 0.1


class BaseJournalBackend(_abc.ABC):
    """The base of what keeps a journal: entries in one order, which is the same for all processes."""

    @_abc.abstractmethod
    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """The entries from this number on, the first being 0."""

    @_abc.abstractmethod
    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds entries at the end. They are lasting when it returns."""


class BaseJournalFileLock(_abc.ABC):
    """The base of locks of journal files."""

    @_abc.abstractmethod
    def acquire(self) -> bool:
        """Waits until the lock is free, and takes it."""

    @_abc.abstractmethod
    def release(self) -> None:
        """Gives it back. RuntimeError if it is not held."""


class _BesideFile(BaseJournalFileLock):
    """A lock that is held while there is a file of the journal's name and `.lock`."""

    def __init__(self, filepath: str, grace_period: int | None = 30) -> None:
        """grace_period: after so many seconds with one holder, the lock is taken from it: its process is thought dead. None: never."""
        if grace_period is not None and grace_period <= 0:
            raise ValueError(f"`grace_period` must be more than 0, but got {grace_period}")
        if grace_period is not None and grace_period < 3:
            _warn(f"grace_period = {grace_period} may take the lock from a process that is only slow")
        self.filepath = filepath
        self.grace_period = grace_period
        self._lock_file = filepath + ".lock"

    @_abc.abstractmethod
    def _make(self) -> None:
        """Makes the file. FileExistsError if it is there."""

    def _holder(self) -> tuple[int, int] | None:
        try:
            found = _os.lstat(self._lock_file)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def acquire(self) -> bool:
        """Waits until the lock is free, or its holder is thought dead, and takes it."""
        wait, holder, since = _SHORTEST, None, _time.monotonic()
        while True:
            try:
                self._make()
                return True
            except FileExistsError:
                found = self._holder()
            if found != holder:
                holder, since = found, _time.monotonic()
            elif holder and self.grace_period is not None and _time.monotonic() - since > self.grace_period:
                _warn(f"the lock {self._lock_file} was held for more than {self.grace_period} s: it is taken from its holder")
                with _contextlib.suppress(RuntimeError):
                    self.release()
            _time.sleep(wait)
            wait = min(2 * wait, _LONGEST)

    def release(self) -> None:
        """Gives it back. RuntimeError if it is not held."""
        # Only one process can rename it, so that a lock which another one has made since stays.
        aside = f"{self._lock_file}.{_uuid.uuid4().hex}"
        try:
            _os.rename(self._lock_file, aside)
        except OSError as error:
            raise RuntimeError(f"the lock {self._lock_file} is not held") from error
        _os.unlink(aside)


class JournalFileSymlinkLock(_BesideFile):
    """Locks a journal by a symbolic link beside it, also on file systems of a network (NFS 2 and later)."""

    def _make(self) -> None:
        _os.symlink(self.filepath, self._lock_file)


class JournalFileOpenLock(_BesideFile):
    """Locks a journal by a file beside it, also on file systems of a network (NFS 3 and later)."""

    def _make(self) -> None:
        _os.close(_os.open(self._lock_file, _os.O_CREAT | _os.O_EXCL | _os.O_WRONLY))


class JournalFileBackend(BaseJournalBackend):
    """A file of a JournalStorage. As a journal it has one entry a line, as JSON.

    lock_obj: what locks the journal while one process writes; a JournalFileSymlinkLock unless given.
    """

    def __init__(self, file_path: str, lock_obj: BaseJournalFileLock | None = None) -> None:
        self.file_path = file_path
        self._lock = lock_obj or JournalFileSymlinkLock(file_path)
        self._locked = lock_obj is not None
        # Where entries begin, by their numbers.
        self._begins = {0: 0}

    def _is_journal(self) -> bool:
        """Whether the file is a journal, or is to be one: a new file is if it has a lock of its own, a SQLite database otherwise."""
        head = self._head()
        return head != _SQLITE if head else self._locked

    def _head(self) -> bytes:
        try:
            with open(self.file_path, "rb") as file:
                return file.read(len(_SQLITE))
        except FileNotFoundError:
            return b""

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The entries from this number on. A line that is not whole yet is not among them."""
        number = log_number_from if log_number_from in self._begins else 0
        try:
            file = open(self.file_path, "rb")  # noqa: SIM115: closed below
        except FileNotFoundError:
            return
        with file:
            at = self._begins[number]
            file.seek(at)
            for line in file:
                if not line.endswith(b"\n"):
                    # It is being written, or its writer died before it was told that the entry is lasting.
                    return
                at += len(line)
                number += 1
                self._begins[number] = at
                if number > log_number_from:
                    yield _entry(line, f"{self.file_path}, line {number}")

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds entries at the end, in place of what a process left there that died while it wrote."""
        lines = "".join(_json.dumps(entry, separators=(",", ":")) + "\n" for entry in logs).encode()
        self._lock.acquire()
        try:
            if self._head() == _SQLITE:
                raise StorageInternalError(f"{self.file_path} is a SQLite database, and takes no entries of a journal")
            with open(self.file_path, "ab+") as file:
                file.truncate(_whole(file))
                file.seek(0, _os.SEEK_END)
                file.write(lines)
                file.flush()
                _os.fsync(file.fileno())
        finally:
            self._lock.release()


def _whole(file: Any) -> int:
    """The length of a file without the part of a line that a dead process left at its end."""
    end = file.seek(0, _os.SEEK_END)
    length, part = 1, b""
    while end and b"\n" not in part:
        length = min(2 * length, end)
        file.seek(end - length)
        part = file.read(length)
        if length == end:
            break
    return end - length + part.rfind(b"\n") + 1 if end else 0


def _entry(text: bytes, place: str) -> dict[str, Any]:
    try:
        found = _json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StorageInternalError(f"{place}: an entry of a journal (JSON) is needed, but got {text[:40]!r}")
    return found


@_experimental
class JournalRedisBackend(BaseJournalBackend):
    """Keeps a journal in Redis, as Optuna does. Needs the package redis."""

    def __init__(self, url: str, use_cluster: bool = False, prefix: str = "") -> None:
        """use_cluster: whether keys may be on different machines, which cannot change them at once. prefix: begins the names of keys."""
        self._url, self._use_cluster, self._prefix = url, use_cluster, prefix
        self._redis = _connected(url)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_redis"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._redis = _connected(self._url)

    @property
    def _last(self) -> str:
        return f"{self._prefix}:log_number"

    def _key(self, number: int) -> str:
        return f"{self._prefix}:log:{number}"

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The entries from this number on."""
        last = self._redis.get(self._last)
        for number in range(log_number_from, int(-1 if last is None else last) + 1):
            wait = _SHORTEST
            # In a cluster the number is there before the entry.
            while (text := self._redis.get(self._key(number))) is None:
                _time.sleep(wait)
                wait = min(2 * wait, 1.0)
            yield _entry(text, f"{self._url}, {self._key(number)}")

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds entries at the end."""
        self._redis.setnx(self._last, -1)
        for entry in logs:
            text = _json.dumps(entry)
            if self._use_cluster:
                self._redis.set(self._key(self._redis.incr(self._last)), text)
            else:
                self._redis.transaction(_functools.partial(self._write, text), self._last)

    def _write(self, text: str, pipe: Any) -> None:
        number = int(pipe.get(self._last)) + 1
        pipe.multi()
        pipe.set(self._key(number), text)
        pipe.set(self._last, number)


def _connected(url: str) -> Any:
    try:
        import redis
    except ImportError as error:
        raise ImportError("JournalRedisBackend needs the package redis: install it by `pip install redis`") from error
    return redis.Redis.from_url(url)
