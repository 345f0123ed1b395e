"""What samplers that others are built on say is the same under both packages: what they would propose together, and what they warn of."""

import lightcrest
import optuna as peer
import pytest

from test_like_optuna import quiet, random_study, told  # noqa: F401: the fixture applies here too


def spaces_of_quasi_random_search(optuna):
    """What running trials ask for, until one has ended: then what the first asked for, whatever others do."""
    sampler = optuna.samplers.QMCSampler(seed=0)
    study = random_study(optuna)
    seen = []

    def look():
        seen.append(sorted(sampler.infer_relative_search_space(study, study.trials[-1] if study.trials else None)))

    look()
    first, second, third = (study.ask() for _ in range(3))
    look()
    first.suggest_int("a", 3, 3)
    second.suggest_float("b", 0, 1)
    look()
    study.tell(third, state=optuna.trial.TrialState.FAIL)
    look()
    study.tell(second, state=optuna.trial.TrialState.PRUNED)
    look()
    study.tell(first, 1.0)
    look()
    return seen


def spaces_that_need_no_study(optuna):
    return optuna.samplers.TPESampler(multivariate=False).infer_relative_search_space(object(), object())


def spaces_for_a_trial_that_has_ended(optuna):
    study = random_study(optuna)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 1, 9, log=True), n_trials=1)
    samplers = [optuna.samplers.TPESampler(multivariate=True), optuna.samplers.CmaEsSampler(), optuna.samplers.NSGAIISampler()]
    return [sorted(sampler.infer_relative_search_space(study, study.best_trial).items()) for sampler in samplers]


def groups_in_studies_of_several_objectives(optuna):
    seen = []
    for multivariate in (None, True):
        for objectives in (1, 2):
            sampler = optuna.samplers.TPESampler(group=True, multivariate=multivariate, n_startup_trials=0)
            study = optuna.create_study(sampler=sampler, directions=["minimize"] * objectives)

            def run():
                for _ in range(2):
                    trial = study.ask()
                    trial.suggest_float("x", 0, 1)
                    study.tell(trial, [0.0] * objectives)

            seen.append(sorted(set(told(run)[1])))
    return seen


SCENARIOS = [
    spaces_of_quasi_random_search, spaces_that_need_no_study, spaces_for_a_trial_that_has_ended, groups_in_studies_of_several_objectives,
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_packages_tell_the_same(scenario):
    assert str(scenario(lightcrest)) == str(scenario(peer))


@pytest.mark.filterwarnings("ignore::lightcrest.exceptions.ExperimentalWarning")
def test_a_sampler_that_warns_of_a_group_goes_on_when_pickled():
    import pickle

    sampler = pickle.loads(pickle.dumps(lightcrest.samplers.TPESampler(group=True, seed=1)))
    study = lightcrest.create_study(sampler=sampler, directions=["minimize", "maximize"])
    with pytest.warns(UserWarning, match="say so with `multivariate=True`"):
        study.ask()
