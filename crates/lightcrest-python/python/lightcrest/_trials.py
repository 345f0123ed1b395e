"""The trials of a study, between the engine and Python."""

from __future__ import annotations

import copy as _copy
import gc as _gc

from lightcrest._fixed import _CONSTRAINT, _CONSTRAINTS
from lightcrest._state import _STATES, _WORDS
from lightcrest.distributions import distribution_to_json, json_to_distribution
from lightcrest.trial import FrozenTrial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Container, Sequence
    from typing import Any

    from lightcrest import _engine

# Where the engine's attributes of a trial keep what is Python's own.
_SYSTEM = "lightcrest:system"
# And there, the parameters of a trial that was added to wait: [[name, distribution as JSON, value as a number], ...].
_GIVEN = "given"
# And there, what times of a trial from elsewhere have beyond the engine's milliseconds: [of its start, of its end].
_MICROSECONDS = "us"
_UNFINISHED = ("running", "waiting")
_MANY = 100


class Trials:
    """The trials of the engine's study as Python has them; finished ones are converted once."""

    def __init__(
        self,
        engine: _engine.Study,
        objectives: int,
        identify: Callable[[int], int],
        stored: Callable[[int], FrozenTrial] | None = None,
    ) -> None:
        """stored: what gives a trial by its id as its storage has it, if more may be kept with it there than the engine knows."""
        self._engine = engine
        self._stored = stored
        self._objectives = objectives
        self._finished: dict[int, FrozenTrial] = {}
        # What a trial of a number is called by among all trials of the storage.
        self.identify = identify

    def __len__(self) -> int:
        return len(self._engine)

    def synchronize(self) -> None:
        """Takes over what others wrote."""
        self._engine.synchronize()

    def owns(self, number: int) -> bool:
        """Whether a running trial was asked for here."""
        return self._engine.owns(number)

    def frozen(self, number: int) -> FrozenTrial:
        """The trial as it is. To be looked at only: others are given the same."""
        return self._finished.get(number) or self._read((number,))[0]

    def several(self, numbers: Sequence[int]) -> list[FrozenTrial]:
        """Trials as they are. To be looked at only."""
        finished = self._finished
        missing = [number for number in numbers if number not in finished]
        if not missing:
            return [finished[number] for number in numbers]
        # None of what is made here is garbage, but the collector would look through all of it again and again.
        collects = len(missing) > _MANY and _gc.isenabled()
        if collects:
            _gc.disable()
        try:
            read = self._read(missing)
        finally:
            if collects:
                _gc.enable()
        if len(read) == len(numbers):
            return read
        found = dict(zip(missing, read))
        return [found.get(number) or finished[number] for number in numbers]

    def _read(self, numbers: Sequence[int]) -> list[FrozenTrial]:
        """Trials, converted. Finished ones are kept."""
        trials = []
        for number, parts in zip(numbers, self._engine.parts(numbers)):
            trial = frozen(number, self.identify(number), parts, self._objectives)
            if self._stored is not None:
                there = self._stored(trial._trial_id)
                trial.user_attrs = {**there.user_attrs, **trial.user_attrs}
                trial.system_attrs = {**there.system_attrs, **trial.system_attrs}
                trial.intermediate_values = {**there.intermediate_values, **trial.intermediate_values}
            if parts[0] not in _UNFINISHED:
                self._finished[number] = trial
            trials.append(trial)
        return trials

    def copy(self, number: int) -> FrozenTrial:
        """The trial as it is, to be kept."""
        return _copy.deepcopy(self.frozen(number))

    def all(self, deepcopy: bool, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """All trials, or those in some states, with what others wrote."""
        self._engine.synchronize()
        trials = self.several(range(len(self._engine)))
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return _copy.deepcopy(trials) if deepcopy else trials

    def best(self) -> FrozenTrial:
        """The complete trial with the best value, among those that satisfy their constraints."""
        if self._objectives > 1:
            raise RuntimeError("a study of several objectives has no single best trial: use `best_trials`")
        self._engine.synchronize()
        number = self._engine.best()
        if number is None:
            raise ValueError("no trial is complete yet, or none that is satisfies its constraints")
        return self.frozen(number)

    def best_or_none(self) -> FrozenTrial | None:
        """As best; None if there is none."""
        number = self._engine.best() if self._objectives == 1 else None
        return None if number is None else self.frozen(number)

    def front(self) -> list[FrozenTrial]:
        """The complete trials that no other dominates."""
        self._engine.synchronize()
        return [self.frozen(number) for number in self._engine.front()]

    def enqueued(self, params: dict[str, Any]) -> bool:
        """Whether a trial, in whatever state, was given or asked for exactly these parameters."""

        def same(a: Any, b: Any) -> bool:
            if not isinstance(a, type(b)):
                return False
            return a == b or (a != a and b != b) or (isinstance(a, float) and abs(a - b) <= 1e-5 * abs(b))

        for trial in self.all(deepcopy=False, states=None):
            found = trial.system_attrs.get("fixed_params", trial.params)
            if found.keys() == params.keys() and all(same(value, found[name]) for name, value in params.items()):
                return True
        return False

    def enqueue(self, params: dict[str, Any], user_attrs: dict[str, Any]) -> None:
        """Adds a trial that waits, with parameters that it will be answered with."""
        attributes = {**user_attrs, _SYSTEM: {"fixed_params": dict(params)}}
        self._engine.add("waiting", dict(params), {}, None, [], [], attributes, None, None)

    def add(self, trial: FrozenTrial) -> int:
        """Adds a trial of elsewhere; its number."""
        return self._engine.add(*parts(trial))

    def replace(self, trial: FrozenTrial) -> None:
        """Puts a trial in place of the one of its number, which has not ended."""
        self._engine.replace(trial.number, *parts(trial))
        self._finished.pop(trial.number, None)

    def set_system(self, number: int, key: str, value: Any, token: int | None = None) -> None:
        """Keeps something with a running trial beside its user attributes. `token`: which run of it is meant."""
        system = self._engine.parts((number,))[0][6].get(_SYSTEM, {})
        self._engine.set_attribute(number, _SYSTEM, {**system, key: value}, token)


def frozen(number: int, identity: int, parts: tuple[Any, ...], objectives: int) -> FrozenTrial:
    """A trial as Python has it, from the engine's parts."""
    word, values, start, complete, params, distributions, attributes, reports, bounds = parts
    state = _STATES[word]
    system = dict(attributes.pop(_SYSTEM, ()))
    if bounds:
        listed = [str(i) for i in range(len(system.get(_CONSTRAINTS) or ()))]
        system.update((_CONSTRAINT + key, value) for key, value in bounds if key not in listed)
    if state is TrialState.PRUNED:
        if "values" in system:
            values = system.pop("values")
        elif objectives == 1:
            values = last_value(reports)
    elif state is TrialState.WAITING:
        params = {}
    if _GIVEN in system:
        # What a trial that was added to wait came with, it has before it asks.
        for name, text, value in system.pop(_GIVEN):
            if name not in params:
                distributions[name] = json_to_distribution(text)
                params[name] = distributions[name].to_external_repr(value)
    if _MICROSECONDS in system:
        start, complete = (
            moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000 + more)
            for moment, more in zip((start, complete), system.pop(_MICROSECONDS))
        )
    return FrozenTrial(
        number, state, None, start, complete, params, distributions, attributes, system, reports, identity, values=values
    )


def parts(trial: FrozenTrial) -> tuple[Any, ...]:
    """A trial as the engine takes it."""
    system = {key: value for key, value in trial.system_attrs.items() if not key.startswith(_CONSTRAINT)}
    waiting = trial.state is TrialState.WAITING
    params = {**trial.params, **system.get("fixed_params", {})} if waiting else trial.params
    if waiting and trial.distributions:
        system[_GIVEN] = [
            [name, distribution_to_json(trial.distributions[name]), trial.distributions[name].to_internal_repr(value)]
            for name, value in trial.params.items()
        ]
    last = None if trial.last_step is None else trial.intermediate_values[trial.last_step]
    if trial.state is TrialState.PRUNED and trial.values != (None if last is None else [last]):
        system["values"] = trial.values and list(trial.values)
    start, complete = trial.datetime_start, trial.datetime_complete
    more = [0 if moment is None else moment.microsecond % 1000 for moment in (start, complete)]
    if any(more):
        system[_MICROSECONDS] = more
    return (
        _WORDS[trial.state],
        dict(params),
        trial.distributions,
        trial.values if trial.state is TrialState.COMPLETE else None,
        # Of several objectives, what a trial reported is the engine's own.
        [(step, value) for step, value in trial.intermediate_values.items() if not isinstance(value, list)],
        list(trial.constraints.items()),
        {**trial.user_attrs, _SYSTEM: system} if system else dict(trial.user_attrs),
        _milliseconds(start),
        _milliseconds(complete),
    )


def last_value(reports: dict[int, float]) -> list[float] | None:
    """The values of a pruned trial: what it reported at its last step, if that is a number."""
    last = reports[max(reports)] if reports else float("nan")
    return None if isinstance(last, list) or last != last else [last]


def _milliseconds(moment: datetime.datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1e6) // 1000
