"""Functions and classes that say, when they are used, that they may change or will go."""

from __future__ import annotations

import copy
import functools
import inspect
import textwrap

from lightcrest._warn import warn as _warn
from lightcrest.exceptions import ExperimentalWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    Marked = TypeVar("Marked")

# The texts are read by packages that mark their own functions: with the fields that they fill in.
_EXPERIMENTAL_NOTE_TEMPLATE = """

.. note::
    Experimental since v{ver}: the interface may change.
"""
_DEPRECATION_NOTE_TEMPLATE = """

.. warning::
    Deprecated since v{d_ver}, to be removed in v{r_ver}.
"""
_DEPRECATION_WARNING_TEMPLATE = "{name} is deprecated since v{d_ver}, and will be removed in v{r_ver}."


def _version(text: Any) -> tuple[int, int, int]:
    try:
        major, minor, patch = (int(part) for part in text.split("."))
    except (AttributeError, ValueError):
        raise ValueError(f"a version such as '1.2.0' is needed, but got {text!r}") from None
    return major, minor, patch


def _marked(note: str, message: str, category: type[Warning], name: str | None, more: str | None = None) -> Callable[[Any], Any]:
    """Decorates a function or a class: a note at the end of its documentation, and a warning when it is called."""

    def mark(target: Any) -> Any:
        told = message.format(name=name or target.__name__) + ("" if more is None else f" {more}")
        is_class = inspect.isclass(target)
        called = target.__init__ if is_class else target

        @functools.wraps(called)
        def call(*args: Any, **kwargs: Any) -> Any:
            _warn(told, category)
            return called(*args, **kwargs)

        text = (target.__doc__ or "").rstrip() if target.__doc__ else ""
        lines = (target.__doc__ or "").expandtabs().splitlines()[1:]
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        documented = text + textwrap.indent(note, " " * indent) + " " * (indent if text else 0)
        if is_class:
            marked = copy.copy(target)
            marked.__init__ = call
        else:
            marked = call
        marked.__doc__ = documented
        return marked

    return mark


def warn_experimental_argument(option_name: str) -> None:
    """Warns of an argument that may change."""
    _warn(f"the argument `{option_name}` is experimental: it may change", ExperimentalWarning)


def experimental_func(version: str, name: str | None = None) -> Callable[[Marked], Marked]:
    """Marks a function that may change."""
    _version(version)
    note = _EXPERIMENTAL_NOTE_TEMPLATE.format(ver=version)
    return _marked(note, "{name} is experimental: it may change", ExperimentalWarning, name)


def experimental_class(version: str, name: str | None = None) -> Callable[[Marked], Marked]:
    """Marks a class that may change."""
    return experimental_func(version, name)


def deprecated_func(
    deprecated_version: str, removed_version: str, name: str | None = None, text: str | None = None
) -> Callable[[Marked], Marked]:
    """Marks a function that will go. `text`: what else is to be said."""
    if _version(deprecated_version) > _version(removed_version):
        raise ValueError(f"what is deprecated in {deprecated_version} cannot be removed in {removed_version}, which is earlier")
    note = _DEPRECATION_NOTE_TEMPLATE.format(d_ver=deprecated_version, r_ver=removed_version)
    if text is not None:
        note += "\n\n" + textwrap.indent(text.strip(), "    ") + "\n"
    message = _DEPRECATION_WARNING_TEMPLATE.format(name="{name}", d_ver=deprecated_version, r_ver=removed_version)
    return _marked(note, message, FutureWarning, name, text)


def deprecated_class(
    deprecated_version: str, removed_version: str, name: str | None = None, text: str | None = None
) -> Callable[[Marked], Marked]:
    """Marks a class that will go."""
    return deprecated_func(deprecated_version, removed_version, name, text)


def convert_positional_args(
    *, previous_positional_arg_names: Sequence[str], deprecated_version: str, removed_version: str, warning_stacklevel: int = 2
) -> Callable[[Marked], Marked]:
    """Lets a function take arguments by position that it takes by name only, with a warning."""
    names = list(previous_positional_arg_names)

    def wrap(function: Any) -> Any:
        parameters = inspect.signature(function).parameters
        by_position = [name for name, found in parameters.items() if found.kind is found.POSITIONAL_OR_KEYWORD]
        assert set(names) <= set(parameters), f"{set(names)} must be among the arguments {set(parameters)}"

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if len(args) > len(by_position):
                _warn(f"{function.__name__} takes arguments by name: by position they are deprecated", FutureWarning)
            if len(args) > len(names):
                raise TypeError(f"{function.__name__}() takes {len(names)} positional arguments but {len(args)} were given.")
            given = dict(zip(names, args))
            twice = given.keys() & kwargs.keys()
            if twice:
                raise TypeError(f"{function.__name__}() got multiple values for arguments {twice}.")
            return function(**given, **kwargs)

        return call

    return wrap
