"""Ray Tune with a study in a storage. Killed and started again, it goes on: `python on_ray_tune.py FOLDER [SAMPLES]`."""

import os
import sys

import lightcrest
import ray
from lightcrest.ray import LightcrestSearch, can_restore
from ray import tune


def train(config):
    """A trainable as Ray has them."""
    loss = 100.0
    for _ in range(5):
        loss += config["rate"] * ((config["x"] - 2) ** 2 - loss)
        tune.report({"loss": loss})


if __name__ == "__main__":
    folder, samples = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    ray.init(include_dashboard=False)
    path, url = os.path.join(folder, "experiment"), os.environ["LIGHTCREST_STORAGE"]
    search = LightcrestSearch(url, study_name="tune")
    if can_restore(path):
        tuner = tune.Tuner.restore(path, trainable=train, resume_errored=True)
    else:
        tuner = tune.Tuner(
            train,
            param_space={"x": tune.uniform(-10, 10), "rate": tune.loguniform(1e-3, 1)},
            tune_config=tune.TuneConfig(
                metric="loss", mode="min", num_samples=samples - search.ended, search_alg=search, max_concurrent_trials=2
            ),
            run_config=tune.RunConfig(name="experiment", storage_path=folder),
        )
    if search.ended < samples:
        tuner.fit()
    best = lightcrest.load_study(study_name="tune", storage=url).best_trial
    print(f"best {best.value:.4g} at {best.params}")
