"""Storages that are written in Python: studies work on them as on any other."""

import copy
import datetime
import threading

import lightcrest
import pytest
from lightcrest.distributions import check_distribution_compatibility
from lightcrest.exceptions import DuplicatedStudyError
from lightcrest.storages import BaseStorage
from lightcrest.trial import FrozenTrial, TrialState


class Shelf(BaseStorage):
    """Everything in two lists."""

    def __init__(self):
        self.studies, self.trials, self.lock, self.calls = [], [], threading.RLock(), []

    def __getattribute__(self, name):
        if name.startswith(("set_trial", "create_new_trial")):
            object.__getattribute__(self, "calls").append(name)
        return object.__getattribute__(self, name)

    def _study(self, study_id):
        if not 0 <= study_id < len(self.studies) or self.studies[study_id] is None:
            raise KeyError(study_id)
        return self.studies[study_id]

    def create_new_study(self, directions, study_name=None):
        if study_name in [study["name"] for study in self.studies if study]:
            raise DuplicatedStudyError(study_name)
        self.studies.append({"name": study_name or f"s{len(self.studies)}", "directions": list(directions), "user": {}, "system": {}})
        return len(self.studies) - 1

    def delete_study(self, study_id):
        self._study(study_id)
        self.studies[study_id] = None

    def set_study_user_attr(self, study_id, key, value):
        self._study(study_id)["user"][key] = value

    def set_study_system_attr(self, study_id, key, value):
        self._study(study_id)["system"][key] = value

    def get_study_id_from_name(self, study_name):
        for study_id, study in enumerate(self.studies):
            if study and study["name"] == study_name:
                return study_id
        raise KeyError(study_name)

    def get_study_name_from_id(self, study_id):
        return self._study(study_id)["name"]

    def get_study_directions(self, study_id):
        return self._study(study_id)["directions"]

    def get_study_user_attrs(self, study_id):
        return dict(self._study(study_id)["user"])

    def get_study_system_attrs(self, study_id):
        return dict(self._study(study_id)["system"])

    def get_all_studies(self):
        from lightcrest.storages._base import FrozenStudy

        return [
            FrozenStudy(study["name"], None, study["user"], study["system"], study_id, directions=study["directions"])
            for study_id, study in enumerate(self.studies)
            if study
        ]

    def create_new_trial(self, study_id, template_trial=None):
        with self.lock:
            trial = copy.deepcopy(template_trial) or FrozenTrial(
                0, TrialState.RUNNING, None, datetime.datetime.now(), None, {}, {}, {}, {}, {}, 0
            )
            trial.number = sum(1 for other, _ in self.trials if other == study_id)
            trial._trial_id = 100 + len(self.trials)
            self.trials.append((study_id, trial))
            return trial._trial_id

    def _changed(self, trial_id):
        trial = self._found(trial_id)
        self.check_trial_is_updatable(trial_id, trial.state)
        return trial

    def _found(self, trial_id):
        if not 100 <= trial_id < 100 + len(self.trials):
            raise KeyError(trial_id)
        return self.trials[trial_id - 100][1]

    def set_trial_param(self, trial_id, param_name, param_value_internal, distribution):
        trial = self._changed(trial_id)
        for _, other in self.trials:
            if param_name in other.distributions:
                check_distribution_compatibility(other.distributions[param_name], distribution)
        trial.params[param_name] = distribution.to_external_repr(param_value_internal)
        trial.distributions[param_name] = distribution

    def set_trial_state_values(self, trial_id, state, values=None):
        with self.lock:
            trial = self._changed(trial_id)
            if state is TrialState.RUNNING and trial.state is not TrialState.WAITING:
                return False
            trial.state = state
            trial.values = values if values is not None else trial.values
            if state is TrialState.RUNNING:
                trial.datetime_start = datetime.datetime.now()
            if state.is_finished():
                trial.datetime_complete = datetime.datetime.now()
            return True

    def set_trial_intermediate_value(self, trial_id, step, intermediate_value):
        self._changed(trial_id).intermediate_values[step] = intermediate_value

    def set_trial_user_attr(self, trial_id, key, value):
        self._changed(trial_id).user_attrs[key] = value

    def set_trial_system_attr(self, trial_id, key, value):
        self._changed(trial_id).system_attrs[key] = value

    def get_trial(self, trial_id):
        return copy.deepcopy(self._found(trial_id))

    def get_all_trials(self, study_id, deepcopy=True, states=None):
        self._study(study_id)
        trials = [copy.deepcopy(trial) for other, trial in self.trials if other == study_id]
        return [trial for trial in trials if states is None or trial.state in states]


def objective(trial):
    x = trial.suggest_float("x", -5, 5)
    trial.suggest_categorical("c", ["a", None])
    trial.report(x, 0)
    trial.set_user_attr("seen", trial.number)
    trial.set_constraint("x", -x)
    return x * x


@pytest.mark.parametrize("sampler", ["auto", "tpe", "random"])
def test_a_study_runs_on_it(sampler):
    shelf = Shelf()
    study = lightcrest.create_study(storage=shelf, sampler=sampler, seed=3, study_name="s")
    study.enqueue_trial({"x": 2.0}, user_attrs={"mine": True})
    study.set_user_attr("who", "me")
    study.optimize(objective, n_trials=12)
    kept = shelf.get_all_trials(0)
    assert [trial.params for trial in kept] == [trial.params for trial in study.trials]
    assert [trial._trial_id for trial in study.trials] == list(range(100, 112))
    assert kept[0].params["x"] == 2.0 and kept[0].user_attrs == {"mine": True, "seen": 0}
    assert all(trial.intermediate_values == {0: trial.params["x"]} for trial in kept)
    assert kept[3].constraints == {"x": -kept[3].params["x"]}
    assert study.best_value == min(trial.value for trial in kept if trial.params["x"] >= 0)
    assert shelf.get_study_user_attrs(0) == {"who": "me"}


def test_the_same_seed_proposes_the_same_as_in_memory():
    trials = []
    for storage in (None, Shelf()):
        study = lightcrest.create_study(storage=storage, sampler="tpe", seed=5)
        study.optimize(objective, n_trials=15)
        trials.append([trial.params for trial in study.trials])
    assert trials[0] == trials[1]


def test_others_go_on_with_it_and_states_are_kept():
    shelf = Shelf()
    study = lightcrest.create_study(storage=shelf, study_name="s", directions=["minimize", "maximize"])
    study.optimize(lambda trial: (trial.suggest_int("n", 0, 9), 1.0), n_trials=3, n_jobs=2)
    again = lightcrest.load_study(study_name="s", storage=shelf)
    trial = again.ask()
    with pytest.raises(DuplicatedStudyError):
        lightcrest.create_study(storage=shelf, study_name="s")
    study.tell(trial.number, state=TrialState.FAIL)
    assert [trial.state.name for trial in again.trials] == ["COMPLETE"] * 3 + ["FAIL"]
    assert len(again.best_trials) >= 1
    lightcrest.delete_study(study_name="s", storage=shelf)
    assert lightcrest.get_all_study_names(shelf) == []


def test_what_it_raises_comes_back():
    class Full(Shelf):
        def set_trial_param(self, *args):
            raise OSError("no room")

    study = lightcrest.create_study(storage=Full())
    with pytest.raises(OSError, match="no room"):
        study.ask().suggest_float("x", 0, 1)


def test_pruned_and_failed_trials_are_told():
    shelf = Shelf()
    study = lightcrest.create_study(storage=shelf)

    def objective(trial):
        trial.report(0.5, 1)
        if trial.number:
            raise ValueError("broken")
        raise lightcrest.TrialPruned

    study.optimize(objective, n_trials=2, catch=ValueError)
    kept = shelf.get_all_trials(0)
    assert [(trial.state, trial.value) for trial in kept] == [(TrialState.PRUNED, 0.5), (TrialState.FAIL, None)]
