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
    """The base of all crossovers: a name that the engine knows, and constants; None for the engine's own."""

    _word = ""
    n_parents = 2

    def __init__(self, **constants: float | None) -> None:
        self._constants = {name: float(value) for name, value in constants.items() if value is not None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class UniformCrossover(BaseCrossover):
    """Each value from one of two parents."""

    _word = "uniform"

    def __init__(self, swapping_prob: float = 0.5) -> None:
        """swapping_prob: how probably a value is the second parent's."""
        if not 0 <= swapping_prob <= 1:
            raise ValueError(f"`swapping_prob` must be a probability, but got {swapping_prob}")
        super().__init__()
        self._swapping_prob = swapping_prob


class BLXAlphaCrossover(BaseCrossover):
    """Values between those of two parents, and somewhat beyond."""

    _word = "blx_alpha"

    def __init__(self, alpha: float = 0.5) -> None:
        """alpha: how far beyond, as a part of what is between."""
        super().__init__(alpha=alpha)


class SBXCrossover(BaseCrossover):
    """Simulated binary crossover."""

    _word = "sbx"

    def __init__(
        self, eta: float | None = None, uniform_crossover_prob: float = 0.5, use_child_gene_prob: float = 0.5
    ) -> None:
        """eta: large for children near the parents; 2 for one objective and 20 for several unless given. uniform_crossover_prob: how probably
        a value goes to the other of two children. use_child_gene_prob: how probably it is crossed over rather than a parent's."""
        _check_sbx(eta, uniform_crossover_prob, use_child_gene_prob)
        super().__init__(eta=eta, uniform_crossover_prob=uniform_crossover_prob, use_child_gene_prob=use_child_gene_prob)


class VSBXCrossover(SBXCrossover):
    """Simulated binary crossover that reaches beyond the parents more."""

    _word = "vsbx"


class SPXCrossover(BaseCrossover):
    """Simplex crossover of three parents."""

    _word = "spx"
    n_parents = 3

    def __init__(self, epsilon: float | None = None) -> None:
        """epsilon: how many times as large as that of the parents the simplex is; the square root of d + 2 unless given."""
        super().__init__(epsilon=epsilon)


class UNDXCrossover(BaseCrossover):
    """Unimodal normal distribution crossover of three parents."""

    _word = "undx"
    n_parents = 3

    def __init__(self, sigma_xi: float = 0.5, sigma_eta: float | None = None) -> None:
        """sigma_xi: the deviation along the line through two parents, in parts of their distance. sigma_eta: across it, in parts of the third
        parent's distance from it; 0.35 over the square root of d unless given."""
        super().__init__(sigma_xi=sigma_xi, sigma_eta=sigma_eta)


def _check_sbx(eta: float | None, uniform_crossover_prob: float, use_child_gene_prob: float) -> None:
    if eta is not None and eta < 0:
        raise ValueError(f"`eta` must be 0 or more, but got {eta}")
    if not 0 <= uniform_crossover_prob <= 1:
        raise ValueError(f"`uniform_crossover_prob` must be between 0 and 1, but got {uniform_crossover_prob}")
    if not 0 < use_child_gene_prob <= 1:
        raise ValueError(f"`use_child_gene_prob` must be more than 0 and at most 1, but got {use_child_gene_prob}")
