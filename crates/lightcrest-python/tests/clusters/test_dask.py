"""`Study.optimize(executor=...)` on Dask."""

import os
import signal
import threading
import time

import distributed
import lightcrest
import pytest
from lightcrest.trial import TrialState


@pytest.fixture(scope="module")
def client():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", worker_dashboard_address=None
    ) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def study(tmp_path):
    return lightcrest.create_study(study_name="s", storage=f"sqlite:///{tmp_path / 'study.db'}", sampler="random", seed=1)


def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    for step in range(4):
        trial.report(x, step)
        time.sleep(0.1)
    trial.set_user_attr("pid", os.getpid())
    return x


@pytest.mark.parametrize("how", ["client", "executor", "function"])
def test_trials_run_on_a_client_or_its_executor(client, study, how):
    executor = {"client": client, "executor": client.get_executor(pure=False), "function": client.get_executor}[how]
    study.optimize(objective, 4, executor=executor)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4
    pids = {trial.user_attrs["pid"] for trial in study.trials}
    assert len(pids) == 2 and os.getpid() not in pids


def test_a_killed_worker_loses_and_doubles_nothing(client, study):
    killed, ended = [], []

    def kill():
        time.sleep(0.7)
        killed.append(client.run(os.getpid).popitem()[1])
        os.kill(killed[0], signal.SIGKILL)

    murderer = threading.Thread(target=kill)
    murderer.start()
    study.optimize(objective, 10, executor=client, callbacks=[lambda _, trial: ended.append(trial.number)])
    murderer.join()
    assert killed and sorted(ended) == list(range(10))
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 10
