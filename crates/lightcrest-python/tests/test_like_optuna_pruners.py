"""Pruners stop the same trials under both packages, also at ties, gaps and reports that are not numbers."""

import itertools
import tempfile

import lightcrest
import optuna as peer
import pytest

from test_like_optuna import INF, NAN, quiet, random_study, states, told  # noqa: F401: the fixture applies here too


def stops(optuna, pruner, curves, direction="minimize"):
    """What each trial of a study did: its curve is {step: value}."""
    study = random_study(optuna, pruner=pruner, direction=direction)

    def objective(trial):
        for step, value in curves[trial.number].items():
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return [value for value in curves[trial.number].values() if value == value][-1:] or 0.0

    study.optimize(objective, n_trials=len(curves))
    return [(trial.state.name, trial.last_step) for trial in study.trials]


def halving(optuna):
    columns = [
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.2, 0.1, 0.3, 0.3, 0.3, 0.2], [NAN, NAN, 0.5, 0.4, 0.45, 0.4], [3.0, 2.0, 1.0, 2.0, 3.0, 1.0],
        [INF, 1.0, -INF, -INF, INF, 2.0],
    ]
    pruner = optuna.pruners.SuccessiveHalvingPruner
    settings = [(1, 2), (1, 3), (2, 2, 1), (1, 2, 0, 2), (1, 2, 0, 4), (2, 4, 0, 1)]
    seen = []
    for options, column, direction in itertools.product(settings, columns, ("minimize", "maximize")):
        curves = [{step: value + (0.01 * step) for step in range(9)} for value in column]
        seen.append(stops(optuna, pruner(*options), curves, direction))
    return seen


def rungs_of(study):
    return [{key: value for key, value in trial.system_attrs.items() if "rung" in key} for trial in study.trials]


def halving_asked_seldom(optuna):
    """Trials that are asked about at some of their reports only, whose steps leap, or whose first rung others tell."""
    seen = []
    values = [0.5, 0.4, 0.6, 0.3, NAN, 0.7, 0.2, 0.35, 0.1, 0.8]
    for first, every, leap, direction in itertools.product((1, 3, "auto"), (1, 3, 5), (1, 10, 60), ("minimize", "maximize")):
        study = random_study(optuna, pruner=optuna.pruners.SuccessiveHalvingPruner(first, 2), direction=direction)

        def objective(trial):
            for i in range(1, 17):
                trial.report(values[trial.number], i * leap)
                if i % every == 0 and trial.should_prune():
                    raise optuna.TrialPruned
            return 1.0

        study.optimize(objective, n_trials=len(values))
        seen += [(trial.state.name, trial.last_step) for trial in study.trials] + rungs_of(study)
    return seen


def halving_around_which_patience_waits(optuna):
    halving = optuna.pruners.SuccessiveHalvingPruner(1, 2)
    curves = [{step: value * step for step in range(1, 9)} for value in (1.0, 0.9, 1.1, -1.0, 0.5)]
    return stops(optuna, optuna.pruners.PatientPruner(halving, 1), curves)


def rungs_in_storages(optuna):
    """What is kept while a trial runs, and for whoever opens the study later; other studies go by it."""
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        for storage in (None, f"sqlite:///{folder}/study.db"):
            pruner = optuna.pruners.SuccessiveHalvingPruner(1, 2)
            study = random_study(optuna, pruner=pruner, storage=storage, study_name="s")
            running = [study.ask(), study.ask()]
            for step, trial in itertools.product((1, 2, 3), running):
                trial.report(0.5, step)
                seen += [trial.should_prune(), trial.should_prune(), rungs_of(study)]
            again = study if storage is None else optuna.load_study(study_name="s", storage=storage, pruner=pruner)
            worse = again.ask()
            worse.report(0.6, 4)
            seen += [worse.should_prune(), rungs_of(again)]
    return seen


def what_halving_takes(optuna):
    halving, band = optuna.pruners.SuccessiveHalvingPruner, optuna.pruners.HyperbandPruner
    made = [
        lambda: halving(bootstrap_count=-1), lambda: halving(bootstrap_count=1), lambda: halving(1, bootstrap_count=1),
        lambda: band(bootstrap_count=1), lambda: band(max_resource=9, bootstrap_count=1),
    ]
    return [outcome if isinstance(outcome, str) else type(outcome).__name__ for outcome in (told(make)[0] for make in made)]


def hyperband_with_bootstraps(optuna):
    """Brackets are drawn differently, so only what must hold is told: three trials stop at each of the 3 + 2 + 1 rungs."""
    pruner = optuna.pruners.HyperbandPruner(1, 9, 3, bootstrap_count=3)
    seen = [state for state, _ in stops(optuna, pruner, [{step: 1.0 for step in range(10)}] * 60)]
    return seen[:3], seen.count("PRUNED")


def percentiles_with_gaps(optuna):
    curves = [
        {1: 1.0, 2: 0.9, 4: 0.8}, {1: 2.0, 3: 1.5, 4: 1.4}, {1: NAN, 2: 1.0, 5: 1.1}, {2: 3.0, 3: 3.0, 4: 3.0, 6: 3.0},
        {1: NAN, 2: NAN, 3: NAN}, {3: 1.7, 4: NAN, 5: 0.1}, {7: 9.0}, {1: 1.6, 3: 1.6, 5: 1.6, 7: 1.6}, {4: NAN, 5: 1.0},
    ]
    kinds = optuna.pruners
    made = [kinds.MedianPruner(n, n_min_trials=least) for n in (0, 1, 3) for least in (1, 2, 3)]
    made += [kinds.PercentilePruner(25.0, 1, 2, 2), kinds.PercentilePruner(75.0, 2), kinds.PercentilePruner(0.0, 2), kinds.PercentilePruner(100.0, 2)]
    return [stops(optuna, pruner, curves, direction) for pruner in made for direction in ("minimize", "maximize")]


def patience_with_gaps(optuna):
    curves = [
        [NAN, NAN, NAN, NAN], [1.0, 2.0, NAN, NAN, 3.0], [NAN, NAN, 2.0, 3.0, 4.0], [1.0, NAN, NAN, 2.0, 2.0], [1.0, 0.5, NAN, 1.0, NAN, 0.2],
    ]
    curves = [dict(enumerate(curve)) for curve in curves]
    made = [optuna.pruners.PatientPruner(None, patience) for patience in range(3)]
    made += [optuna.pruners.PatientPruner(optuna.pruners.MedianPruner(1), 1), optuna.pruners.PatientPruner(None, 1, 1.0)]
    return [stops(optuna, pruner, curves, direction) for pruner in made for direction in ("minimize", "maximize")]


SCENARIOS = [
    halving, halving_asked_seldom, halving_around_which_patience_waits, rungs_in_storages, what_halving_takes, hyperband_with_bootstraps,
    percentiles_with_gaps, patience_with_gaps,
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_packages_tell_the_same(scenario):
    assert str(scenario(lightcrest)) == str(scenario(peer))
