"""`lightcrest.sklearn`: the interface of scikit-learn over tables of several kinds."""

import json
import os
import pickle
import signal
import threading

import numpy as np
import pandas as pd
import polars
import pytest
from lightcrest.sklearn import LightcrestClassifier, LightcrestRegressor
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

QUICK = {"time": None, "n_trials": 3, "folds": 3, "n_jobs": 1, "random_state": 0}


@parametrize_with_checks([LightcrestClassifier(**QUICK), LightcrestRegressor(**QUICK)])
def test_keeps_the_rules_of_scikit_learn(estimator, check):
    check(estimator)


def mixed(rows=600):
    """A frame with a number, a category, a date and gaps, of which the target follows."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), "D"),
        }
    )
    clear = (frame["colour"] == "red") ^ (frame["age"] > 40)
    frame.loc[rng.random(rows) < 0.1, "age"] = np.nan
    return frame, np.where(clear, "yes", "no")


def test_a_frame_of_mixed_columns_is_learnt_and_its_columns_may_come_in_any_order():
    frame, y = mixed()
    learn, test, y_learn, y_test = train_test_split(frame, y, random_state=0)
    model = LightcrestClassifier(**QUICK | {"n_trials": 8}).fit(learn, y_learn)
    assert list(model.classes_) == ["no", "yes"] and list(model.feature_names_in_) == ["age", "colour", "seen"]
    probabilities = model.predict_proba(test)
    assert probabilities.shape == (len(test), 2) and np.allclose(probabilities.sum(axis=1), 1)
    assert roc_auc_score(y_test, probabilities[:, 1]) > 0.85
    kinds = {column["name"]: column["kind"] for column in model.columns_}
    assert kinds == {"age": "number", "colour": "category", "seen": "date"}
    assert set(model.predict(test)) <= {"no", "yes"}


def test_polars_and_arrow_give_what_pandas_gives():
    frame, y = mixed(300)
    probabilities = LightcrestClassifier(**QUICK).fit(frame, y).predict_proba(frame)
    other = polars.from_dict({name: frame[name].tolist() for name in frame})
    other = other.with_columns(polars.col("age").fill_nan(None))
    for table in [other, other.to_arrow()]:
        assert np.array_equal(LightcrestClassifier(**QUICK).fit(table, y).predict_proba(table), probabilities)


def test_the_front_goes_from_the_best_to_the_lightest_and_each_model_can_be_chosen(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    model = LightcrestClassifier(**QUICK | {"n_trials": 8}).fit(X, y)
    losses = [row["validation_log_loss"] for row in model.front_]
    sizes = [row["model_bytes"] for row in model.front_]
    assert losses == sorted(losses) and sizes == sorted(sizes, reverse=True) and len(sizes) >= 2
    lightest = model.choose(model.front_[-1]["trial"])
    assert len(lightest.to_bytes()) == sizes[-1] < len(model.to_bytes())
    assert log_loss(y, lightest.predict_proba(X)) > log_loss(y, model.predict_proba(X))
    lightest.save(tmp_path / "model.lightcrest")
    assert (tmp_path / "model.lightcrest").read_bytes() == lightest.to_bytes()
    assert len(model.to_onnx()) > 100
    with pytest.raises(ValueError, match="trial 999 is not on the front; these are: "):
        model.choose(999)


def test_copies_and_pickles_predict_the_same():
    X, y = load_iris(return_X_y=True)
    model = LightcrestClassifier(**QUICK).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(clone(model).fit(X, y).predict_proba(X), model.predict_proba(X)), "one seed, one answer"


def test_it_works_in_pipelines_and_cross_validation():
    X, y = load_diabetes(return_X_y=True)
    pipeline = make_pipeline(FunctionTransformer(), LightcrestRegressor(**QUICK))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.25


def test_groups_are_never_on_both_sides():
    # Rows of a group are alike and its target is a coin: who tells groups apart inside looks good and is not.
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 3))
    groups = np.repeat(np.arange(60), 10)
    X = centres[groups] + 0.01 * rng.normal(size=(600, 3))
    y = rng.integers(0, 2, 60)[groups]
    honest = LightcrestClassifier(**QUICK).fit(X, y, groups=groups)
    fooled = LightcrestClassifier(**QUICK).fit(X, y)
    assert min(row["validation_log_loss"] for row in honest.front_) > 0.6
    assert min(row["validation_log_loss"] for row in fooled.front_) < 0.4


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"metric": "auk"}, "there is no metric \"auk\"; one of "),
        ({"metric": "rmse"}, "^`metric` rmse does not judge a classification"),
        ({"time": None, "n_trials": None}, "a fit without end"),
        ({"time": -1.0}, "time"),
        ({"max_bytes": 3}, "limits"),
    ],
)
def test_what_cannot_be_is_said(change, match):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=match):
        LightcrestClassifier(**QUICK | change).fit(X, y)


def test_remedies_name_what_there_is_in_python():
    rng = np.random.default_rng(0)
    rows = 300
    frame = pd.DataFrame(
        {
            "leak": np.arange(rows) % 2 + rng.normal(0, 1e-3, rows),
            "when": [f"{i % 11 + 1:02}/{i % 12 + 1:02}/2024" for i in range(rows)],
            "who": [f"customer {i // 5}" for i in range(rows)],
            "word": rng.choice(["unknown", "a", "b"], rows),
            "noise": rng.normal(size=rows),
        }
    )
    model = LightcrestClassifier(**QUICK).fit(frame, np.arange(rows) % 2)
    said = json.dumps([model.columns_, model.warnings_])
    assert "--" not in said and "leave out leak" in said, said
    with pytest.raises(ValueError, match="give `groups` that are several"):
        LightcrestClassifier(**QUICK).fit(frame, np.arange(rows) % 2, groups=["a"] * rows)


def test_whole_numbers_that_floats_do_not_hold_are_told_apart():
    wide = 2**60 + np.arange(40) % 2
    frame = pd.DataFrame({"id": wide, "x": np.zeros(40)})
    model = LightcrestClassifier(**QUICK).fit(frame, wide % 2)
    assert len(model.predict(frame)) == 40


def test_infinite_numbers_in_frames_are_refused():
    frame, y = mixed(50)
    frame.loc[3, "age"] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        LightcrestClassifier(**QUICK).fit(frame, y)


def test_ctrl_c_ends_a_fit():
    X, y = load_breast_cancer(return_X_y=True)
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        LightcrestClassifier(time=120).fit(X, y)
