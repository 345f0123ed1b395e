"""Studies that learn from earlier ones."""

import lightcrest
import pytest


def valley(trial, shift=0.0):
    x = trial.suggest_int("x", 0, 24)
    y = trial.suggest_int("y", 0, 24)
    return ((x - 18 - shift) / 25) ** 2 + ((y - 5 - shift) / 25) ** 2


def earlier(seed, objective=valley, **settings):
    study = lightcrest.create_study(sampler="random", seed=seed, **settings)
    study.optimize(objective, n_trials=25)
    return study


def params(study):
    return [trial.params for trial in study.trials]


def test_a_study_begins_with_what_earlier_ones_found_and_says_what_they_count():
    source = earlier(1, lambda trial: 3 * valley(trial, 1.0) + 2, study_name="source")
    study = lightcrest.create_study(seed=4, learn_from=[source])
    assert [(m["study_name"], m["trials"], m["weight"]) for m in study.memory] == [("source", 25, None)]
    study.optimize(valley, n_trials=10)
    assert study.trials[0].params == source.best_params
    assert study.best_value < 0.02
    assert study.memory[0]["rows"] == 25 and study.memory[0]["weight"] > 0.3
    again = lightcrest.create_study(seed=4, learn_from=[source])
    again.optimize(valley, n_trials=10)
    assert params(again) == params(study)
    assert lightcrest.create_study().memory == []


def test_what_was_learnt_stays_with_the_study(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    source = earlier(2, storage=f"sqlite:///{tmp_path}/earlier.db", study_name="source")
    expected = lightcrest.create_study(seed=4, learn_from=[source])
    expected.optimize(valley, n_trials=9)

    def study(**settings):
        return lightcrest.create_study(
            storage=url, study_name="new", sampler="auto", seed=4, load_if_exists=True, **settings
        )

    study(learn_from=[source]).optimize(valley, n_trials=3)
    (tmp_path / "earlier.db").unlink()
    study().optimize(valley, n_trials=3)
    study(learn_from=[earlier(3)]).optimize(valley, n_trials=3)
    assert params(study()) == params(expected)
    assert [memory["study_name"] for memory in study().memory] == ["source"]


def test_what_cannot_be_learnt_from_is_refused():
    source = earlier(1)
    with pytest.raises(TypeError, match="list of studies"):
        lightcrest.create_study(learn_from=source)
    with pytest.raises(TypeError, match="takes studies"):
        lightcrest.create_study(learn_from=["source"])
    with pytest.raises(ValueError, match="only `gp` and `auto` do"):
        lightcrest.create_study(sampler="tpe", learn_from=[source])
    other = lightcrest.create_study(sampler="random", seed=1)
    other.optimize(lambda trial: trial.suggest_float("other", 0, 1), n_trials=5)
    study = lightcrest.create_study(seed=1, learn_from=[other])
    study.optimize(valley, n_trials=12)
    assert len(study.trials) == 12
