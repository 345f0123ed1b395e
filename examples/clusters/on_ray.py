"""Trials as tasks of Ray.

    ray job submit --working-dir examples/clusters \
        --runtime-env-json '{"env_vars": {"LIGHTCREST_STORAGE": "postgresql://ann@db/studies", "PGPASSWORD": "SECRET"}}' -- python on_ray.py
"""

import sys

from lightcrest.ray import RayExecutor
from study import objective, study

if __name__ == "__main__":
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    mine = study()
    mine.optimize(objective, trials, executor=RayExecutor(num_cpus=1))
    print(f"{len(mine.trials)} trials, best {mine.best_value:.4g} at {mine.best_params}")
