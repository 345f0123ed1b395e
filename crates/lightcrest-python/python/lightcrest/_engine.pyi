"""The engine of Lightcrest, compiled from Rust. Use the package lightcrest; this module may change."""

import builtins
import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Union

from lightcrest.distributions import BaseDistribution

_Choice = Union[None, bool, int, float, str]
_When = Mapping[str, Union[_Choice, Sequence[_Choice]]]

class Space:
    """What may vary: parameters with their domains, and the conditions under which they exist.

    `when` maps parents to the value or the values under which the parameter exists; all of them must hold. Parents
    may be added later. A space that cannot be is a ValueError where it is used.
    """

    def __init__(self) -> None: ...
    def float(
        self,
        name: str,
        low: builtins.float,
        high: builtins.float,
        *,
        step: builtins.float | None = None,
        log: bool = False,
        when: _When | None = None,
    ) -> Space:
        """Adds a real number in [low, high], and returns the space."""

    def int(
        self,
        name: str,
        low: builtins.int,
        high: builtins.int,
        *,
        step: builtins.int = 1,
        log: bool = False,
        when: _When | None = None,
    ) -> Space:
        """Adds a whole number from low to high, both included, and returns the space."""

    def categorical(
        self,
        name: str,
        choices: Sequence[_Choice],
        *,
        ordered: bool = False,
        when: _When | None = None,
    ) -> Space:
        """Adds one of the choices, and returns the space. `ordered`: the list is in an order that means something."""

    @property
    def names(self) -> list[str]:
        """The names of the parameters, in the order in which they were added."""

    def conditions(self, name: str) -> dict[str, list[_Choice]]:
        """The conditions of a parameter: {parent: [values]}; empty if it always exists."""

    def sample(self, seed: builtins.int) -> dict[str, Any]:
        """A configuration drawn at random from an integer seed: a dict of the parameters that exist there."""

    def validate(self, params: dict[str, Any]) -> None:
        """Raises a ValueError unless `params` gives every parameter that exists there a value, and no other."""

    def to_json(self) -> str:
        """The space as JSON: what spec files and databases hold."""

    @staticmethod
    def from_json(text: str) -> Space:
        """A space from its JSON."""

    def __len__(self) -> builtins.int: ...
    def __contains__(self, name: str) -> bool: ...

class Trial:
    """A running trial: an objective asks it for the values of its parameters.

    Trials come from Study.ask and Study.optimize.
    """

    @property
    def number(self) -> int:
        """The number of the trial in its study: 0, 1, 2, ..."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A real number in [low, high]; with a step, one of low, low + step, ..."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number from low to high, both included."""

    def suggest_categorical(self, name: str, choices: Sequence[_Choice]) -> Any:
        """One of the choices, which are None, bools, ints, floats or strings."""

    def report(self, value: float | Sequence[float], step: int) -> None:
        """Reports an intermediate value, or one for each of the first few objectives. Steps ascend from 0."""

    def should_prune(self) -> bool:
        """Whether the pruner would stop the trial at its last report. If so, raise TrialPruned."""

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps something with the trial: whatever JSON can say."""

    @property
    def params(self) -> dict[str, Any]:
        """The parameters so far, by name."""

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions that the parameters so far are of, by name."""

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What set_user_attr kept."""

    @property
    def datetime_start(self) -> datetime.datetime | None:
        """When the trial began."""

class Study:
    """The engine's study; the class lightcrest.Study wraps it."""

    def __init__(
        self,
        *,
        name: str,
        directions: Sequence[str],
        sampler: str,
        startup_trials: int | None,
        seed: int | None,
        pruner: str,
        pruner_settings: dict[str, Any],
        space: Space | None,
    ) -> None: ...
    def ask(self, fixed: dict[str, BaseDistribution] | Space | None = None) -> Trial:
        """The next trial, now running."""

    def tell(self, number: int, state: str, values: Sequence[float] | None, reason: str | None) -> None:
        """Ends a running trial."""

    def add(
        self,
        state: str,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        values: Sequence[float] | None,
        reports: Sequence[tuple[int, float]],
        user_attrs: dict[str, Any],
        started: int | None,
        finished: int | None,
    ) -> int:
        """Adds a trial that ended elsewhere or waits to be run; its number."""

    def contains(self, params: dict[str, Any]) -> bool:
        """Whether a trial, in whatever state, has exactly these parameters."""

    def state(self, number: int) -> str:
        """The state of a trial, as a word."""

    def __len__(self) -> int: ...
    def trial(self, number: int) -> tuple[Any, ...]:
        """A trial: state, values, started, finished, params, distributions, user_attrs, intermediate_values."""

    def best(self) -> int | None:
        """The number of the best trial of a study of one objective."""

    def front(self) -> list[int]:
        """The numbers of the trials that no other dominates."""

    def space(self) -> Space:
        """The space: as it was declared, or as the finished trials show it."""
