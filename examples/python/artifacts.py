"""Files that belong to trials: written while they run, found again by the best."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "20"))
import pathlib
import tempfile

folder = pathlib.Path(tempfile.mkdtemp())
(folder / "store").mkdir()
store = optuna.artifacts.FileSystemArtifactStore(base_path=folder / "store")


def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    path = folder / f"model{trial.number}.json"
    path.write_text(f"[{x}]")
    identity = optuna.artifacts.upload_artifact(
        artifact_store=store, file_path=str(path), study_or_trial=trial
    )
    trial.set_user_attr("artifact", identity)
    return x**2


study = optuna.create_study()
study.optimize(objective, n_trials=N_TRIALS)
best = study.best_trial
metas = optuna.artifacts.get_all_artifact_meta(best, storage=study._storage)
target = folder / "best.json"
optuna.artifacts.download_artifact(
    artifact_store=store, file_path=str(target), artifact_id=best.user_attrs["artifact"]
)
print(metas, target.read_text())
