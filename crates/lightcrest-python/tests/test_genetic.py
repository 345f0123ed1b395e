"""Genetic samplers with parts that are written in Python."""

import lightcrest
import pytest
from lightcrest.samplers import BaseGASampler, NSGAIIISampler, NSGAIISampler
from lightcrest.samplers.nsgaii import (
    BaseCrossover,
    BLXAlphaCrossover,
    PolynomialMutation,
    SBXCrossover,
    SPXCrossover,
    UNDXCrossover,
    UniformCrossover,
    VSBXCrossover,
)

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.filterwarnings("ignore::lightcrest.exceptions.ExperimentalWarning")


def two(trial):
    x, n = trial.suggest_float("x", 0, 1), trial.suggest_int("n", 0, 8, step=2)
    cost = 0.0 if trial.suggest_categorical("c", ["a", "b"]) == "a" else 1.0
    return x + n / 8 + cost, 1 - x


def best_of(sampler, trials=120):
    study = lightcrest.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(two, n_trials=trials)
    return study


@pytest.mark.parametrize("kind", [NSGAIISampler, NSGAIIISampler])
def test_a_mutation_stays_in_range_and_finds_the_front(kind):
    study = best_of(kind(population_size=10, mutation=PolynomialMutation(), seed=1))
    for trial in study.trials:
        assert 0 <= trial.params["x"] <= 1 and trial.params["n"] in (0, 2, 4, 6, 8)
    good = [trial for trial in study.trials[-30:] if trial.params["n"] == 0 and trial.params["c"] == "a"]
    assert len(good) > 15
    again = best_of(kind(population_size=10, mutation=PolynomialMutation(), seed=1))
    assert [trial.params for trial in again.trials] == [trial.params for trial in study.trials]


def test_generations_are_told_by_their_trials():
    for sampler in (NSGAIISampler(population_size=5), NSGAIISampler(population_size=5, mutation=PolynomialMutation())):
        study = best_of(sampler, 15)
        assert [trial.system_attrs["NSGAIISampler:generation"] for trial in study.trials] == [0] * 5 + [1] * 5 + [2] * 5
        assert not study.trials[-1].user_attrs


def test_strategies_are_asked_for_what_they_decide():
    called = {"elite": [], "children": [], "after": []}

    def elite(study, population):
        called["elite"].append(len(population))
        return sorted(population, key=lambda trial: trial.values[0])[:4]

    def children(study, space, parents):
        called["children"].append((sorted(space), len(parents)))
        return {"x": 0.5, "n": 4}

    def after(study, trial, state, values):
        called["after"].append((trial.number, state.name, values))

    with pytest.warns(lightcrest.exceptions.ExperimentalWarning, match="child_generation_strategy"):
        sampler = NSGAIISampler(
            population_size=4,
            elite_population_selection_strategy=elite,
            child_generation_strategy=children,
            after_trial_strategy=after,
        )
    study = best_of(sampler, 9)
    assert called["elite"] == [4, 8] and len(called["after"]) == 9 and called["after"][0][:2] == (0, "COMPLETE")
    assert called["children"] == [(["c", "n", "x"], 4)] * 5
    assert all((trial.params["x"], trial.params["n"]) == (0.5, 4) for trial in study.trials[4:])


def test_a_crossover_of_ones_own():
    class Middle(BaseCrossover):
        n_parents = 2

        def crossover(self, parents_params, rng, study, search_space_bounds):
            assert parents_params.shape == (2, 2) and search_space_bounds.shape == (2, 2)
            return parents_params.mean(axis=0)

    study = best_of(NSGAIISampler(population_size=6, crossover=Middle(), crossover_prob=1.0, mutation_prob=0.0, seed=2), 24)
    first, last = (sorted(t.params["x"] for t in study.trials[part]) for part in (slice(0, 6), slice(18, 24)))
    assert first[0] <= last[0] and last[-1] <= first[-1]


@pytest.mark.parametrize(
    "crossover", [UniformCrossover(), BLXAlphaCrossover(), SBXCrossover(), VSBXCrossover(), SPXCrossover(), UNDXCrossover()]
)
def test_what_all_parents_agree_in_a_child_has(crossover):
    study = lightcrest.create_study()
    parents = np.tile([0.25, 3.0], (crossover.n_parents, 1))
    bounds = np.array([[0.0, 1.0], [0.0, 5.0]])
    child = crossover.crossover(parents, np.random.RandomState(0), study, bounds)
    np.testing.assert_allclose(child, [0.25, 3.0], atol=1e-8)


def test_reference_points_decide_who_survives():
    only_first = best_of(NSGAIIISampler(population_size=8, reference_points=[[1.0, 0.001]], seed=3), 80)
    both = best_of(NSGAIIISampler(population_size=8, seed=3), 80)
    assert [trial.params for trial in only_first.trials] != [trial.params for trial in both.trials]
    with pytest.raises(ValueError, match="reference_points"):
        NSGAIIISampler(reference_points=[[1.0], [1.0, 2.0]])


def test_the_base_of_genetic_samplers():
    class Best(BaseGASampler):
        def __init__(self):
            super().__init__(population_size=3)
            self.selected = []

        def select_parent(self, study, generation):
            self.selected.append(generation)
            return sorted(self.get_population(study, generation - 1), key=lambda trial: trial.value)[:1]

        def infer_relative_search_space(self, study, trial):
            return {"x": lightcrest.distributions.FloatDistribution(0, 1)}

        def sample_relative(self, study, trial, search_space):
            parents = self.get_parent_population(study, self.get_trial_generation(study, trial))
            return {"x": parents[0].params["x"] / 2} if parents else {}

        def sample_independent(self, study, trial, param_name, param_distribution):
            return 0.25 * (1 + trial.number)

    study = lightcrest.create_study(sampler=Best())
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=9)
    assert [trial.params["x"] for trial in study.trials] == [0.25, 0.5, 0.75] + [0.125] * 3 + [0.0625] * 3
    assert study.sampler.selected == [1, 2]
