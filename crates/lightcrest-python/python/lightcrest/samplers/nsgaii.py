"""How genetic samplers combine the parameters of parents."""

from __future__ import annotations

from lightcrest._warn import warn as _warn

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

    def _constants(self, usual: dict[str, float | None], **given: float | None) -> None:
        """Warns of constants that are not the engine's."""
        for name, value in given.items():
            if value is not None and value != usual[name]:
                _warn(f"{type(self).__name__} has its own `{name}`: the argument is ignored")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class UniformCrossover(BaseCrossover):
    """Each value from one of two parents."""

    _word = "uniform"

    def __init__(self, swapping_prob: float = 0.5) -> None:
        """swapping_prob: how probably a value is the second parent's."""
        if not 0 <= swapping_prob <= 1:
            raise ValueError(f"`swapping_prob` must be a probability, but got {swapping_prob}")
        self._swapping_prob = swapping_prob


class BLXAlphaCrossover(BaseCrossover):
    """Values between those of two parents, and half as far again beyond."""

    _word = "blx_alpha"

    def __init__(self, alpha: float = 0.5) -> None:
        """alpha is accepted where Optuna takes it; another than 0.5 is ignored with a warning."""
        self._constants({"alpha": 0.5}, alpha=alpha)


class SBXCrossover(BaseCrossover):
    """Simulated binary crossover."""

    _word = "sbx"

    def __init__(
        self, eta: float | None = None, uniform_crossover_prob: float = 0.5, use_child_gene_prob: float = 0.5
    ) -> None:
        """The arguments are accepted where Optuna takes them; others than the defaults are ignored with a warning."""
        _check_sbx(eta, uniform_crossover_prob, use_child_gene_prob)
        self._constants(
            {"eta": None, "uniform_crossover_prob": 0.5, "use_child_gene_prob": 0.5},
            eta=eta,
            uniform_crossover_prob=uniform_crossover_prob,
            use_child_gene_prob=use_child_gene_prob,
        )


class VSBXCrossover(SBXCrossover):
    """Simulated binary crossover that reaches beyond the parents more."""

    _word = "vsbx"


class SPXCrossover(BaseCrossover):
    """Simplex crossover of three parents."""

    _word = "spx"
    n_parents = 3

    def __init__(self, epsilon: float | None = None) -> None:
        """epsilon is accepted where Optuna takes it, and ignored with a warning."""
        self._constants({"epsilon": None}, epsilon=epsilon)


class UNDXCrossover(BaseCrossover):
    """Unimodal normal distribution crossover of three parents."""

    _word = "undx"
    n_parents = 3

    def __init__(self, sigma_xi: float = 0.5, sigma_eta: float | None = None) -> None:
        """The arguments are accepted where Optuna takes them; others than the defaults are ignored with a warning."""
        self._constants({"sigma_xi": 0.5, "sigma_eta": None}, sigma_xi=sigma_xi, sigma_eta=sigma_eta)


def _check_sbx(eta: float | None, uniform_crossover_prob: float, use_child_gene_prob: float) -> None:
    if eta is not None and eta < 0:
        raise ValueError(f"`eta` must be 0 or more, but got {eta}")
    if not 0 <= uniform_crossover_prob <= 1:
        raise ValueError(f"`uniform_crossover_prob` must be between 0 and 1, but got {uniform_crossover_prob}")
    if not 0 < use_child_gene_prob <= 1:
        raise ValueError(f"`use_child_gene_prob` must be more than 0 and at most 1, but got {use_child_gene_prob}")
