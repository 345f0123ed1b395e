"""Ray Tune's search spaces as Lightcrest's.

A space of Ray is a dict of dicts whose leaves may be domains; a parameter's name is its path, joined by "/". Ray's upper bounds of whole
numbers are excluded, but included where values are multiples of something (`qrandint`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ray.tune.search.sample import Categorical, Domain, Float, Integer, LogUniform, Quantized, Uniform

from lightcrest import Space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

_PLAIN = (type(None), bool, int, float, str)


class Found(NamedTuple):
    """A parameter of a space of Ray."""

    name: str
    domain: Domain
    # The choices, where they are no plain values: a study then has their positions.
    objects: list[Any] | None = None
    # What values are multiples of.
    step: float | None = None

    def value(self, value: Any) -> Any:
        """A value of the study as Ray's configuration has it."""
        if self.objects is not None:
            return self.objects[value]
        if self.step is None:
            return value
        # On a logarithmic scale a study has those between.
        kind = int if isinstance(self.domain, Integer) else float
        return kind(round(value / self.step) * self.step)

    def inside(self, value: Any) -> Any:
        """A value of a configuration as the study has it."""
        return value if self.objects is None else self.objects.index(value)


def found_in(config: dict[str, Any]) -> list[Found]:
    """What may vary in the `param_space` of a Tuner."""
    return [_found(name, value) for name, value in _leaves(config, (), ()) if isinstance(value, Domain)]


def _leaves(config: dict[str, Any], path: tuple[str, ...], whole: Container[str]) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        name = "/".join((*path, str(key)))
        if isinstance(value, dict) and name not in whole:
            if set(value) == {"grid_search"}:
                raise ValueError(f"`{name}` is a grid_search, which enumerates, while a searcher proposes: use tune.choice")
            yield from _leaves(value, (*path, str(key)), whole)
        elif isinstance(value, (list, tuple)) and any(isinstance(item, Domain) for item in value):
            raise ValueError(f"`{name}` is a list with something in it that varies: make it a dict")
        else:
            yield name, value


def _found(name: str, domain: Domain) -> Found:
    sampler = domain.get_sampler()
    if isinstance(domain, Categorical):
        plain = all(isinstance(choice, _PLAIN) for choice in domain.categories)
        return Found(name, domain, None if plain else list(domain.categories))
    inner = sampler.get_sampler() if isinstance(sampler, Quantized) else sampler
    if not isinstance(domain, (Float, Integer)) or not isinstance(inner, (Uniform, LogUniform)):
        raise ValueError(
            f"`{name}` is drawn in a way that has no bounds or depends on other parameters: use tune.uniform, loguniform, randint, "
            "lograndint, their rounded forms or choice, or give LightcrestSearch a function as `space`"
        )
    step = sampler.q if isinstance(sampler, Quantized) else None
    return Found(name, domain, step=None if step == 1 and isinstance(domain, Integer) else step)


def space_of(found: list[Found]) -> Space:
    """The space of these parameters."""
    space = Space()
    for name, domain, objects, step in found:
        if isinstance(domain, Categorical):
            space = space.categorical(name, list(range(len(objects))) if objects is not None else list(domain.categories))
            continue
        sampler = domain.get_sampler()
        log = isinstance(sampler.get_sampler() if isinstance(sampler, Quantized) else sampler, LogUniform)
        low, high = domain.lower, domain.upper
        if step is not None:
            low, high = _ceil(low / step) * step, _floor(high / step) * step
        if isinstance(domain, Float):
            space = space.float(name, low, high, step=None if log else step, log=log)
        else:
            space = space.int(name, int(low), int(high) - (step is None), step=1 if log else int(step or 1), log=log)
    return space


def _ceil(ratio: float) -> int:
    return -_floor(-ratio)


def _floor(ratio: float) -> int:
    """The whole number below, or the one that it nearly is."""
    nearest = round(ratio)
    return nearest if math.isclose(ratio, nearest) else math.floor(ratio)


def flat(config: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
    """A configuration by the names of its parameters, as a study has them."""
    known = {each.name: each for each in found}
    leaves = _leaves(config, (), known)
    return {name: known[name].inside(value) if name in known else value for name, value in leaves}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """A configuration of dicts of dicts."""
    config: dict[str, Any] = {}
    for name, value in values.items():
        *path, last = name.split("/")
        place = config
        for key in path:
            place = place.setdefault(key, {})
        place[last] = value
    return config
