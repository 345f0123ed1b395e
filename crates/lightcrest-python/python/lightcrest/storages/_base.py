"""What all storages have in common."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class BaseStorage:
    """The base of all storages. What they do is the engine's: there is nothing to call here."""

    _description = ""
    # Whether what is kept outlives the process.
    _lasting = False

    def _names(self) -> list[str]:
        """The names of the studies, in the order in which they were made."""
        raise NotImplementedError

    def _create(self, name: str, directions: list[str]) -> None:
        """Makes room for a study, if there is none of that name yet."""

    def _id(self, name: str) -> int:
        """The position of a study among the others."""
        names = self._names()
        return names.index(name) if name in names else len(names)

    def _directions(self, name: str) -> list[str]:
        """The directions of a study. KeyError if there is none of that name."""
        raise NotImplementedError

    def _place(self, name: str) -> tuple[Any, dict[int, dict[str, Any]] | None]:
        """What the engine opens, and where attributes of trials are kept if they may be anything."""
        raise NotImplementedError

    def _attributes(self, name: str) -> dict[str, dict[str, Any]]:
        """The attributes of a study by kind, "user" or "system"."""
        raise NotImplementedError

    def _set(self, name: str, kind: str, key: str, value: Any) -> None:
        """Keeps an attribute of a study."""
        raise NotImplementedError

    def _delete(self, name: str) -> None:
        """Deletes a study. KeyError if there is none of that name."""
        raise NotImplementedError
