"""How genetic samplers make children: what combines the parameters of parents, and what changes single ones.

Both may be written in Python, derived from BaseCrossover and BaseMutation; they need numpy then. Parameters are rows of numbers there, on
a logarithmic scale where the parameter is.
"""

from __future__ import annotations

from lightcrest.samplers.nsgaii._crossovers import (
    BaseCrossover,
    BLXAlphaCrossover,
    SBXCrossover,
    SPXCrossover,
    UNDXCrossover,
    UniformCrossover,
    VSBXCrossover,
)
from lightcrest.samplers.nsgaii._mutations import BaseMutation, PolynomialMutation

__all__ = [
    "BLXAlphaCrossover",
    "BaseCrossover",
    "BaseMutation",
    "PolynomialMutation",
    "SBXCrossover",
    "SPXCrossover",
    "UNDXCrossover",
    "UniformCrossover",
    "VSBXCrossover",
]
