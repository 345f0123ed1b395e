"""Studies, with the types of objectives and callbacks."""

from __future__ import annotations

from collections.abc import Callable as _Callable
from typing import Any

from lightcrest.study import *  # noqa: F403

_SYSTEM_ATTR_METRIC_NAMES = "study:metric_names"
ObjectiveFuncType = _Callable[[Any], Any]
CallbackType = _Callable[[Any, Any], None]
