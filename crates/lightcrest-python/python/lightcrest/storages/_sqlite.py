"""Studies in SQLite files."""

from __future__ import annotations

from lightcrest import _engine
from lightcrest._warn import warn as _warn
from lightcrest.storages._base import BaseStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _FileStorage(BaseStorage):
    """Keeps studies in a SQLite file of the engine."""

    _lasting = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._database = _engine.Database(path)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_database"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._database = _engine.Database(self._path)

    @property
    def _description(self) -> str:  # type: ignore[override]
        return self._path

    def _names(self) -> list[str]:
        return self._database.names()

    def _directions(self, name: str) -> list[str]:
        directions = self._database.directions(name)
        if directions is None:
            raise KeyError(f"there is no study {name!r} in {self._path}")
        return directions

    def _place(self, name: str) -> tuple[Any, dict[int, dict[str, Any]] | None]:
        return self._database, None

    def _attributes(self, name: str) -> dict[str, dict[str, Any]]:
        kinds: dict[str, dict[str, Any]] = {"user": {}, "system": {}}
        for key, value in self._database.attributes(name).items():
            kind, _, rest = key.partition(":")
            kinds.setdefault(kind, {})[rest] = value
        return kinds

    def _set(self, name: str, kind: str, key: str, value: Any) -> None:
        self._database.set_attribute(name, f"{kind}:{key}", value)

    def _delete(self, name: str) -> None:
        self._directions(name)
        self._database.delete(name)


def _path(url: str) -> str | None:
    """The file that a URL means; None for a database in memory."""
    scheme, found, path = url.partition("://")
    if not found or scheme.split("+")[0] != "sqlite":
        raise ValueError(f"the URL of a SQLite file such as 'sqlite:///study.db' is needed, but got {url!r}")
    path = path.split("?", 1)[0].removeprefix("/")
    if path == "":
        raise ValueError(f"{url!r} names no file: use `storage=None` for a study in memory")
    return None if path == ":memory:" else path


class RDBStorage(_FileStorage):
    """Keeps studies in a SQLite file: RDBStorage("sqlite:///study.db"). Other databases are not supported.

    The file is of Lightcrest's own form; files of Optuna are refused. "sqlite:///:memory:" is a file in a temporary folder, which goes
    with the storage. `engine_kwargs` and `skip_compatibility_check` have no
    meaning here. A trial whose process died stays RUNNING: with `heartbeat_interval`, fail_stale_trials fails those that began more
    than `grace_period` (twice the interval unless given) seconds ago and calls the callback.
    """

    def __init__(
        self,
        url: str,
        engine_kwargs: dict[str, Any] | None = None,
        skip_compatibility_check: bool = False,
        *,
        heartbeat_interval: int | None = None,
        grace_period: int | None = None,
        failed_trial_callback: Callable[..., None] | None = None,
        heartbeat_stale_trial_callback: Callable[..., None] | None = None,
        skip_table_creation: bool = False,
    ) -> None:
        for name, seconds in (("heartbeat_interval", heartbeat_interval), ("grace_period", grace_period)):
            if seconds is not None and seconds <= 0:
                raise ValueError(f"`{name}` must be more than 0, but got {seconds}")
        if failed_trial_callback is not None and heartbeat_stale_trial_callback is not None:
            raise ValueError("`failed_trial_callback` is the old name of `heartbeat_stale_trial_callback`: give one of them")
        path = _path(url)
        if path is None:
            import shutil
            import tempfile
            import weakref

            folder = tempfile.mkdtemp(prefix="lightcrest-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            path = f"{folder}/memory.db"
        super().__init__(path)
        self.url = url
        self.heartbeat_interval = heartbeat_interval
        self.grace_period = grace_period
        if failed_trial_callback is not None:
            _warn("failed_trial_callback is deprecated: use heartbeat_stale_trial_callback", FutureWarning)
        self.heartbeat_stale_trial_callback = heartbeat_stale_trial_callback or failed_trial_callback

    def get_heartbeat_interval(self) -> int | None:
        """The interval that the storage was given."""
        return self.heartbeat_interval

    def get_heartbeat_stale_trial_callback(self) -> Callable[..., None] | None:
        """What is called for a trial whose process died."""
        return self.heartbeat_stale_trial_callback
