"""Packages that import `optuna` themselves work on Lightcrest, after as_optuna. Each test has a process of its own: names of modules last."""

import subprocess
import sys

import pytest


def run(code):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_optuna_is_lightcrest():
    run(
        """
import lightcrest
lightcrest.as_optuna()
lightcrest.as_optuna()
import optuna
import optuna.visualization, optuna.terminator.callback, optuna.study.study, optuna.samplers._tpe.sampler
from optuna.study._study_direction import StudyDirection
from optuna.trial._state import TrialState
from optuna.storages._rdb.storage import RDBStorage
from optuna.samplers._tpe.sampler import TPESampler
from optuna._imports import try_import
from optuna._experimental import experimental_class
assert optuna is lightcrest and optuna.visualization is lightcrest.visualization
assert StudyDirection is lightcrest.study.StudyDirection and TrialState is lightcrest.trial.TrialState
assert RDBStorage is lightcrest.storages.RDBStorage and TPESampler is lightcrest.samplers.TPESampler
assert optuna.samplers.__spec__.name == "lightcrest.samplers", optuna.samplers.__spec__
import pickle
study = pickle.loads(pickle.dumps(optuna.create_study()))
assert type(study).__module__.startswith("lightcrest")
with try_import() as found:
    import nothing_of_this_name
assert not found.is_successful()
"""
    )


def test_what_is_not_there_is_an_import_error():
    told = run(
        """
import lightcrest
lightcrest.as_optuna()
for name in ("optuna.nothing", "optuna.study.nothing"):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print(error)
try:
    from optuna.samplers import NoSampler
except ImportError as error:
    print(error)
"""
    )
    assert "'optuna.nothing'" in told and "'optuna.study.nothing'" in told and "NoSampler" in told


def test_it_comes_before_optuna():
    pytest.importorskip("optuna")
    told = run(
        """
import optuna, lightcrest
try:
    lightcrest.as_optuna()
except RuntimeError as error:
    print(error)
"""
    )
    assert "before anything imports it" in told


def test_search_cv_of_optuna_integration():
    pytest.importorskip("optuna_integration")
    pytest.importorskip("sklearn")
    told = run(
        """
import lightcrest
lightcrest.as_optuna()
import optuna
from optuna_integration import OptunaSearchCV
from sklearn.datasets import load_iris
from sklearn.svm import SVC
optuna.logging.set_verbosity(optuna.logging.ERROR)
space = {"C": optuna.distributions.FloatDistribution(1e-3, 1e2, log=True), "kernel": optuna.distributions.CategoricalDistribution(["rbf", "linear"])}
search = OptunaSearchCV(SVC(), space, n_trials=6, random_state=1)
search.fit(*load_iris(return_X_y=True))
assert isinstance(search.study_, lightcrest.Study) and len(search.trials_) == 6
print(search.best_score_ > 0.9, sorted(search.best_params_))
"""
    )
    assert told.strip() == "True ['C', 'kernel']"


def test_the_tuner_of_lightgbm():
    pytest.importorskip("optuna_integration")
    pytest.importorskip("lightgbm")
    told = run(
        """
import lightcrest
lightcrest.as_optuna()
import numpy
import optuna_integration.lightgbm as lgb
lightcrest.logging.set_verbosity(lightcrest.logging.ERROR)
random = numpy.random.RandomState(0)
x = random.rand(200, 5)
data = lgb.Dataset(x, label=(x[:, 0] + x[:, 1] > 1).astype(int))
study = lightcrest.create_study(direction="minimize")
fixed = {"objective": "binary", "metric": "binary_logloss", "verbosity": -1, "num_threads": 1}
tuner = lgb.LightGBMTunerCV(fixed, data, nfold=3, num_boost_round=5, study=study, show_progress_bar=False)
tuner.tune_bagging()
print(len(study.trials), "lightgbm_tuner:step_name" in study.trials[0].system_attrs, tuner.best_score == study.best_value)
"""
    )
    assert told.strip() == "10 True True"


BOOSTED = """
import lightcrest
lightcrest.as_optuna()
import numpy, optuna
import optuna_integration
optuna.logging.set_verbosity(optuna.logging.ERROR)
random = numpy.random.RandomState(0)
x = random.rand(200, 5)
y = (x[:, 0] + x[:, 1] > 1).astype(int)
study = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=0.7))

def xgboost(trial):
    import xgboost
    train, valid = xgboost.DMatrix(x[:150], y[:150]), xgboost.DMatrix(x[150:], y[150:])
    settings = {"max_depth": 3, "eta": trial.suggest_float("rate", 0, 1), "objective": "binary:logistic", "eval_metric": "auc", "nthread": 1}
    seen = optuna_integration.XGBoostPruningCallback(trial, "valid-auc")
    model = xgboost.train(settings, train, 5, evals=[(valid, "valid")], callbacks=[seen], verbose_eval=False)
    return float(model.eval(valid).split(":")[-1])

def catboost(trial):
    import catboost
    rate = trial.suggest_float("rate", 0, 1) or 1e-6
    model = catboost.CatBoostClassifier(iterations=5, depth=3, learning_rate=rate, eval_metric="AUC", thread_count=1, allow_writing_files=False)
    seen = optuna_integration.CatBoostPruningCallback(trial, "AUC")
    x[:, :2] *= rate > 0.01
    model.fit(x[:150], y[:150], eval_set=[(x[150:], y[150:])], callbacks=[seen], verbose=0)
    seen.check_pruned()
    return model.score(x[150:], y[150:])

for rate in (0.5, 0.0):
    study.enqueue_trial({"rate": rate})
study.optimize(OBJECTIVE, n_trials=2)
print([(trial.state.name, trial.last_step) for trial in study.trials])
"""


@pytest.mark.parametrize("package", ["xgboost", "catboost"])
def test_trials_of_boosted_trees_are_pruned(package):
    pytest.importorskip("optuna_integration")
    pytest.importorskip(package)
    assert run(BOOSTED.replace("OBJECTIVE", package)).strip() == "[('COMPLETE', 4), ('PRUNED', 0)]"


# What the callback takes of Lightning, which needs PyTorch.
LIGHTNING = """
import sys, types
import lightcrest
lightcrest.as_optuna()
lightning = types.ModuleType("lightning")
lightning.pytorch = types.ModuleType("lightning.pytorch")
lightning.pytorch.callbacks = types.ModuleType("lightning.pytorch.callbacks")
lightning.pytorch.LightningModule = lightning.pytorch.Trainer = lightning.pytorch.callbacks.Callback = type("Bare", (), {})
sys.modules.update({"lightning": lightning, "lightning.pytorch": lightning.pytorch, "lightning.pytorch.callbacks": lightning.pytorch.callbacks})
from optuna_integration import PyTorchLightningPruningCallback
import numpy

def objective(trial):
    loss = trial.suggest_float("loss", 0, 10)
    callback = PyTorchLightningPruningCallback(trial, monitor="loss")
    trainer = types.SimpleNamespace(_accelerator_connector=types.SimpleNamespace(is_distributed=False), sanity_checking=False)
    trainer.callback_metrics = {"loss": numpy.float64(loss)}
    callback.on_fit_start(trainer, None)
    for epoch in range(3):
        callback.on_validation_end(trainer, types.SimpleNamespace(current_epoch=epoch))
    callback.check_pruned()
    return loss

study = lightcrest.create_study(pruner=lightcrest.pruners.ThresholdPruner(upper=5.0))
for loss in (1.0, 9.0):
    study.enqueue_trial({"loss": loss})
study.optimize(objective, n_trials=2)
print([(trial.state.name, trial.last_step) for trial in study.trials])
"""


def test_trials_of_lightning_are_pruned():
    pytest.importorskip("optuna_integration")
    assert run(LIGHTNING).strip() == "[('COMPLETE', 2), ('PRUNED', 0)]"


def test_the_dashboard_shows_and_tells_trials(tmp_path):
    pytest.importorskip("optuna_dashboard")
    told = run(
        f"""
import lightcrest
lightcrest.as_optuna()
import io, json, sys
import optuna_dashboard
study = lightcrest.create_study(storage="sqlite:///{(tmp_path / 's.db').as_posix()}", study_name="s")
lightcrest.logging.set_verbosity(lightcrest.logging.ERROR)
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
app = optuna_dashboard.wsgi(study._storage)

def call(path, body=None):
    told = json.dumps(body).encode() if body else b""
    given = {{"REQUEST_METHOD": "POST" if body else "GET", "PATH_INFO": path, "QUERY_STRING": "after=0", "SERVER_NAME": "here"}}
    given |= {{"SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(told), "wsgi.errors": sys.stderr}}
    given |= {{"CONTENT_LENGTH": str(len(told)), "CONTENT_TYPE": "application/json"}}
    found = b"".join(app(given, lambda *_: None))
    return json.loads(found) if found else None

trial = study.ask()
call(f"/api/trials/{{trial._trial_id}}/tell", {{"state": "Complete", "values": [-1.5]}})
print([one["study_name"] for one in call("/api/studies")["study_summaries"]])
print(len(call(f"/api/studies/{{study._study_id}}")["trials"]), study.best_value)
"""
    )
    assert told.split("\n")[:2] == ["['s']", "4 -1.5"]
