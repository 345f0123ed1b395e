"""What changes single parameters of a child."""

from __future__ import annotations

import abc

from lightcrest._warn import experimental

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

    from lightcrest.study import Study


class BaseMutation(abc.ABC):
    """The base of all mutations of numeric parameters. Where a sampler has one, choices that mutate are drawn at random."""

    def __str__(self) -> str:
        return type(self).__name__

    @abc.abstractmethod
    def mutation(
        self, param: float, rng: np.random.RandomState, study: Study, search_space_bounds: np.ndarray
    ) -> float:
        """A parameter in place of `param`; it is brought into its range, from search_space_bounds[0] to search_space_bounds[1]."""
        raise NotImplementedError


@experimental
class PolynomialMutation(BaseMutation):
    """Near the parameter by a polynomial distribution that ends where the range does.

    Deb et al. 2002, *A fast and elitist multiobjective genetic algorithm: NSGA-II*, IEEE TEVC 6(2), in the bounded form of their program.
    """

    def __init__(self, eta: float = 20.0) -> None:
        """eta: the index of the distribution, large for small changes."""
        if eta < 0:
            raise ValueError(f"`eta` must be 0 or more, but got {eta}")
        self._eta = eta

    def mutation(
        self, param: float, rng: np.random.RandomState, study: Study, search_space_bounds: np.ndarray
    ) -> float:
        """A parameter in place of `param`."""
        low, high = float(search_space_bounds[0]), float(search_space_bounds[1])
        if not high > low:
            return param
        u, power = rng.rand(), self._eta + 1.0
        # How far it may go down or up, in parts of the range: the distribution ends there.
        room = (param - low if u <= 0.5 else high - param) / (high - low)
        half = u if u <= 0.5 else 1.0 - u
        step = 1.0 - (2.0 * half + (1.0 - 2.0 * half) * (1.0 - room) ** power) ** (1.0 / power)
        return param + (high - low) * (-step if u <= 0.5 else step)
