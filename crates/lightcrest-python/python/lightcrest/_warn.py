"""Warnings that point at the user's line."""

from __future__ import annotations

import functools as _functools
import os as _os
import sys as _sys
import warnings as _warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

_HERE = _os.path.dirname(__file__) + _os.sep


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns at the first line outside of this package."""
    level, frame = 2, _sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    _warnings.warn(message, category, stacklevel=level)


def deprecated(instead: str = "", **arguments: object) -> None:
    """Warns of the arguments that are given though they will go."""
    for name, value in arguments.items():
        if value is not None:
            warn(f"`{name}` is deprecated{instead and ': '}{instead}", FutureWarning)


def warn_experimental(what: str) -> None:
    """Warns of what may change."""
    from lightcrest.exceptions import ExperimentalWarning

    warn(f"{what} is experimental: it may change", ExperimentalWarning)


def experimental(target: Function) -> Function:
    """Marks a function or a class that may change: a warning says so where it is called from outside of this package."""
    is_class = isinstance(target, type)
    called: Any = target.__init__ if is_class else target  # type: ignore[misc]

    @_functools.wraps(called)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not _sys._getframe(1).f_code.co_filename.startswith(_HERE):
            warn_experimental(target.__name__)
        return called(*args, **kwargs)

    if is_class:
        target.__init__ = call  # type: ignore[misc]
        return target
    return call  # type: ignore[return-value]


def once_positional(*names: str) -> Callable[[Function], Function]:
    """Lets a function take arguments by position that it takes by name only, with a warning."""

    def wrap(function: Function) -> Function:
        @_functools.wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            if len(given) > len(names):
                raise TypeError(f"{function.__name__} takes {len(names)} arguments by position, but got {len(given)}")
            taken = dict(zip(names, given))
            if taken.keys() - {"self"}:
                by_name = ", ".join(f"`{name}`" for name in taken if name != "self")
                warn(f"{function.__name__} takes {by_name} by name: by position they are deprecated", FutureWarning)
            for name in taken:
                if name in named:
                    raise TypeError(f"{function.__name__} got `{name}` by position and by name")
            return function(**taken, **named)

        return call  # type: ignore[return-value]

    return wrap
