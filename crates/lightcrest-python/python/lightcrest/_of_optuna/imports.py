"""Imports of packages that may be missing."""

from __future__ import annotations

import importlib
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Attempt:
    """Keeps the error of an import that failed until what it was for is needed."""

    def __init__(self) -> None:
        self._error: BaseException | None = None

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, (ImportError, SyntaxError)):
            return False
        self._error = error
        return True

    def is_successful(self) -> bool:
        """Whether nothing is missing."""
        return self._error is None

    def check(self) -> None:
        """An ImportError if something is missing."""
        if self._error is not None:
            raise ImportError(f"a package that this needs cannot be imported: {self._error}") from self._error


def try_import() -> _Attempt:
    """`with try_import() as found: import something`, and `found.check()` where it is needed."""
    return _Attempt()


class _LazyImport(types.ModuleType):
    """A module that is imported when something of it is used."""

    def __getattr__(self, item: str) -> Any:
        return getattr(importlib.import_module(self.__name__), item)
