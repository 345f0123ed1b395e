"""What proposes the next configuration: the engine's samplers, by name and seed."""

from __future__ import annotations


class BaseSampler:
    """The base of all samplers: a name that the engine knows, a seed and settings.

    The same seed gives the same sequence when results come in the same order; None draws one.
    """

    _name = ""

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed
        self._startup_trials: int | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seed={self._seed})"


class RandomSampler(BaseSampler):
    """Random search: every parameter uniform on its scale."""

    _name = "random"


class GPSampler(BaseSampler):
    """Bayesian optimisation with Gaussian processes, also on conditional spaces and with several objectives."""

    _name = "gp"

    def __init__(self, *, seed: int | None = None, n_startup_trials: int = 10) -> None:
        super().__init__(seed)
        self._startup_trials = n_startup_trials


class AutoSampler(BaseSampler):
    """The default: what the engine thinks best for the study."""

    _name = "auto"

    def __init__(self, *, seed: int | None = None) -> None:
        super().__init__(seed)


_BY_NAME = {sampler._name: sampler for sampler in (RandomSampler, GPSampler, AutoSampler)}


def _resolve(sampler: BaseSampler | str | None, seed: int | None) -> BaseSampler:
    """The sampler that the arguments of create_study mean."""
    if isinstance(sampler, BaseSampler):
        if seed is not None:
            raise ValueError(f"the seed belongs to the sampler, but got seed = {seed} beside {sampler}")
        return sampler
    name = "auto" if sampler is None else sampler
    if name not in _BY_NAME:
        names = ", ".join(f"`{known}`" for known in _BY_NAME)
        raise ValueError(f"there is no sampler {name!r}: the samplers are {names}")
    return _BY_NAME[name](seed=seed)
