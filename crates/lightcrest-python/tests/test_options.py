"""Options of samplers and pruners that scripts for Optuna pass: each is taken, refused or warned of as there."""

import os

import lightcrest
import optuna as peer
import pytest

from test_like_optuna import quiet, told  # noqa: F401: the fixture applies here too


def taken(make):
    """What an option leads to: the class, or the type of the exception; and the categories of warnings."""
    outcome, categories = told(make)
    return (outcome if isinstance(outcome, str) else type(outcome).__name__, categories)


def tpe(optuna):
    make = optuna.samplers.TPESampler
    return [
        taken(lambda: make(multivariate=True, group=True)), taken(lambda: make(group=True)),
        taken(lambda: make(multivariate=False, group=True)), taken(lambda: make(consider_prior=True)),
        taken(lambda: make(prior_weight=2.0)), taken(lambda: make(consider_magic_clip=False)),
        taken(lambda: make(consider_endpoints=True)), taken(lambda: make(gamma=lambda n: 1)),
        taken(lambda: make(weights=lambda n: [1.0] * n)), taken(lambda: make(warn_independent_sampling=False)),
        taken(lambda: make(constraints_func=lambda trial: [0.0])), taken(lambda: make(seed=1, n_startup_trials=5)),
        taken(lambda: make(True, 1.0, seed=1)), taken(lambda: make(True, consider_prior=True)),
    ]


def cmaes(optuna):
    make = optuna.samplers.CmaEsSampler
    return [
        taken(lambda: make()), taken(lambda: make({"x": 1.0}, 0.5)), taken(lambda: make(x0={"x": 1.0})),
        taken(lambda: make(sigma0=0.1)), taken(lambda: make(restart_strategy="ipop")), taken(lambda: make(restart_strategy="odd")),
        taken(lambda: make(popsize=5, inc_popsize=2)), taken(lambda: make(with_margin=True, use_separable_cma=True)),
        taken(lambda: make(lr_adapt=True, with_margin=True)), taken(lambda: make(source_trials=[], use_separable_cma=True)),
    ]


def genetic(optuna):
    kinds, crossovers = optuna.samplers, optuna.samplers.nsgaii
    return [
        taken(lambda: kind(constraints_func=lambda trial: [0.0]))
        for kind in (kinds.NSGAIISampler, kinds.NSGAIIISampler, kinds.GPSampler)
    ] + [
        taken(lambda: crossovers.UniformCrossover(2.0)), taken(lambda: crossovers.SBXCrossover(eta=-1.0)),
        taken(lambda: crossovers.VSBXCrossover(use_child_gene_prob=0.0)), taken(lambda: crossovers.SBXCrossover(None, 1.5)),
        taken(lambda: crossovers.BLXAlphaCrossover(0.5)), taken(lambda: crossovers.SPXCrossover()),
        taken(lambda: crossovers.UNDXCrossover(0.5, None)), taken(lambda: kinds.NSGAIISampler(5)),
    ]


def pruners(optuna):
    kinds = optuna.pruners
    return [
        taken(lambda: kinds.SuccessiveHalvingPruner(min_resource=0)), taken(lambda: kinds.SuccessiveHalvingPruner(reduction_factor=1)),
        taken(lambda: kinds.SuccessiveHalvingPruner(min_early_stopping_rate=-1)),
        taken(lambda: kinds.SuccessiveHalvingPruner(bootstrap_count=-1)), taken(lambda: kinds.SuccessiveHalvingPruner("all")),
        taken(lambda: kinds.SuccessiveHalvingPruner(2, 2, 1)), taken(lambda: kinds.HyperbandPruner(max_resource="all")),
        taken(lambda: kinds.ThresholdPruner(lower="a")), taken(lambda: kinds.ThresholdPruner(upper="1")),
        taken(lambda: kinds.ThresholdPruner(upper=[1])),
        taken(lambda: kinds.ThresholdPruner(upper=1, n_warmup_steps=-1)), taken(lambda: kinds.ThresholdPruner(upper=1, interval_steps=0)),
        taken(lambda: kinds.PatientPruner(kinds.NopPruner(), -1)), taken(lambda: kinds.WilcoxonPruner(n_startup_steps=-1)),
    ]


def storages(optuna):
    make, url = optuna.storages.RDBStorage, "sqlite:///:memory:"
    return [
        taken(lambda: make(url, heartbeat_interval=0)), taken(lambda: make(url, grace_period=0)),
        taken(lambda: make(url, heartbeat_interval=60, grace_period=120).get_heartbeat_interval()),
        taken(lambda: make(url, failed_trial_callback=print)), taken(lambda: make(url, heartbeat_stale_trial_callback=print)),
        taken(lambda: make(url, failed_trial_callback=print, heartbeat_stale_trial_callback=print)),
        taken(lambda: optuna.storages.RetryFailedTrialCallback(max_retry=2)),
        taken(lambda: optuna.storages.JournalFileStorage(os.devnull)),
        taken(lambda: optuna.storages.journal.JournalFileBackend(os.devnull)),
    ]


@pytest.mark.parametrize("options", [tpe, cmaes, genetic, pruners, storages], ids=lambda options: options.__name__)
def test_both_packages_take_the_same(options):
    assert str(options(lightcrest)) == str(options(peer))


def test_constants_of_crossovers_reach_the_engine():
    """Children of blends without any reach stay between their parents, so a population shrinks to what it began with."""
    crossovers = lightcrest.samplers.nsgaii

    def spread(crossover):
        sampler = lightcrest.samplers.NSGAIISampler(population_size=10, mutation_prob=0.0, crossover_prob=1.0, crossover=crossover, seed=0)
        study = lightcrest.create_study(sampler=sampler)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=200)
        return min(trial.params["x"] for trial in study.trials[10:]) - min(trial.params["x"] for trial in study.trials[:10])

    assert spread(crossovers.BLXAlphaCrossover(0.0)) >= 0.0 > spread(crossovers.BLXAlphaCrossover(0.5))
    assert spread(crossovers.SBXCrossover(eta=1000.0)) > -0.02
    for crossover in (crossovers.SPXCrossover(2.0), crossovers.UNDXCrossover(0.3, 0.1), crossovers.VSBXCrossover(3.0, 0.4, 0.6)):
        assert spread(crossover) <= 1.0


def test_where_cma_es_begins():
    sampler = lightcrest.samplers.CmaEsSampler(x0={"x": 3.0, "n": 8}, sigma0=0.001, n_startup_trials=0, seed=0)
    study = lightcrest.create_study(sampler=sampler)
    # The first trial shows the space.
    study.optimize(lambda trial: trial.suggest_float("x", -5, 5) + trial.suggest_int("n", 0, 10) + trial.suggest_float("y", 0, 1), n_trials=4)
    for trial in study.trials[1:]:
        assert abs(trial.params["x"] - 3.0) < 0.1 and abs(trial.params["n"] - 8) <= 1 and abs(trial.params["y"] - 0.5) < 0.1
