"""Parameters as rows of numbers, for what works on numbers: crossovers and mutations that are written in Python."""

from __future__ import annotations

import math

from lightcrest.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from lightcrest.distributions import BaseDistribution


class SearchSpaceTransform:
    """Between values by name and a row of numbers: a column a number, and a column for each choice, 1 where it is chosen.

    transform_log: whether values on a logarithmic scale are their logarithms. transform_step: whether the range of a parameter with steps
    goes half a step beyond its ends, so that each value has as much of it. transform_0_1: whether all columns are from 0 to 1.
    """

    def __init__(
        self,
        search_space: dict[str, BaseDistribution],
        transform_log: bool = True,
        transform_step: bool = True,
        transform_0_1: bool = False,
    ) -> None:
        import numpy as np

        self._space = search_space
        self._log, self._unit = transform_log, transform_0_1
        bounds: list[tuple[float, float]] = []
        self.column_to_encoded_columns: list[np.ndarray] = []
        columns: list[int] = []
        for i, found in enumerate(search_space.values()):
            width = len(found.choices) if isinstance(found, CategoricalDistribution) else 1
            self.column_to_encoded_columns.append(np.arange(len(columns), len(columns) + width))
            columns += [i] * width
            numeric = not isinstance(found, CategoricalDistribution)
            bounds += [_bounds(found, transform_log, transform_step)] if numeric else [(0.0, 1.0)] * width
        self.encoded_column_to_column = np.array(columns, dtype=np.int64)
        self._raw = np.array(bounds, dtype=np.float64).reshape(-1, 2)

    @property
    def bounds(self) -> np.ndarray:
        """From where to where each column goes. (columns, 2)"""
        import numpy as np

        return np.tile([0.0, 1.0], (len(self._raw), 1)) if self._unit else self._raw

    def transform(self, params: dict[str, Any]) -> np.ndarray:
        """The row of values by name. (columns)"""
        import numpy as np

        row = np.zeros(len(self._raw), dtype=np.float64)
        for (name, found), columns in zip(self._space.items(), self.column_to_encoded_columns):
            if isinstance(found, CategoricalDistribution):
                row[columns[int(found.to_internal_repr(params[name]))]] = 1.0
            else:
                value = float(params[name])
                row[columns[0]] = math.log(value) if self._log and _is_log(found) else value
        if self._unit:
            low, high = self._raw[:, 0], self._raw[:, 1]
            single = low == high
            row = np.where(single, 0.5, (row - low) / np.where(single, 1.0, high - low))
        return row

    def untransform(self, trans_params: np.ndarray) -> dict[str, Any]:
        """The values by name of a row: the choice with the largest number, and numbers brought into their ranges and steps."""
        row = trans_params
        if self._unit:
            row = self._raw[:, 0] + row * (self._raw[:, 1] - self._raw[:, 0])
        params = {}
        for (name, found), columns in zip(self._space.items(), self.column_to_encoded_columns):
            if isinstance(found, CategoricalDistribution):
                params[name] = found.to_external_repr(int(row[columns].argmax()))
            else:
                params[name] = untransformed(float(row[columns[0]]), found, self._log)
        return params


def _is_log(found: Any) -> bool:
    return bool(found.log)


def _bounds(found: Any, log: bool, step: bool) -> tuple[float, float]:
    half = 0.5 * found.step if step and found.step is not None else 0.0
    low, high = found.low - half, found.high + half
    return (math.log(low), math.log(high)) if log and found.log else (float(low), float(high))


def untransformed(number: float, found: BaseDistribution, log: bool) -> float:
    """The value of a parameter that a number of its column stands for."""
    assert isinstance(found, (FloatDistribution, IntDistribution))
    value = math.exp(number) if log and found.log else number
    if isinstance(found, IntDistribution):
        if found.log and not log:
            return int(value)
        steps = math.floor((value - found.low) / found.step + 0.5)
        return int(min(max(found.low + steps * found.step, found.low), found.high))
    if found.step is not None:
        steps = math.floor((value - found.low) / found.step + 0.5)
        return float(min(max(found.low + steps * found.step, found.low), found.high))
    if found.single():
        return found.low
    # The end itself belongs to the range, but not to what rounding makes beyond it.
    return float(min(max(value, found.low), found.high))
