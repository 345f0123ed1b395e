"""Types by Optuna's names."""

from __future__ import annotations

from typing import Any

JSONSerializable = Any
