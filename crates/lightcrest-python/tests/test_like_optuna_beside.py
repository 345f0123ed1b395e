"""What is beside studies is the same under both packages too: samplers, pruners, importance, artifacts, messages."""

import itertools
import logging
import tempfile

import lightcrest
import optuna as peer
import pytest

from test_like_optuna import NAN, quiet, random_study, states, told  # noqa: F401: the fixture applies here too


def pruning(optuna):
    quality = [1.0, 2.0, 3.0, 0.5, NAN, 1.5]

    def objective(trial):
        for step in range(4):
            trial.report(quality[trial.number], step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return quality[trial.number]

    seen = []
    for warmup in range(3):
        pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=warmup)
        study = random_study(optuna, pruner=pruner)
        study.optimize(objective, n_trials=len(quality))
        seen.append((states(study), [trial.last_step for trial in study.trials], study.trials[2].values))
    return seen


def classic_pruners(optuna):
    kinds = optuna.pruners
    made = [
        kinds.PercentilePruner(25.0, n_startup_trials=2, n_warmup_steps=1),
        kinds.PercentilePruner(75.0, n_startup_trials=1, interval_steps=2, n_min_trials=2),
        kinds.MedianPruner(2, 2, n_min_trials=3),
        kinds.ThresholdPruner(upper=2.5, n_warmup_steps=1),
        kinds.ThresholdPruner(lower=0.6),
        kinds.PatientPruner(None, patience=1),
        kinds.PatientPruner(kinds.MedianPruner(1, 1), patience=1, min_delta=0.1),
        kinds.WilcoxonPruner(p_threshold=0.2),
    ]
    curves = [[1.0, 0.9, 0.8, 0.7, 0.6], [2.0, 1.5, 2.0, 2.6, 3.0], [0.5, 0.4, 0.45, 0.5, 0.7], [1.2, 1.3, 1.4, 1.5, 1.6],
              [0.9, 0.8, 0.9, 0.8, 0.85], [3.0, 0.2, 0.1, 0.1, 0.1], [1.0, NAN, 1.0, 1.0, 1.0]]
    seen = []
    for pruner, first in itertools.product(made, (0, 1)):
        study = random_study(optuna, pruner=pruner)

        def objective(trial, first=first):
            curve = curves[trial.number]
            for step, value in enumerate(curve, first):
                trial.report(value, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return curve[-1]

        study.optimize(objective, n_trials=len(curves))
        seen.append((type(pruner).__name__, states(study), [trial.last_step for trial in study.trials]))
    refused = [
        lambda: kinds.PercentilePruner(101.0), lambda: kinds.PercentilePruner(50.0, -1), lambda: kinds.MedianPruner(-1),
        lambda: kinds.MedianPruner(1, 1, 0), lambda: kinds.ThresholdPruner(), lambda: kinds.ThresholdPruner(2.0, 1.0),
        lambda: kinds.PatientPruner(None, -1), lambda: kinds.PatientPruner(None, 1, -0.1), lambda: kinds.HyperbandPruner(max_resource="all"),
        lambda: kinds.WilcoxonPruner(p_threshold=1.5),
    ]
    return seen, [told(make)[0] for make in refused]


def patience_around_a_pruner_of_ones_own(optuna):
    class Late(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            return trial.last_step >= 3

    seen = []
    for direction, patience, delta in (("minimize", 0, 0.0), ("maximize", 1, 0.0), ("minimize", 1, 0.5)):
        pruner = told(lambda: optuna.pruners.PatientPruner(Late(), patience, delta))[0]
        study = random_study(optuna, direction=direction, pruner=pruner)
        for curve in ([3.0, 1.0, 2.0, 1.5, 1.4, 4.0], [1.0, 3.0, 2.0, 2.5, 1.0, 1.0], [2.0, NAN, 2.0, NAN, 2.5, 1.0]):
            trial = study.ask()
            for step, value in enumerate(curve):
                trial.report(value, step)
                seen.append(trial.should_prune())
    return seen


def hyperband(optuna):
    """Brackets are drawn differently, so only what must hold is told."""
    study = random_study(optuna, pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9, reduction_factor=3))

    def objective(trial):
        for step in range(9):
            trial.report(trial.number % 7, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return trial.number % 7

    study.optimize(objective, n_trials=60)
    count = states(study).count("PRUNED")
    return 10 < count < 60, study.best_value == 0


def bases(optuna):
    kinds = [
        optuna.samplers.BaseSampler, optuna.pruners.BasePruner, optuna.importance.BaseImportanceEvaluator,
    ]
    pairs = [
        (optuna.pruners.MedianPruner, optuna.pruners.PercentilePruner), (optuna.trial.Trial, optuna.trial.BaseTrial),
        (optuna.trial.FixedTrial, optuna.trial.BaseTrial), (optuna.samplers.TPESampler, optuna.samplers.BaseSampler),
        (optuna.samplers.TPESampler, optuna.trial.BaseTrial),
    ]
    return [(told(kind), told(type("Empty", (kind,), {}))) for kind in kinds], [issubclass(a, b) for a, b in pairs]


def search_spaces(optuna):
    study = random_study(optuna)

    def objective(trial):
        trial.suggest_float("b", 0, 1)
        trial.suggest_int("a", 0, 3)
        trial.suggest_float("moving", 0, 1 + trial.number)
        if trial.number == 1:
            trial.suggest_float("once", 0, 1)
        return 0.0

    study.optimize(objective, n_trials=3)
    found = optuna.search_space.intersection_search_space(study.trials)
    again = optuna.search_space.IntersectionSearchSpace().calculate(study)
    return [(name, repr(one)) for name, one in found.items()], list(again)


def samplers_of_ones_own(optuna):
    class Half(optuna.samplers.BaseSampler):
        def __init__(self):
            self.seen = []
            self.random = optuna.samplers.RandomSampler(seed=1)

        def infer_relative_search_space(self, study, trial):
            return optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False))

        def sample_relative(self, study, trial, search_space):
            return {name: 0.5 for name in search_space if name == "x"}

        def sample_independent(self, study, trial, name, distribution):
            self.seen.append((trial.number, name))
            return self.random.sample_independent(study, trial, name, distribution)

        def before_trial(self, study, trial):
            self.seen.append(("before", trial.number))

        def after_trial(self, study, trial, state, values):
            self.seen.append(("after", state.name, values))

    class Late(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            return trial.last_step >= 2

    sampler = Half()
    study = optuna.create_study(sampler=sampler, pruner=Late())

    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_int("y", 0, 9)
        trial.suggest_categorical("single", ["only"])
        for step in range(trial.number * 2):
            trial.report(1.0, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 1.0

    study.enqueue_trial({"y": 4})
    study.optimize(objective, n_trials=3)
    return sampler.seen, states(study), [trial.params["x"] for trial in study.trials[1:]], study.trials[0].params["y"]


def values_chosen_together(optuna):
    unit = optuna.distributions.FloatDistribution(5, 6)

    class Together(optuna.samplers.BaseSampler):
        def infer_relative_search_space(self, study, trial):
            return {"x": unit, "y": unit}

        def sample_relative(self, study, trial, search_space):
            return {"x": 5.5, "y": 5.5, "z": 5.5}

        def sample_independent(self, study, trial, name, distribution):
            return distribution.low

    study = optuna.create_study(sampler=Together())
    seen = [
        told(lambda: study.ask().suggest_float("x", 0, 100)), told(lambda: study.ask().suggest_float("other", 0, 100)),
        told(lambda: study.ask().suggest_float("x", 0, 5)), told(lambda: study.ask().suggest_int("y", 1, 100)),
        told(lambda: study.ask().suggest_float("y", 1, 100, log=True)), told(lambda: study.ask().suggest_float("z", 0, 10)),
    ]
    study.enqueue_trial({"x": 5.25})
    trial = study.ask()
    return seen, trial.params, trial.suggest_float("x", 0, 100), trial.suggest_float("y", 0, 100)


def brute_force(optuna):
    def moving(trial):
        if trial.suggest_categorical("kind", ["real", None]) == "real":
            return trial.suggest_float("x", 1, 3, step=0.5)
        high = trial.suggest_int("high", 1, 3)
        return trial.suggest_int("b", high, 3) + trial.suggest_categorical("c", [NAN, 1.0])

    def failing(trial):
        if trial.suggest_int("n", 0, 3) == 2:
            raise ValueError
        return 0.0

    def endless(trial):
        return trial.suggest_float("x", 0, 1)

    def inconsistent(trial):
        return trial.suggest_int("n", 0, 3 + trial.number)

    seen = []
    for objective in (moving, failing, endless, inconsistent):
        for options in ({}, {"avoid_premature_stop": True}):
            study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(seed=0, **options))
            study.enqueue_trial({"n": 1, "high": 2})
            outcome = told(lambda: study.optimize(objective, n_trials=50, catch=() if objective is not failing else ValueError))
            seen.append((outcome, sorted(str(trial.params) for trial in study.trials), sorted(states(study))))
    study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(seed=0))
    whole = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(seed=0))
    asked = {name: optuna.distributions.IntDistribution(0, high) for name, high in (("n", 1), ("m", 0))}
    whole.add_trial(optuna.create_trial(value=0.0, params={"n": 1, "m": 0}, distributions=asked))
    seen.append(told(lambda: whole.optimize(lambda trial: trial.suggest_int("n", 0, 1), n_trials=5)))
    waiting = study.ask()
    first = waiting.suggest_int("n", 0, 3)
    study.optimize(lambda trial: trial.suggest_int("n", 0, 3), n_trials=10)
    return seen, len(study.trials), sorted({trial.params["n"] for trial in study.trials[1:]} | {first})


def importances(optuna):
    study = random_study(optuna)
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + 0 * t.suggest_float("idle", 0, 1), n_trials=60)
    f = optuna.importance
    seen = []
    for evaluator in (None, f.PedAnovaImportanceEvaluator(), f.FanovaImportanceEvaluator(seed=0),
                      f.MeanDecreaseImpurityImportanceEvaluator(seed=0)):
        found = f.get_param_importances(study, evaluator=evaluator)
        seen.append((list(found), bool(abs(sum(found.values()) - 1) < 1e-9), bool(found["x"] > 0.8)))
    seen.append(list(f.get_param_importances(study, params=["idle"])))
    seen.append(list(f.get_param_importances(study, target=lambda trial: trial.params["idle"])))
    seen.append(told(lambda: f.get_param_importances(study, params=["no"])))
    seen.append(told(lambda: f.get_param_importances(study, params="x")))
    many = random_study(optuna, directions=["minimize", "minimize"])
    many.optimize(lambda t: (t.suggest_float("x", 0, 1), 1.0), n_trials=5)
    seen.append(told(lambda: f.get_param_importances(many)))
    seen.append(told(lambda: f.get_param_importances(many, evaluator=f.FanovaImportanceEvaluator())))
    return seen


def importances_of_few_trials(optuna):
    f, seen = optuna.importance, []
    for n in range(5):
        study = random_study(optuna)
        study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_float("y", 0, 0.5), n_trials=n)
        for evaluator in (f.PedAnovaImportanceEvaluator(), f.FanovaImportanceEvaluator(seed=0)):
            found, warned = told(lambda evaluator=evaluator: evaluator.evaluate(study))
            seen.append((n, sorted(found), any(share > 0 for share in found.values()), warned))
    return seen


def quantiles_of_importance(optuna):
    f, seen = optuna.importance, []
    study = random_study(optuna)

    def objective(trial):
        coarse, fine = trial.suggest_float("coarse", 0, 1), trial.suggest_float("fine", 0, 1)
        return fine if coarse < 0.5 else 10 + coarse

    study.optimize(objective, n_trials=400)
    for options in ({}, {"target_quantile": 0.4}, {"target_quantile": 0.05, "region_quantile": 0.3}, {"evaluate_on_local": False}):
        evaluator = f.PedAnovaImportanceEvaluator(**options)
        found = f.get_param_importances(study, evaluator=evaluator)
        seen.append(list(found))
    for options in ({"target_quantile": 0.0}, {"region_quantile": 0.05}, {"region_quantile": 1.5}, {"region_quantile": 0.5, "evaluate_on_local": False}):
        outcome, warned = told(lambda options=options: f.PedAnovaImportanceEvaluator(**options))
        seen.append((outcome if isinstance(outcome, str) else type(outcome).__name__, warned))
    return seen


def importances_of_conditional_parameters(optuna):
    study = random_study(optuna)

    def objective(trial):
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            return trial.suggest_float("of_a", 0, 1)
        return 5 + 0 * trial.suggest_float("of_b", 0, 1)

    f = optuna.importance
    seen = [told(lambda: f.get_param_importances(study))]
    study.optimize(objective, n_trials=1)
    seen.append(told(lambda: sorted(f.get_param_importances(study).values())))
    study.optimize(objective, n_trials=79)
    for evaluator in (None, f.PedAnovaImportanceEvaluator(), f.FanovaImportanceEvaluator(seed=0)):
        found = f.get_param_importances(study, evaluator=evaluator)
        seen.append((sorted(found), bool(abs(sum(found.values()) - 1) < 1e-9)))
        seen.append(told(lambda: sorted(f.get_param_importances(study, evaluator=evaluator, params=["of_a", "kind"]))))
        seen.append(told(lambda: sorted(f.get_param_importances(study, evaluator=evaluator, params=["of_a", "no"]))))
    seen.append(told(lambda: sorted(f.get_param_importances(study, params=["of_a", "of_b"]))))
    seen.append(told(lambda: sorted(f.get_param_importances(study, target=lambda trial: -trial.value))))
    return seen


def artifacts_by_position(optuna):
    with tempfile.TemporaryDirectory() as folder:
        store, path = optuna.artifacts.FileSystemArtifactStore(folder), f"{folder}/plot.txt"
        with open(path, "w") as file:
            file.write("x")
        trial = random_study(optuna).ask()
        upload = optuna.artifacts.upload_artifact
        seen = [told(lambda: type(upload(trial, path, store))), told(lambda: upload(trial, path, store, None))[0]]
        return seen, len(optuna.artifacts.get_all_artifact_meta(trial))


def jointly_modelled(optuna):
    seen = []
    for multivariate, objectives in itertools.product((None, True, False), (1, 2)):
        sampler = optuna.samplers.TPESampler(multivariate=multivariate, n_startup_trials=0, seed=1)
        study = random_study(optuna, directions=["minimize"] * objectives)
        study.optimize(lambda trial: [trial.suggest_float("x", 0, 1)] * objectives, n_trials=2)
        seen.append((multivariate, objectives, sorted(sampler.infer_relative_search_space(study, study.trials[-1]))))
    return seen


def messages(optuna):
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append((record.levelname, record.getMessage().split("'x'")[0].split(" with name")[0]))

    logger = optuna.logging.get_logger("optuna")
    handler = Handler()
    logger.addHandler(handler)
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.disable_default_handler()
    study = random_study(optuna)
    study.enqueue_trial({"x": 1.0})

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 1:
            raise optuna.TrialPruned("late")
        return NAN if trial.number == 2 else x

    study.optimize(objective, n_trials=3)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study.optimize(lambda trial: 1.0, n_trials=1)
    optuna.logging.enable_default_handler()
    logger.removeHandler(handler)
    seen = [(level, text if "following error" not in text else "") for level, text in lines]
    return seen, optuna.logging.get_verbosity(), optuna.logging.DEBUG


SCENARIOS = [
    pruning, classic_pruners, patience_around_a_pruner_of_ones_own, hyperband, bases, search_spaces,
    samplers_of_ones_own, values_chosen_together, brute_force, importances, importances_of_few_trials, quantiles_of_importance,
    importances_of_conditional_parameters, artifacts_by_position, jointly_modelled, messages,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_packages_tell_the_same(scenario):
    assert str(scenario(lightcrest)) == str(scenario(peer))
