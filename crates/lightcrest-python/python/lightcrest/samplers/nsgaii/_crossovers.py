"""What combines the parameters of parents.

The engine has all of them that are here. Their method `crossover` is the same in Python, for those that are written on top of them.
"""

from __future__ import annotations

import abc

from lightcrest._warn import experimental

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from lightcrest.study import Study


class BaseCrossover(abc.ABC):
    """The base of all crossovers. One that is written in Python defines `n_parents` and `crossover`."""

    # What the engine knows it by, and its constants; no name for one that is written in Python.
    _word = ""
    _constants: dict[str, float] = {}

    def __str__(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    @abc.abstractmethod
    def n_parents(self) -> int:
        """How many parents a child has."""
        raise NotImplementedError

    @abc.abstractmethod
    def crossover(
        self, parents_params: np.ndarray, rng: np.random.RandomState, study: Study, search_space_bounds: np.ndarray
    ) -> np.ndarray:
        """A child, (parameters), of parents, (parents, parameters). The bounds of the parameters, (parameters, 2), need not be kept: of a child
        outside of them another is made."""
        raise NotImplementedError


class _Known(BaseCrossover):
    """A crossover of the engine."""

    def __init__(self, **constants: float | None) -> None:
        self._constants = {name: float(value) for name, value in constants.items() if value is not None}

    @property
    def n_parents(self) -> int:
        """How many parents a child has."""
        return 2


class UniformCrossover(_Known):
    """Each value from one of two parents (Syswerda 1989)."""

    _word = "uniform"

    def __init__(self, swapping_prob: float = 0.5) -> None:
        """swapping_prob: how probably a value is the second parent's."""
        if not 0 <= swapping_prob <= 1:
            raise ValueError(f"`swapping_prob` must be a probability, but got {swapping_prob}")
        super().__init__()
        self._swapping_prob = swapping_prob

    def crossover(
        self, parents_params: np.ndarray, rng: np.random.RandomState, study: Study, search_space_bounds: np.ndarray
    ) -> np.ndarray:
        """A child."""
        import numpy as np

        return np.where(rng.rand(len(search_space_bounds)) < self._swapping_prob, parents_params[0], parents_params[1])


@experimental
class BLXAlphaCrossover(_Known):
    """Values between those of two parents, and somewhat beyond (Eshelman and Schaffer 1993)."""

    _word = "blx_alpha"

    def __init__(self, alpha: float = 0.5) -> None:
        """alpha: how far beyond, as a part of what is between."""
        super().__init__(alpha=alpha)
        self._alpha = alpha

    def crossover(
        self, parents_params: np.ndarray, rng: np.random.RandomState, study: Study, search_space_bounds: np.ndarray
    ) -> np.ndarray:
        """A child."""
        low, high = parents_params.min(axis=0), parents_params.max(axis=0)
        beyond = self._alpha * (high - low)
        return low - beyond + rng.rand(len(search_space_bounds)) * (high - low + 2 * beyond)


@experimental
class SBXCrossover(_Known):
    """Simulated binary crossover, bounded (Deb and Agrawal 1995)."""

    _word = "sbx"

    def __init__(
        self, eta: float | None = None, uniform_crossover_prob: float = 0.5, use_child_gene_prob: float = 0.5
    ) -> None:
        """eta: large for children near the parents; 2 for one objective and 20 for several unless given. uniform_crossover_prob: how probably
        a value goes to the other of two children. use_child_gene_prob: how probably it is crossed over rather than a parent's."""
        if eta is not None and eta < 0:
            raise ValueError(f"`eta` must be 0 or more, but got {eta}")
        if not 0 <= uniform_crossover_prob <= 1:
            raise ValueError(f"`uniform_crossover_prob` must be between 0 and 1, but got {uniform_crossover_prob}")
        if not 0 < use_child_gene_prob <= 1:
            raise ValueError(f"`use_child_gene_prob` must be more than 0 and at most 1, but got {use_child_gene_prob}")
        super().__init__(eta=eta, uniform_crossover_prob=uniform_crossover_prob, use_child_gene_prob=use_child_gene_prob)
        self._eta, self._swaps, self._crosses = eta, uniform_crossover_prob, use_child_gene_prob

    def crossover(
        self, parents_params: np.ndarray, rng: np.random.RandomState, study: Study, search_space_bounds: np.ndarray
    ) -> np.ndarray:
        """A child."""
        usual = 20.0 if len(study.directions) > 1 else 2.0
        power = 1.0 + (usual if self._eta is None else self._eta)
        one, other = self._children(parents_params, power, rng, search_space_bounds)
        return self._exchanged(parents_params, one, other, rng)

    def _children(self, parents: np.ndarray, power: float, rng: np.random.RandomState, bounds: np.ndarray) -> Any:
        """Two children, all of whose values are crossed over."""
        import numpy as np

        low, high = parents.min(axis=0), parents.max(axis=0)
        apart = np.maximum(high - low, 1e-10)
        u = rng.rand(len(bounds))

        def spread(room: np.ndarray) -> np.ndarray:
            """How many times as far apart as the parents: the distribution ends where the range does."""
            alpha = 2.0 - (1.0 + 2.0 * room / apart) ** -power
            inner = u * alpha
            return np.where(u <= 1.0 / alpha, inner, 1.0 / np.maximum(2.0 - inner, 1e-300)) ** (1.0 / power)

        middle = 0.5 * (low + high)
        return middle - 0.5 * spread(low - bounds[:, 0]) * apart, middle + 0.5 * spread(bounds[:, 1] - high) * apart

    def _exchanged(self, parents: np.ndarray, one: np.ndarray, other: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """One of two children, in which each value is crossed over or a parent's, and may change places between them."""
        import numpy as np

        pairs = []
        for crossed, parental in zip(zip(one, other), zip(parents[0], parents[1])):
            first, second = crossed if rng.rand() < self._crosses else parental
            pairs.append((first, second) if rng.rand() >= self._swaps else (second, first))
        return np.array(pairs)[:, 0 if rng.rand() < 0.5 else 1]


@experimental
class VSBXCrossover(SBXCrossover):
    """Simulated binary crossover that reaches beyond the parents more (Ballester and Carter 2003)."""

    _word = "vsbx"

    def _children(self, parents: np.ndarray, power: float, rng: np.random.RandomState, bounds: np.ndarray) -> Any:
        """Two children, all of whose values are crossed over."""
        import numpy as np

        # The larger half of the spreads: one child lies beyond a parent, one between the parents or beyond the other.
        beta = np.maximum(rng.rand(len(bounds)), 1e-10) ** (-1.0 / power)
        near, far = parents if rng.rand() <= 0.5 else parents[::-1]
        one = 0.5 * ((1.0 + beta) * near + (1.0 - beta) * far)
        near, far = parents if rng.rand() <= 0.5 else parents[::-1]
        return one, 0.5 * ((3.0 - beta) * near - (1.0 - beta) * far)


@experimental
class SPXCrossover(_Known):
    """Simplex crossover of three parents (Tsutsui et al. 1999)."""

    _word = "spx"

    def __init__(self, epsilon: float | None = None) -> None:
        """epsilon: how many times as large as that of the parents the simplex is; the square root of d + 2 unless given."""
        super().__init__(epsilon=epsilon)
        self._epsilon = epsilon

    @property
    def n_parents(self) -> int:
        """How many parents a child has."""
        return 3

    def crossover(
        self, parents_params: np.ndarray, rng: np.random.RandomState, study: Study, search_space_bounds: np.ndarray
    ) -> np.ndarray:
        """A child."""
        import numpy as np

        epsilon = np.sqrt(len(search_space_bounds) + 2) if self._epsilon is None else self._epsilon
        middle = parents_params.mean(axis=0)
        corners = middle + epsilon * (parents_params - middle)
        parts = rng.rand(len(corners) - 1) ** (1.0 / np.arange(1, len(corners)))
        inside = np.zeros(len(middle))
        for part, corner, following in zip(parts, corners, corners[1:]):
            inside = part * (corner - following + inside)
        return corners[-1] + inside


@experimental
class UNDXCrossover(_Known):
    """Unimodal normal distribution crossover of three parents (Ono and Kobayashi 1999)."""

    _word = "undx"

    def __init__(self, sigma_xi: float = 0.5, sigma_eta: float | None = None) -> None:
        """sigma_xi: the deviation along the line through two parents, in parts of their distance. sigma_eta: across it, in parts of the third
        parent's distance from it; 0.35 over the square root of d unless given."""
        super().__init__(sigma_xi=sigma_xi, sigma_eta=sigma_eta)
        self._sigma_xi, self._sigma_eta = sigma_xi, sigma_eta

    @property
    def n_parents(self) -> int:
        """How many parents a child has."""
        return 3

    def crossover(
        self, parents_params: np.ndarray, rng: np.random.RandomState, study: Study, search_space_bounds: np.ndarray
    ) -> np.ndarray:
        """A child."""
        import numpy as np

        first, second, third = parents_params
        n = len(search_space_bounds)
        along = first - second
        direction = along / max(float(np.linalg.norm(along)), 1e-10)

        def across(vector: np.ndarray) -> np.ndarray:
            return vector - (vector @ direction) * direction

        sigma_eta = 0.35 / np.sqrt(n) if self._sigma_eta is None else self._sigma_eta
        aside = across(rng.normal(0.0, sigma_eta, size=n)) * np.linalg.norm(across(third - first))
        return 0.5 * (first + second) + rng.normal(0.0, self._sigma_xi) * along + aside
