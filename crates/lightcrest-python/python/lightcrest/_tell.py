"""How running trials end."""

from __future__ import annotations

from collections.abc import Sequence as _Sequence

from lightcrest._fixed import _CONSTRAINTS
from lightcrest._state import _STATES, _WORDS
from lightcrest._trials import last_value
from lightcrest._warn import warn as _warn
from lightcrest.trial import FrozenTrial, Trial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from lightcrest._protocol import StudyLike


def tell(
    study: StudyLike,
    trial: Trial | int,
    values: float | Sequence[float] | None,
    state: TrialState | None,
    skip_if_finished: bool,
) -> FrozenTrial:
    """See Study.tell."""
    if isinstance(trial, bool) or not isinstance(trial, (int, Trial)):
        raise TypeError(f"a trial or its number is needed, but got {trial!r}")
    number, token = (trial, None) if isinstance(trial, int) else (trial.number, trial._token)
    study._engine.synchronize()
    found = _STATES[study._engine.state(number)]
    if found.is_finished() and skip_if_finished:
        return study._trials.copy(number)
    if found is not TrialState.RUNNING:
        raise ValueError(f"trial {number} cannot be told: it is {found.name}")
    if state is None or state is TrialState.COMPLETE:
        numbers, reason = as_numbers(values, len(study.directions))
        if numbers is not None:
            end(study, number, "complete", numbers, None, token)
        elif state is None:
            _warn(f"trial {number} failed: {reason}")
            end(study, number, "failed", None, reason, token)
        else:
            raise ValueError(f"trial {number} cannot be COMPLETE: {reason}")
    elif state in (TrialState.PRUNED, TrialState.FAIL):
        if values is not None:
            raise ValueError(f"a trial that is told {state.name} has no values, but got {values!r}")
        end(study, number, _WORDS[state], None, None, token)
    else:
        raise ValueError(f"a trial can be told COMPLETE, PRUNED or FAIL, but not {state!r}")
    return study._trials.copy(number)


def end(
    study: StudyLike,
    number: int,
    word: str,
    values: list[float] | None,
    reason: str | None,
    token: int | None = None,
) -> None:
    """Ends a running trial in a state of the engine, after a sampler has looked at it. `token`: which run of it is meant."""
    study._together.pop(number, None)
    try:
        if study._sampler._constraints_func is not None and word != "failed":
            _set_constraints(study, number, study._sampler._constraints_func(study._trials.frozen(number)), token)
    except BaseException:
        study._engine.tell(number, word, values, reason, token)
        raise
    if not study._propose:
        frozen = study._trials.frozen(number)
        told = last_value(frozen.intermediate_values) if word == "pruned" else values
        try:
            study._sampler.after_trial(study, frozen, _STATES[word], told)  # type: ignore[arg-type]
        finally:
            study._engine.tell(number, word, values, reason, token)
        return
    study._engine.tell(number, word, values, reason, token)


def _set_constraints(study: StudyLike, number: int, bounds: Sequence[float], token: int | None) -> None:
    """Keeps what a sampler's constraints_func gave: as constraints, and as the list where scripts look for it."""
    numbers = [float(excess) for excess in bounds]
    for i, excess in enumerate(numbers):
        study._engine.set_constraint(number, str(i), excess, token)
    study._trials.set_system(number, _CONSTRAINTS, numbers, token)


def as_numbers(values: Any, objectives: int) -> tuple[list[float] | None, str | None]:
    """The values of a trial as numbers, or why they are none."""
    if type(values) is float and values == values and objectives == 1:
        return [values], None  # as nearly always
    several = isinstance(values, _Sequence) and not isinstance(values, str)
    numbers = []
    for value in values if several else [values]:
        try:
            number = float(value)
        except (OverflowError, TypeError, ValueError):
            return None, f"the value {value!r} is not a number"
        if number != number:
            return None, f"the value {value!r} is not acceptable"
        numbers.append(number)
    if len(numbers) != objectives:
        return None, f"{len(numbers)} values were given, but the study has {objectives} objectives"
    return numbers, None
