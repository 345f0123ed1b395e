"""`lightcrest.ray` on clusters of this machine, whose workers and nodes die."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import lightcrest
import pytest
import ray
from lightcrest.ray import LightcrestSearch, RayExecutor, can_restore
from lightcrest.trial import TrialState
from ray import tune
from ray.cluster_utils import Cluster

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


@pytest.fixture(scope="module")
def cluster():
    """A head that runs nothing, and two nodes with a processor each."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.add_node(num_cpus=1)
    # Workers import the objectives of this file.
    ray.init(address=made.address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": str(pathlib.Path(__file__).parent)}})
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    trial.set_user_attr("pid", os.getpid())
    trial.set_user_attr("node", ray.get_runtime_context().get_node_id())
    for step in range(5):
        trial.report(x, step)
        time.sleep(0.1)
    return x


def test_trials_run_on_workers_and_a_killed_one_loses_and_doubles_nothing(cluster, url):
    study = lightcrest.create_study(study_name="s", storage=url, sampler="random", seed=1)
    killed, ended = [], []

    def kill():
        while not killed:
            time.sleep(0.2)
            running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
            found = [trial.user_attrs["pid"] for trial in running if trial.number > 3 and "pid" in trial.user_attrs]
            if found:
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])

    murderer = threading.Thread(target=kill)
    murderer.start()
    add = 0.0  # Ray brings cloudpickle along
    study.optimize(
        lambda trial: objective(trial) + add, 12, executor=RayExecutor(), callbacks=[lambda _, trial: ended.append(trial.number)]
    )
    murderer.join()
    assert killed and sorted(ended) == list(range(12))
    assert [trial.state for trial in study.trials] == [COMPLETE] * 12
    assert len({trial.user_attrs["node"] for trial in study.trials}) == 2
    assert all(trial.intermediate_values == dict.fromkeys(range(5), trial.value) for trial in study.trials)


def test_a_node_that_is_lost_loses_and_doubles_nothing(cluster, url):
    study = lightcrest.create_study(study_name="s", storage=url, sampler="random", seed=1)
    lost, ended = cluster.add_node(num_cpus=2), []
    executor = RayExecutor()
    cluster.wait_for_nodes()

    def remove():
        time.sleep(2)
        cluster.remove_node(lost, allow_graceful=False)

    remover = threading.Thread(target=remove)
    remover.start()
    study.optimize(objective, 16, executor=executor, callbacks=[lambda _, trial: ended.append(trial.number)])
    remover.join()
    assert sorted(ended) == list(range(16)) and [trial.state for trial in study.trials] == [COMPLETE] * 16


def test_the_executor_is_one_like_others(cluster):
    with RayExecutor(2) as executor:
        assert executor.submit(pow, 2, 5).result() == 32
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()
        large = executor.submit(len, bytes(1_000_000))
    assert large.result() == 1_000_000
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)
    with pytest.raises(ValueError, match="`max_workers` must be 1 or more, but got 0"):
        RayExecutor(0)


def train(config):
    loss = (config["x"] - 2) ** 2 + config["inner"]["y"] + (0 if config["kind"] is None else config["kind"]["add"]) + config["known"]
    for _ in range(3):
        tune.report({"loss": loss, "n": config["inner"]["n"]})


SPACE = {
    "x": tune.uniform(-10, 10),
    "inner": {"y": tune.loguniform(1e-3, 1), "n": tune.randint(1, 4)},
    "kind": tune.choice([None, {"add": 1}]),
    "even": tune.qrandint(2, 10, 2),
    "known": 7,
}


def tuner(url, tmp_path, trainable=train, space=SPACE, samples=4, failures=0, scheduler=None, **options):
    return tune.Tuner(
        trainable,
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=samples,
            search_alg=LightcrestSearch(url, study_name="t", sampler="random", seed=1, **options),
            scheduler=scheduler,
            max_concurrent_trials=2,
        ),
        run_config=tune.RunConfig(
            name="experiment", storage_path=str(tmp_path), verbose=0, failure_config=tune.FailureConfig(max_failures=failures)
        ),
    )


def test_a_tuner_searches_a_nested_space_and_its_study_is_one_like_others(cluster, url, tmp_path):
    point = {"x": 2.0, "inner": {"y": 0.5, "n": 3}, "kind": {"add": 1}, "even": 4}
    grid = tuner(url, tmp_path, points_to_evaluate=[point]).fit()
    assert not grid.errors and len(grid) == 4
    study = lightcrest.load_study(study_name="t", storage=url)
    assert [trial.state for trial in study.trials] == [COMPLETE] * 4
    assert study.trials[0].params == {"x": 2.0, "inner/y": 0.5, "inner/n": 3, "kind": 1, "even": 4} and study.trials[0].value == 8.5
    assert set(study.trials[0].intermediate_values) == {1, 2, 3}
    by_loss = {result.metrics["loss"]: result.config for result in grid}
    for trial in study.trials:
        config = by_loss[trial.value]
        assert config["x"] == trial.params["x"] and config["inner"]["n"] == trial.params["inner/n"] and config["known"] == 7
        assert config["even"] % 2 == 0
    # A later Tuner goes on with it.
    tuner(url, tmp_path / "later", samples=1).fit()
    assert len(lightcrest.load_study(study_name="t", storage=url).trials) == 5


def fails(config):
    trial = tune.get_context().get_trial_id()
    seen = pathlib.Path(config["folder"], trial)
    first = not seen.exists()
    seen.touch()
    tune.report({"loss": config["x"]})
    if first and config["x"] > 0:
        os._exit(1)
    if config["x"] < -5:
        raise ValueError("boom")
    tune.report({"loss": config["x"]})


def test_trials_that_fail_or_are_run_again_by_ray_count_once(cluster, url, tmp_path):
    (tmp_path / "seen").mkdir()
    space = {"x": tune.uniform(-10, 10), "folder": str(tmp_path / "seen")}
    points = [{"x": x} for x in (-8.0, 3.0, -2.0)]
    tuner(url, tmp_path, fails, space, samples=3, failures=1, points_to_evaluate=points).fit()
    trials = lightcrest.load_study(study_name="t", storage=url).trials
    assert [trial.state for trial in trials] == [FAIL, COMPLETE, COMPLETE]
    assert [len(trial.intermediate_values) for trial in trials] == [1, 2, 2]


def long(config):
    for step in range(8):
        tune.report({"loss": config["x"] + step})


def test_what_a_scheduler_stops_is_pruned(cluster, url, tmp_path):
    scheduler = tune.schedulers.ASHAScheduler(max_t=8, grace_period=1, reduction_factor=2)
    tuner(url, tmp_path, long, {"x": tune.uniform(0, 1)}, samples=6, scheduler=scheduler).fit()
    trials = lightcrest.load_study(study_name="t", storage=url).trials
    assert len(trials) == 6 and {trial.state for trial in trials} == {COMPLETE, PRUNED}
    assert all(max(trial.intermediate_values) < 8 for trial in trials if trial.state is PRUNED)


def test_spaces_may_be_functions_and_what_cannot_be_is_said(url, tmp_path):
    def space(trial):
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            trial.suggest_float("a/x", 0, 1)
        return {"epochs": 3}

    search = LightcrestSearch(url, study_name="f", space=space, metric="loss", mode="max", seed=0)
    for i in range(6):
        config = search.suggest(f"id{i}")
        assert config["epochs"] == 3 and ("a" in config) == (config["kind"] == "a")
        search.on_trial_complete(f"id{i}", {"loss": float(i), "training_iteration": 1, "done": True})
    assert search.study.direction.name == "MAXIMIZE" and search.study.best_value == 5
    search.on_trial_complete("id2", {"loss": 9.0})  # once more
    assert search.study.trials[2].value == 2
    search.suggest("id6")
    search.on_trial_complete("id6", {"loss": float("nan")})
    assert search.study.trials[6].state is FAIL
    search.on_trial_complete("nobody's", {"loss": 1.0})
    with pytest.raises(ValueError, match="a study in memory is lost with its Tuner"):
        LightcrestSearch(None, study_name="m")
    with pytest.raises(RuntimeError, match="does not know yet what to optimise"):
        LightcrestSearch(url, study_name="g").suggest("id")
    for config, message in [
        ({"x": tune.grid_search([1, 2])}, "`x` is a grid_search"),
        ({"a": {"x": tune.randn(0, 1)}}, "`a/x` is drawn in a way that has no bounds"),
        ({"x": [tune.uniform(0, 1)]}, "`x` is a list"),
    ]:
        with pytest.raises(ValueError, match=message):
            LightcrestSearch(url, study_name="g").set_search_properties("loss", "min", config)


def test_a_searcher_that_is_restored_suggests_again_what_ray_does_not_know(url, tmp_path):
    space = lightcrest.Space().float("x", 0, 1)
    first = LightcrestSearch(url, study_name="r", space=space, metric="loss", mode="min", seed=0)
    configs = [first.suggest("a"), first.suggest("b")]
    first.on_trial_complete("a", {"loss": 1.0})
    first.save(str(tmp_path / "state"))
    assert b"sqlite" not in (tmp_path / "state").read_bytes()
    configs += [first.suggest("c"), first.suggest("d")]
    first.on_trial_complete("c", {"loss": 3.0})
    first.study.ask()  # as if the process had died before it said whose it is
    second = LightcrestSearch(url, study_name="r", space=space, metric="loss", mode="min", seed=0)
    second.restore(str(tmp_path / "state"))
    assert second.suggest("b") == configs[1]
    assert [second.suggest(name) for name in ("e", "f")] == configs[2:]
    second.suggest("g")
    for name in "bdefg":
        second.on_trial_complete(name, {"loss": 9.0})
    assert [trial.value for trial in second.study.trials] == [1, 9, 3, 9, 9], "first results stand"
    second.suggest("h")
    assert len(second.study.trials) == 6


def test_a_new_searcher_goes_on_with_what_an_earlier_one_left(url):
    space = lightcrest.Space().float("x", 0, 1)
    first = LightcrestSearch(url, study_name="l", space=space, metric="loss", mode="min", seed=0)
    assert first.ended == 0
    configs = [first.suggest(name) for name in "abc"]
    first.on_trial_complete("b", {"loss": 2.0})
    second = LightcrestSearch(url, study_name="l", space=space, metric="loss", mode="min", seed=0)
    assert second.ended == 1 and [second.suggest(name) for name in "de"] == [configs[0], configs[2]]
    for name in "df":
        assert second.suggest(name)
        second.on_trial_complete(name, {"loss": 4.0})
    second.on_trial_complete("e", {"loss": 5.0})
    assert [trial.value for trial in second.study.trials] == [4, 2, 5, 4]


@pytest.mark.parametrize("torn", [False, True])
def test_a_tuner_that_is_killed_and_started_again_has_exactly_its_trials(tmp_path, torn):
    script = pathlib.Path(__file__).parents[4] / "examples/clusters/on_ray_tune.py"
    url = f"sqlite:///{tmp_path / 'study.db'}"
    environment = {**os.environ, "LIGHTCREST_STORAGE": url, "TUNE_GLOBAL_CHECKPOINT_S": "1", "RAY_ADDRESS": ""}
    command = [sys.executable, str(script), str(tmp_path), "6"]
    process = subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 180
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.3)
        try:
            study = lightcrest.load_study(study_name="tune", storage=url)
        except KeyError:
            continue
        if len(study.get_trials(deepcopy=False, states=[COMPLETE])) >= 2:
            break
    assert process.poll() is None, "it was killed in the middle"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    states = sorted((tmp_path / "experiment").glob("experiment_state-*.json"))
    if torn:
        # As a kill in the middle of writing leaves it.
        os.truncate(states[-1], states[-1].stat().st_size // 2)
        assert not can_restore(str(tmp_path / "experiment"))
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)
    trials = lightcrest.load_study(study_name="tune", storage=url).trials
    assert [trial.state for trial in trials] == [COMPLETE] * 6
