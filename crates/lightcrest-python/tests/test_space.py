"""Spaces from Python: declared, and discovered from what an objective asks for."""

import copy
import pickle
import subprocess
import sys

import lightcrest
import pytest


def declared():
    return (
        lightcrest.Space()
        .float("rate", 1e-5, 1e-1, log=True)
        .categorical("optimizer", ["sgd", "adam", None])
        .float("momentum", 0, 0.9, when={"optimizer": "sgd"})
        .categorical("size", [16, 32, 64], ordered=True, when={"optimizer": ["sgd", None]})
        .int("both", 1, 5, step=2, when={"optimizer": "sgd", "size": [16, 64]})
    )


def test_a_declared_space_gives_whole_configurations():
    study = lightcrest.create_study(space=declared(), sampler="random", seed=0)
    kinds = set()
    for _ in range(50):
        trial = study.ask()
        study.space.validate(trial.params)
        kinds.add(tuple(trial.params))
        if "momentum" in trial.params:
            assert trial.suggest_float("momentum", 0, 0.9) == trial.params["momentum"]
        else:
            with pytest.raises(ValueError, match="parameter `momentum` is not active here"):
                trial.suggest_float("momentum", 0, 0.9)
        study.tell(trial, 1.0)
    assert kinds == {
        ("rate", "optimizer", "momentum", "size", "both"),
        ("rate", "optimizer", "momentum", "size"),
        ("rate", "optimizer", "size"),
        ("rate", "optimizer"),
    }
    assert set(study.trials[0].distributions) == set(study.trials[0].params)
    with pytest.raises(ValueError, match="parameter `rate` is declared as a float from 1e-5 to 0.1"):
        study.ask().suggest_float("rate", 0, 1)


def test_a_space_is_said_and_read():
    space = declared()
    assert len(space) == 5 and "momentum" in space and "moment" not in space
    assert space.conditions("both") == {"optimizer": ["sgd"], "size": [16, 64]}
    assert lightcrest.Space.from_json(space.to_json()) == space
    assert space.sample(3) == space.sample(3) != space.sample(4)
    assert 'momentum: a float from 0.0 to 0.9, needs `optimizer` to be "sgd"' in repr(space)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (lightcrest.Space().float("x", 1, 0), "`low <= high` must hold"),
        (lightcrest.Space().float("x", 0, 1).int("x", 0, 1), "`x` is there twice"),
        (lightcrest.Space().float("x", 0, 1, when={"optimiser": "a"}), "unknown parameter `optimiser`"),
        (lightcrest.Space().categorical("c", ["a"]).int("n", 0, 1, when={"c": "b"}), 'waits for `c` to be "b"'),
        (lightcrest.Space().int("a", 0, 1, when={"b": 1}).int("b", 0, 1, when={"a": 1}), "must not form a circle"),
    ],
)
def test_a_space_that_cannot_be_is_refused(space, message):
    with pytest.raises(ValueError, match=message):
        lightcrest.create_study(space=space)


def tree(trial):
    """Jenatton et al. 2017: choices on a tree, one number a leaf and one a branch; the optimum is 0.1."""
    first = trial.suggest_categorical("x1", ["0", "1"])
    second = trial.suggest_categorical("x2" if first == "0" else "x3", ["0", "1"])
    shared = trial.suggest_float("r8" if first == "0" else "r9", 0, 1)
    leaf, offset = {"00": ("x4", 0.1), "01": ("x5", 0.2), "10": ("x6", 0.3), "11": ("x7", 0.4)}[first + second]
    return trial.suggest_float(leaf, -1, 1) ** 2 + offset + shared


def test_conditions_are_inferred_and_the_gaussian_process_uses_them():
    found = []
    for seed in range(5):
        study = lightcrest.create_study(sampler="gp", seed=seed)
        study.optimize(tree, n_trials=50)
        found.append(study.best_value)
    assert sorted(found)[2] < 0.15
    assert study.space.conditions("x1") == {}
    assert study.space.conditions("r8") == {"x1": ["0"]}
    assert set(study.trials[0].params) == set(study.trials[0].distributions) and len(study.trials[0].params) == 4


def test_ranges_may_change():
    study = lightcrest.create_study(seed=0)

    def objective(trial):
        layers = trial.suggest_int("layers", 1, 4)
        return trial.suggest_int("last", 1, layers)

    study.optimize(objective, n_trials=40)
    assert all(trial.params["last"] <= trial.params["layers"] for trial in study.trials)


def test_frozen_trials_can_be_copied_and_stored():
    study = lightcrest.create_study(sampler="random")
    study.optimize(tree, n_trials=2)
    trial = study.trials[1]
    assert pickle.loads(pickle.dumps(trial)) == trial == copy.deepcopy(trial)
    trial.params.clear()
    assert study.trials[1].params, "what study.trials gives are copies"


def test_the_import_pulls_in_nothing_heavy():
    code = "import sys, lightcrest; print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'pandas', 'typing'}))"
    assert subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
                          capture_output=True, text=True, check=True).stdout == "[]\n"
