"""A study of the engine that follows another one, so that a sampler of the engine can propose for it."""

from __future__ import annotations

from lightcrest import _engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WORDS = {"RUNNING": "running", "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "WAITING": "waiting"}


def engine(directions: list[str], sampler: str, settings: dict[str, Any], seed: int) -> _engine.Study:
    """A study of the engine that is given trials of elsewhere."""
    return _engine.Study(
        name="mirror",
        directions=directions,
        sampler=sampler,
        sampler_settings=settings,
        seed=seed,
        pruner="none",
        pruner_settings={},
        space=None,
        storage=_engine.Memory(),
        attributes=None,
    )


class Mirror:
    """Follows a study, of Lightcrest or of Optuna, by what both have in common."""

    def __init__(self, study: Any, sampler: str, settings: dict[str, Any], seed: int | None) -> None:
        directions = [direction.name.lower() for direction in study.directions]
        self.key = (study.study_name, id(study._storage))
        self.finished: set[int] = set()
        self.seed = _engine.random_seed() if seed is None else seed
        self.engine = engine(directions, sampler, settings, self.seed)

    def of(self, study: Any) -> bool:
        """Whether it is this study that is followed."""
        return self.key == (study.study_name, id(study._storage))

    def follow(self, study: Any, asking: int) -> None:
        """Takes over what happened in the study since. `asking`: the number of the trial that is to be proposed for."""
        trials = study.get_trials(deepcopy=False)
        if trials and trials[-1].number == asking:
            trials = trials[:-1]
        for trial in trials:
            if trial.number in self.finished:
                continue
            state = _WORDS[trial.state.name]
            finished = trial.state.is_finished()
            self.engine.observe(
                trial.number,
                state,
                {} if state == "waiting" else trial.params,
                {} if state == "waiting" else trial.distributions,
                trial.values if state == "complete" else None,
                list(trial.intermediate_values.items()),
                list(trial.constraints.items()),
            )
            if finished:
                self.finished.add(trial.number)

    def domains(self) -> dict[str, Any]:
        """The distributions of what the engine would propose."""
        return self.engine.domains()

    def proposal(self, number: int) -> dict[str, Any]:
        """What the engine proposes."""
        return self.engine.proposal(number)

    def draw(self, number: int, name: str, distribution: Any) -> Any:
        """A value at random, the same for the same seed, trial and name."""
        return _engine.draw(self.seed, number, name, distribution)
