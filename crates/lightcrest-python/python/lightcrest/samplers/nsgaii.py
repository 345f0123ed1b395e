"""How genetic samplers combine the parameters of parents."""

from __future__ import annotations

__all__ = [
    "BLXAlphaCrossover",
    "BaseCrossover",
    "SBXCrossover",
    "SPXCrossover",
    "UNDXCrossover",
    "UniformCrossover",
    "VSBXCrossover",
]


class BaseCrossover:
    """The base of all crossovers: a name that the engine knows. Their constants are the engine's."""

    _word = ""
    n_parents = 2


class UniformCrossover(BaseCrossover):
    """Each value from one of two parents."""

    _word = "uniform"

    def __init__(self, swapping_prob: float = 0.5) -> None:
        self._swapping_prob = swapping_prob


class BLXAlphaCrossover(BaseCrossover):
    """Values between those of two parents, and half as far again beyond."""

    _word = "blx_alpha"


class SBXCrossover(BaseCrossover):
    """Simulated binary crossover."""

    _word = "sbx"


class VSBXCrossover(BaseCrossover):
    """Simulated binary crossover that reaches beyond the parents more."""

    _word = "vsbx"


class SPXCrossover(BaseCrossover):
    """Simplex crossover of three parents."""

    _word = "spx"
    n_parents = 3


class UNDXCrossover(BaseCrossover):
    """Unimodal normal distribution crossover of three parents."""

    _word = "undx"
    n_parents = 3
