"""What the parts of a terminator share."""

from __future__ import annotations

from lightcrest import _engine, _mirror
from lightcrest._warn import warn
from lightcrest.study import StudyDirection
from lightcrest.trial import FrozenTrial, TrialState


def deprecated() -> None:
    """Warns of the whole module."""
    warn("the module `terminator` is deprecated", FutureWarning)


def completed(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The complete ones."""
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def loss(trial: FrozenTrial, direction: StudyDirection) -> float:
    """The value of a complete trial, small where it is good."""
    assert trial.value is not None, "a complete trial has a value"
    return -trial.value if direction == StudyDirection.MAXIMIZE else trial.value


def fitted(trials: list[FrozenTrial], names: list[str], direction: StudyDirection) -> _engine.Study:
    """A study of the engine with the parameters of these names of complete trials."""
    engine = _mirror.engine([direction.name.lower()], "random", {}, 0)
    for number, trial in enumerate(trials):
        params = {name: trial.params[name] for name in names}
        distributions = {name: trial.distributions[name] for name in names}
        engine.observe(number, "complete", params, distributions, trial.values, [], [])
    return engine
