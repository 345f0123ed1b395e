"""Terminators end the same studies at the same trials under both packages."""

import lightcrest
import optuna as peer
import optuna.terminator  # noqa: F401: not imported by optuna itself
import pytest

from test_like_optuna import quiet, random_study, told  # noqa: F401: the fixture applies here too


def stagnation(optuna):
    t = optuna.terminator
    seen = []
    values = [5.0, 4.0, 4.0, 4.5, 3.0, 3.0, 3.5, 6.0, 7.0, 8.0, 9.0, 1.0]
    for direction in ("minimize", "maximize"):
        for patience, least in ((0, 1), (2, 1), (3, 6), (30, 1)):
            terminator = told(lambda: t.Terminator(t.BestValueStagnationEvaluator(patience), min_n_trials=least))
            callback = told(lambda: t.TerminatorCallback(terminator[0]))
            study = random_study(optuna, direction=direction)
            study.optimize(lambda trial: values[trial.number], n_trials=len(values), callbacks=[callback[0]])
            seen.append((terminator[1], callback[1], len(study.trials)))
    evaluator = t.BestValueStagnationEvaluator(3)
    seen.append([evaluator.evaluate(study.trials[:n], study.direction) for n in range(1, 6)])
    seen.append([told(lambda: evaluator.evaluate([], study.direction)), told(lambda: t.BestValueStagnationEvaluator(-1))])
    seen.append([told(lambda: t.Terminator(evaluator, min_n_trials=0))[0]])
    return seen


def cross_validation(optuna):
    t = optuna.terminator
    study = random_study(optuna, direction="maximize")
    seen = []

    def objective(trial):
        scores = [0.5 + 0.1 * trial.number, 0.6, 0.75]
        seen.append(told(lambda: t.report_cross_validation_scores(trial, scores)))
        return sum(scores) / 3

    study.optimize(objective, n_trials=3)
    evaluator = t.CrossValidationErrorEvaluator()
    seen.append(round(evaluator.evaluate(study.trials, study.direction), 12))
    seen.append(told(lambda: t.report_cross_validation_scores(study.ask(), [1.0])))
    study.add_trial(optuna.create_trial(value=9.0))
    seen.append(told(lambda: evaluator.evaluate(study.trials, study.direction)))
    seen.append(study.trials[0].system_attrs)
    return seen


def medians(optuna):
    t = optuna.terminator
    evaluator = t.BestValueStagnationEvaluator(10)
    error = t.MedianErrorEvaluator(evaluator, warm_up_trials=2, n_initial_trials=4, threshold_ratio=0.5)
    study = random_study(optuna)
    study.optimize(lambda trial: float(-min(trial.number, 3)), n_trials=8)
    found = [error.evaluate(study.trials[:n], study.direction) for n in (5, 6, 8)]
    refused = ({"warm_up_trials": -1}, {"n_initial_trials": 0}, {"threshold_ratio": 0.0}, {"threshold_ratio": float("inf")})
    return found, [told(lambda: t.MedianErrorEvaluator(evaluator, **options)) for options in refused]


def ones_own(optuna):
    t = optuna.terminator

    class Rest(t.BaseImprovementEvaluator):
        def evaluate(self, trials, study_direction):
            return 10.0 / len(trials)

    class Never(t.BaseTerminator):
        def should_terminate(self, study):
            return False

    ends = told(lambda: t.TerminatorCallback(t.Terminator(Rest(), t.StaticErrorEvaluator(2.0), min_n_trials=2)))[0]
    goes_on = told(lambda: t.TerminatorCallback(Never()))[0]
    study = random_study(optuna)
    study.optimize(lambda trial: 1.0, n_trials=20, callbacks=[goes_on, ends])
    return len(study.trials)


@pytest.mark.parametrize("scenario", [stagnation, cross_validation, medians, ones_own], ids=lambda scenario: scenario.__name__)
def test_both_packages_tell_the_same(scenario):
    assert str(scenario(lightcrest)) == str(scenario(peer))


# Optuna's bound needs PyTorch, so these run here only.


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_regret_bound_falls_as_the_optimum_is_found(direction):
    sign = 1.0 if direction == "minimize" else -1.0
    study = random_study(lightcrest, direction=direction)
    space = {"x": lightcrest.distributions.FloatDistribution(0, 1)}
    for x in [i * 0.618 % 1.0 for i in range(30)]:
        study.add_trial(lightcrest.create_trial(value=sign * 10.0 * (x - 0.3) ** 2, params={"x": x}, distributions=space))
    evaluator = lightcrest.terminator.RegretBoundEvaluator(min_n_trials=15)
    early, late = (evaluator.evaluate(study.trials[:n], study.direction) for n in (3, 30))
    assert 0.0 <= late < 0.1 * early
    assert evaluator.evaluate(study.trials[:1], study.direction) == float("inf")
    with pytest.raises(ValueError, match="no trial is complete"):
        evaluator.evaluate([], study.direction)
    bare = random_study(lightcrest)
    bare.optimize(lambda trial: 1.0, n_trials=2)
    with pytest.raises(ValueError, match="no parameter in common"):
        evaluator.evaluate(bare.trials, bare.direction)
    figure = lightcrest.visualization.plot_terminator_improvement(study, improvement_evaluator=evaluator)
    assert figure.layout.yaxis.range[1] < float("inf")


def test_the_minimum_regret_that_is_to_be_expected_falls():
    with pytest.warns(lightcrest.exceptions.ExperimentalWarning, match="EMMREvaluator"):
        evaluator = lightcrest.terminator.EMMREvaluator(seed=1, min_n_trials=3)
    study = random_study(lightcrest)
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=20)
    found = [evaluator.evaluate(study.trials[:n], study.direction) for n in (2, 4, 20)]
    assert found[0] > found[1] > found[2] > 0.0, found
    assert found[2] == evaluator.evaluate(study.trials, study.direction), "one seed, one answer"
    with pytest.raises(ValueError, match="min_n_trials"):
        lightcrest.terminator.EMMREvaluator(min_n_trials=1)


def test_by_default_the_regret_is_compared_with_the_error_of_a_cross_validation():
    def run(reports):
        with pytest.warns(FutureWarning, match="the module `terminator` is deprecated"):
            callback = lightcrest.terminator.TerminatorCallback(lightcrest.terminator.Terminator(min_n_trials=6))

        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            if reports:
                told(lambda: lightcrest.terminator.report_cross_validation_scores(trial, [x - 9.0, x, x + 9.0]))
            return x

        study = random_study(lightcrest)
        study.optimize(objective, n_trials=20, callbacks=[callback])
        return len(study.trials)

    assert run(True) == 6
    with pytest.raises(ValueError, match="reported no scores"):
        run(False)


def test_what_a_terminator_sees_is_drawn():
    def drawn(optuna):
        study = random_study(optuna)
        study.optimize(lambda trial: abs(trial.number - 10.0), n_trials=25)
        evaluator = optuna.terminator.BestValueStagnationEvaluator(8)
        figure = optuna.visualization.plot_terminator_improvement(study, True, evaluator, min_n_trials=20)
        return [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data], figure.layout.yaxis.range

    assert str(drawn(lightcrest)) == str(drawn(peer))
    many = random_study(lightcrest, directions=["minimize", "minimize"])
    with pytest.raises(ValueError, match="one objective"):
        lightcrest.visualization.plot_terminator_improvement(many)
