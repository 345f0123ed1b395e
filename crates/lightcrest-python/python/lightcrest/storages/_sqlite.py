"""Studies in databases."""

from __future__ import annotations

import os as _os

from lightcrest import _engine
from lightcrest._warn import warn as _warn
from lightcrest._warn import warn_experimental as _warn_experimental
from lightcrest.storages._engine import EngineStorage
from lightcrest.storages._heartbeat import BaseHeartbeat
from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lightcrest.storages._connections import Connections


class _FileStorage(EngineStorage):
    """Keeps studies in a database of the engine: a file by its path, or what a URL names."""

    _lasting = True
    _retries = 3

    def __init__(self, path: str) -> None:
        super().__init__()
        given = _engine.Database(path)
        self._shown = given.place()
        # It is found again from another folder, also by whoever unpickles it.
        self._path = given.absolute() if "://" in path else _os.path.abspath(path)
        self._database = _engine.Database(self._path)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "_database"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._database = _engine.Database(self._path)

    def _disconnect(self) -> None:
        """Lets go of the connections by which single studies and trials were looked at. Studies that run keep theirs."""
        self._looked.clear()

    @property
    def _description(self) -> str:  # type: ignore[override]
        return self._shown

    def _studies(self) -> list[tuple[int, str]]:
        return self._database.studies()

    def _names(self) -> list[str]:
        return self._database.names()

    def _directions(self, name: str) -> list[str]:
        directions = self._database.directions(name)
        if directions is None:
            raise KeyError(f"there is no study {name!r} in {self._shown}")
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
        self._forget(name)


def _place(url: str) -> str | None:
    """What the engine opens for a URL; None for a database in memory."""
    scheme, found, path = url.partition("://")
    if not found:
        raise ValueError(f"the URL of a database such as 'sqlite:///study.db' is needed, but got {url!r}")
    if scheme.split("+")[0] == "sqlite":
        if path.partition("?")[0] in ("", "/"):
            raise ValueError(f"{url!r} names no file: use `storage=None` for a study in memory")
        if path.partition("?")[0] == "/:memory:":
            return None
    return url


class RDBStorage(_FileStorage, BaseHeartbeat):
    """Keeps studies in a SQLite file, RDBStorage("sqlite:///study.db"), or in PostgreSQL, "postgresql://user@host/database".

    The tables are of Lightcrest's own form; those of Optuna are refused, but the program `lightcrest studies import` takes its studies
    over. "sqlite:///:memory:" is a file in a temporary folder, which goes with the storage. `engine_kwargs` and `skip_compatibility_check`
    are kept, but have no meaning here.

    A trial of `optimize` whose process died is run again, by whatever process asks next, at most `retries` times; then it fails.
    With a `heartbeat_interval` it fails at once instead, as Optuna has it, and the callback is called: see fail_stale_trials. Trials
    of `ask` run until they are told.
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
        retries: int = 3,
    ) -> None:
        for name, seconds in (("heartbeat_interval", heartbeat_interval), ("grace_period", grace_period)):
            if seconds is not None and seconds <= 0:
                raise ValueError(f"`{name}` must be more than 0, but got {seconds}")
        if retries < 0:
            raise ValueError(f"`retries` must be 0 or more, but got {retries}")
        if failed_trial_callback is not None and heartbeat_stale_trial_callback is not None:
            raise ValueError("`failed_trial_callback` is the old name of `heartbeat_stale_trial_callback`: give one of them")
        place = _place(url)
        if place is None:
            import shutil
            import tempfile
            import weakref

            folder = tempfile.mkdtemp(prefix="lightcrest-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            place = f"{folder}/memory.db"
        super().__init__(place)
        self.url = url
        self.engine_kwargs = engine_kwargs or {}
        self.skip_compatibility_check = skip_compatibility_check
        self.heartbeat_interval = heartbeat_interval
        self.grace_period = grace_period
        self._beats: dict[int, float] = {}
        self._retries = retries if heartbeat_interval is None else None
        if heartbeat_interval is not None:
            _warn_experimental("the argument `heartbeat_interval`")
        if failed_trial_callback is not None:
            _warn("failed_trial_callback is deprecated: use heartbeat_stale_trial_callback", FutureWarning)
        self.heartbeat_stale_trial_callback = heartbeat_stale_trial_callback or failed_trial_callback

    @property
    def engine(self) -> Connections:
        """Its connections: `engine.dispose()` lets go of them."""
        from lightcrest.storages._connections import Connections

        return Connections(self)

    def get_current_version(self) -> str:
        """The version of the tables: always the newest, since opening them brings them there."""
        return self.get_head_version()

    def get_head_version(self) -> str:
        """The newest version of the tables that this package knows."""
        return f"lightcrest {_engine.__version__}"

    def get_all_versions(self) -> list[str]:
        """The versions that can be opened, the newest first."""
        return [self.get_head_version()]

    def upgrade(self) -> None:
        """Nothing: opening the tables brings them to the newest version."""

    def record_heartbeat(self, trial_id: int) -> None:
        """Says that a running trial is alive, for trials of `ask`: from now on it is stale when it is not said again in time. Those of
        `optimize` need no heartbeats. Known to this storage object only."""
        import time

        self._beats[trial_id] = time.monotonic()

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        """The running trials whose last heartbeat that was recorded by hand is older than the grace period."""
        import time

        if self.heartbeat_interval is None or not self._beats:
            return []
        grace = self.grace_period or 2 * self.heartbeat_interval
        late = {trial_id for trial_id, beat in self._beats.items() if time.monotonic() - beat > grace}
        running = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
        return [trial._trial_id for trial in running if trial._trial_id in late]

    def get_heartbeat_interval(self) -> int | None:
        """The interval that the storage was given."""
        return self.heartbeat_interval

    def get_heartbeat_stale_trial_callback(self) -> Callable[..., None] | None:
        """What is called for a trial whose process died."""
        return self.heartbeat_stale_trial_callback
