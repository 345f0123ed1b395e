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
        (lightcrest.Space().int("a", 0, 1, at_most="b"), "a bound names the unknown parameter `b`"),
        (lightcrest.Space().int("a", 0, 1).sum({"a": 1}), "a sum needs a limit"),
        (lightcrest.Space().int("a", 0, 1).constrain("no", lambda params: False), "break constraint `no`"),
        (lightcrest.Space().int("a", 0, 1, when={"b": 1}).int("b", 0, 1, when={"a": 1}), "must not form a circle"),
    ],
)
def test_a_space_that_cannot_be_is_refused(space, message):
    with pytest.raises(ValueError, match=message):
        lightcrest.create_study(space=space)


def constrained():
    return (
        lightcrest.Space()
        .int("kernel", 1, 64, at_most="size", at_least=("groups", 2, 1))
        .int("size", 8, 64)
        .int("groups", 1, 8)
        .float("a", 0, 1)
        .float("b", 0, 1, at_least=["a"])
        .sum({"a": 1, "b": 2}, at_most=1.5, name="budget")
        .constrain("odd", lambda params: params["kernel"] % 2 == 1)
    )


@pytest.mark.parametrize("sampler", ["random", "gp", "tpe", "qmc", "cmaes", "evolution", "nsga2"])
def test_proposals_satisfy_bounds_and_constraints(sampler):
    study = lightcrest.create_study(space=constrained(), sampler=sampler, seed=0)
    for _ in range(25):
        params = study.ask().params
        assert 2 * params["groups"] + 1 <= params["kernel"] <= params["size"] and params["kernel"] % 2 == 1
        assert params["a"] <= params["b"] and params["a"] + 2 * params["b"] <= 1.5 + 1e-6
        study.tell(len(study.trials) - 1, params["a"] - params["b"])


def test_bounds_and_constraints_are_said_and_read():
    space = constrained()
    assert "kernel: an int from 1 to 64, at least 2 * `groups` + 1, at most `size`" in repr(space)
    assert "a + 2 b <= 1.5" in repr(space) and "odd" in repr(space)
    read = lightcrest.Space.from_json(space.to_json())
    assert repr(read) == repr(lightcrest.Space.from_json(read.to_json()))
    with pytest.raises(ValueError, match="the test of constraint `odd` is not here"):
        lightcrest.create_study(space=read)
    params = {"kernel": 9, "size": 8, "groups": 1, "a": 0.1, "b": 0.2}
    with pytest.raises(ValueError, match="`kernel` must be at most `size` = 8, but got 9"):
        space.validate(params)
    with pytest.raises(ValueError, match="constraint `budget` is broken"):
        space.validate({**params, "kernel": 7, "b": 0.9})
    with pytest.raises(ValueError, match="constraint `odd` is broken"):
        lightcrest.create_study(space=space).enqueue_trial({**params, "kernel": 6})
    with pytest.raises(ValueError, match="give it to create_study"):
        lightcrest.create_study().ask(space)


def test_a_stored_study_needs_its_tests(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    lightcrest.create_study(space=constrained(), storage=storage, study_name="s").ask()
    with pytest.raises(ValueError, match="the test of constraint `odd` is not here"):
        lightcrest.create_study(storage=storage, study_name="s", load_if_exists=True)
    study = lightcrest.create_study(space=constrained(), storage=storage, study_name="s", load_if_exists=True)
    assert study.ask().params["kernel"] % 2 == 1


def test_what_a_test_raises_is_raised():
    space = lightcrest.Space().int("n", 0, 9).constrain("wrong", lambda params: params["m"] > 0)
    with pytest.raises(KeyError, match="m"):
        lightcrest.create_study(space=space)


def test_a_parameter_is_fixed():
    space = declared().fix("optimizer", "adam").fix("rate", 1e-3)
    assert all(space.sample(seed) == {"optimizer": "adam", "rate": 1e-3} for seed in range(5))
    with pytest.raises(ValueError, match='parameter `optimizer` must be one of "sgd", "adam", null, but got "adamw"'):
        declared().fix("optimizer", "adamw").sample(0)


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
