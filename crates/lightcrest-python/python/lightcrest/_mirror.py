"""A study of the engine that follows another one, so that a sampler of the engine can propose for it."""

from __future__ import annotations

from lightcrest import _engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WORDS = {"RUNNING": "running", "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "WAITING": "waiting"}


def engine(
    directions: list[str], sampler: str, settings: dict[str, Any], seed: int, space: _engine.Space | None = None
) -> _engine.Study:
    """A study of the engine that is given trials of elsewhere. `space`: what may vary; what the trials had unless given."""
    return _engine.Study(
        name="mirror",
        directions=directions,
        sampler=sampler,
        sampler_settings=settings,
        seed=seed,
        pruner="none",
        pruner_settings={},
        space=space,
        storage=_engine.Memory(),
        attributes=None,
    )


class Mirror:
    """Follows a study, of Lightcrest or of Optuna, by what both have in common."""

    def __init__(
        self,
        study: Any,
        sampler: str,
        settings: dict[str, Any],
        seed: int | None,
        space: dict[str, Any] | None = None,
    ) -> None:
        """`space`: the parameters that count; those that the trials had unless given."""
        directions = [direction.name.lower() for direction in study.directions]
        self.space = space
        self.key = (study.study_name, id(study._storage))
        self.finished: set[int] = set()
        self.asked = 0
        self.seed = _engine.random_seed() if seed is None else seed
        self.engine = engine(directions, sampler, settings, self.seed, None if space is None else _declared(space))

    def of(self, study: Any, space: dict[str, Any] | None) -> bool:
        """Whether it is this study that is followed, with these parameters."""
        return self.key == (study.study_name, id(study._storage)) and self.space == space

    def knows(self, space: dict[str, Any]) -> bool:
        """Whether it proposes these parameters."""
        found = self.domains()
        return all(found.get(name) == domain for name, domain in space.items())

    def follow(self, study: Any, asking: Any) -> None:
        """Takes over what happened in the study since. `asking`: the number of the trial that is to be proposed for."""
        trials = study.get_trials(deepcopy=False)
        if trials and trials[-1].number == asking and not trials[-1].state.is_finished():
            trials = trials[:-1]
        for trial in trials:
            if trial.number in self.finished:
                continue
            state = _WORDS[trial.state.name]
            finished = trial.state.is_finished()
            counts = state != "waiting"
            names = [name for name in trial.params if self.space is None or name in self.space] if counts else []
            self.engine.observe(
                trial.number,
                state,
                {name: trial.params[name] for name in names},
                {name: trial.distributions[name] for name in names},
                trial.values if state == "complete" else None,
                list(trial.intermediate_values.items()),
                list(trial.constraints.items()),
            )
            if finished:
                self.finished.add(trial.number)

    def domains(self) -> dict[str, Any]:
        """The distributions of what the engine would propose."""
        return self.engine.domains()

    def proposal(self, number: Any) -> dict[str, Any]:
        """What the engine proposes. A trial without a number is the next, and the one after it when asked again."""
        if not isinstance(number, int):
            number = len(self.engine) + self.asked
            self.asked += 1
        return self.engine.proposal(number)

    def draw(self, number: int, name: str, distribution: Any) -> Any:
        """A value at random, the same for the same seed, trial and name."""
        return _engine.draw(self.seed, number if isinstance(number, int) else len(self.engine), name, distribution)


def _declared(space: dict[str, Any]) -> _engine.Space:
    """A space of the engine with parameters of these distributions."""
    declared = _engine.Space()
    for name, found in space.items():
        if hasattr(found, "choices"):
            declared.categorical(name, list(found.choices))
        elif isinstance(found.low, int):
            declared.int(name, found.low, found.high, step=found.step, log=found.log)
        else:
            declared.float(name, found.low, found.high, step=found.step, log=found.log)
    return declared
