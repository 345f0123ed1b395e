"""How long figures take: Lightcrest and Optuna in turn, each figure in a process of its own.

Studies are made at random. A figure is drawn once, as a user draws it after `optimize`; what counts is the CPU time of that call, with
plotly imported before. A line shows the median over the rounds, and the ratio of the medians.
"""

import importlib
import json
import os
import statistics
import subprocess
import sys
import time

PACKAGES = ("lightcrest", "optuna")
# Figures of what a study with one objective and k parameters reports, and of one with two objectives.
SINGLE = {
    "contour": lambda plots, study: plots.plot_contour(study),
    "rank": lambda plots, study: plots.plot_rank(study),
    "slice": lambda plots, study: plots.plot_slice(study),
    "parallel": lambda plots, study: plots.plot_parallel_coordinate(study),
    "importances": lambda plots, study: plots.plot_param_importances(study),
    "edf": lambda plots, study: plots.plot_edf(study),
    "edf of target": lambda plots, study: plots.plot_edf(study, target=lambda trial: trial.params["x0"], target_name="x0"),
    "history": lambda plots, study: plots.plot_optimization_history(study),
    "intermediate": lambda plots, study: plots.plot_intermediate_values(study),
    "timeline": lambda plots, study: plots.plot_timeline(study),
}
DOUBLE = {
    "pareto": lambda plots, study: plots.plot_pareto_front(study),
    "hypervolume": lambda plots, study: plots.plot_hypervolume_history(study, [3.0, 3.0]),
    "parallel of two": lambda plots, study: plots.plot_parallel_coordinate(study),
}
# The bound of the regret is fitted anew after each trial, and Optuna needs torch for it: stagnation is what both can draw.
TERMINATOR = {
    "terminator": lambda plots, study: plots.plot_terminator_improvement(
        study, improvement_evaluator=importlib.import_module(f"{plots.__name__.split('.')[0]}.terminator").BestValueStagnationEvaluator()
    )
}
TERMINATOR_TRIALS = 1000
# Optuna's arrays for one contour of 10,000 trials take 800 MB, for all pairs of six parameters 24 GB.
LARGEST = {("contour", 6): 2000}


def study(package, figure, count, parameters):
    several = figure in DOUBLE
    options = {"directions": ["minimize", "minimize"]} if several else {}
    made = package.create_study(sampler=package.samplers.RandomSampler(seed=1), **options)

    def objective(trial):
        x = [trial.suggest_float(f"x{i}", 0, 1) for i in range(parameters)]
        if several:
            return x[0] + sum(x[1:]), 1 - x[0] + x[1] ** 2
        if figure == "intermediate":
            for step in range(10):
                trial.report(sum(x) / (step + 1), step)
        return sum((a - 0.3) ** 2 for a in x)

    made.optimize(objective, n_trials=count)
    return made


def one(name, figure, count, parameters):
    """Seconds of CPU time that one figure takes."""
    package = importlib.import_module(name)
    package.logging.set_verbosity(package.logging.ERROR)
    plots = importlib.import_module(f"{name}.visualization")
    made = study(package, figure, int(count), int(parameters))
    draw = (SINGLE | DOUBLE | TERMINATOR)[figure]
    importlib.import_module("plotly.graph_objects").Figure([{"type": "scatter"}, {"type": "contour"}, {"type": "bar"}])
    start = time.process_time()
    draw(plots, made)
    return time.process_time() - start


def fresh(*arguments):
    command = [sys.executable, "-W", "ignore", __file__, *arguments]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(made.stdout)


def cases(counts):
    for count in counts:
        for parameters in (2, 6):
            for figure in (*SINGLE, *DOUBLE):
                yield figure, count, parameters
    yield "terminator", TERMINATOR_TRIALS, 2


def main(rounds, counts):
    print(f"medians of {rounds} rounds, {os.cpu_count()} cores")
    print(f"{'figure':16} {'trials':>7} {'parameters':>11} {'lightcrest':>11} {'optuna':>10} {'ratio':>7}")
    for figure, count, parameters in cases(counts):
        seen = {name: [] for name in PACKAGES}
        for _ in range(rounds):
            for name in PACKAGES:
                if name == "lightcrest" or count <= LARGEST.get((figure, parameters), count):
                    seen[name].append(fresh(name, figure, str(count), str(parameters)))
        ours = statistics.median(seen["lightcrest"])
        line = f"{figure:16} {count:7} {parameters:11} {ours:9.3f} s"
        if seen["optuna"]:
            theirs = statistics.median(seen["optuna"])
            line += f" {theirs:8.3f} s {ours / theirs:6.2f}x"
        print(line, flush=True)


if __name__ == "__main__":
    if sys.argv[1] in PACKAGES:
        print(json.dumps(one(*sys.argv[1:])))
    else:
        main(int(sys.argv[1]), [int(count) for count in sys.argv[2].split(",")])
