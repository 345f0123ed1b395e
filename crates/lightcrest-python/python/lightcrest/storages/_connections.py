"""What a storage is connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from lightcrest.storages._sqlite import RDBStorage


class DatabaseURL(NamedTuple):
    """The parts of the URL of a database; as text it is the URL without the password."""

    drivername: str
    username: str | None
    password: str | None
    host: str | None
    port: int | None
    database: str | None

    def __str__(self) -> str:
        user = "" if self.username is None else self.username + ("" if self.password is None else ":***") + "@"
        port = "" if self.port is None else f":{self.port}"
        return f"{self.drivername}://{user}{self.host or ''}{port}/{self.database or ''}"


class Connections:
    """The connections of a storage to its database: what `RDBStorage.engine` is, where Optuna has SQLAlchemy's engine."""

    def __init__(self, storage: RDBStorage) -> None:
        self._storage = storage

    @property
    def url(self) -> DatabaseURL:
        """The URL that the storage was given, in parts."""
        scheme, _, rest = self._storage.url.partition("://")
        if scheme.split("+")[0] == "sqlite":
            return DatabaseURL(scheme, None, None, None, None, rest.partition("?")[0].removeprefix("/") or None)
        found = urlsplit(self._storage.url)
        user, password = (part and unquote(part) for part in (found.username, found.password))
        return DatabaseURL(scheme, user, password, found.hostname, found.port, found.path.removeprefix("/") or None)

    def dispose(self) -> None:
        """Lets go of the connections but for those of studies that work on the database. The storage opens new ones when it needs them."""
        self._storage._disconnect()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connections) and other._storage is self._storage

    def __hash__(self) -> int:
        return hash((Connections, id(self._storage)))

    def __repr__(self) -> str:
        return f"Connections({self.url})"
