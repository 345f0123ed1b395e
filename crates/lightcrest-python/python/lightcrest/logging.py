"""What Lightcrest tells while it works, on Python's own logging.

The root of all messages is the logger "lightcrest". `get_logger("optuna")` means it too, so that scripts that were
written for Optuna attach their handlers where the messages come from.
"""

from __future__ import annotations

import logging as _logging
import threading as _threading
from logging import CRITICAL, DEBUG, ERROR, FATAL, INFO, WARN, WARNING

__all__ = [
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "FATAL",
    "INFO",
    "WARN",
    "WARNING",
    "create_default_formatter",
    "disable_default_handler",
    "disable_propagation",
    "enable_default_handler",
    "enable_propagation",
    "get_logger",
    "get_verbosity",
    "set_verbosity",
]

_root = _logging.getLogger("lightcrest")
_default: _logging.Handler | None = None
_lock = _threading.Lock()


class _Stderr(_logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what sys.stderr is at the time of the message."""

    def emit(self, record: _logging.LogRecord) -> None:
        import sys

        self.stream = sys.stderr
        super().emit(record)


def create_default_formatter() -> _logging.Formatter:
    """How messages look: [I 2026-01-31 12:00:00,000] Trial 0 finished ..."""
    return _logging.Formatter("[%(levelname)1.1s %(asctime)s] %(message)s")


def _configured() -> _logging.Handler:
    global _default
    with _lock:
        if _default is None:
            _default = _Stderr()
            _default.setFormatter(create_default_formatter())
            _root.addHandler(_default)
            _root.setLevel(INFO)
            _root.propagate = False
        return _default


def _reset_library_root_logger() -> None:
    """As before anything was logged: for tests."""
    global _default
    with _lock:
        if _default is not None:
            _root.removeHandler(_default)
        _default = None


_configured()


def get_logger(name: str) -> _logging.Logger:
    """The logger of this name; "optuna" and what is below it stand for "lightcrest"."""
    _configured()
    if name == "optuna" or name.startswith("optuna."):
        name = "lightcrest" + name[len("optuna") :]
    return _logging.getLogger(name)


def get_verbosity() -> int:
    """From which level on messages are shown."""
    return _root.getEffectiveLevel()


def set_verbosity(verbosity: int) -> None:
    """Shows messages from this level on; INFO unless set."""
    _configured()
    _root.setLevel(verbosity)


def disable_default_handler() -> None:
    """Shows no messages on stderr."""
    _root.removeHandler(_configured())


def enable_default_handler() -> None:
    """Shows messages on stderr again."""
    _root.addHandler(_configured())


def disable_propagation() -> None:
    """Keeps messages from the root logger of Python: the default."""
    _root.propagate = False


def enable_propagation() -> None:
    """Passes messages on to the root logger of Python."""
    _root.propagate = True
