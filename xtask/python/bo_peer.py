"""The other optimizers of `cargo xtask bench bo`: `bo_peer.py NAME SEED [PRUNER EPOCHS]`, lines of JSON on
standard input and output.

In: the space, with the directions of the objectives where there are several and the configurations to try
first where there are any (Optuna only), then the loss of each trial,
or the list of its values. Out: before each loss, the configuration to try and the CPU seconds spent so
far. Reports of a trial, with step and value, may come before its loss, and each is answered with whether
to stop; the loss is null then. Every optimizer sees conditions as it can: Optuna by define-by-run,
hyperopt by nested choices, SMAC by ConfigSpace. egobox is the Python binding of the Rust crate, for
continuous spaces only.
"""

import json
import math
import queue
import sys
import tempfile
import threading
import time
import warnings

warnings.filterwarnings("ignore")


def active(parameter, values):
    """Whether all conditions hold for the values of the parameters before it."""
    return all(
        c["parent"] in values and values[c["parent"]] in c["values"] for c in parameter.get("when", [])
    )


class Optuna:
    def __init__(self, space, make, directions, pruner="none", epochs=0):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space, self.lib = space, optuna
        make_pruner = {
            "none": lambda lib: lib.NopPruner(),
            "median": lambda lib: lib.MedianPruner(),
            "halving": lambda lib: lib.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
            "hyperband": lambda lib: lib.HyperbandPruner(max_resource=int(epochs)),
        }[pruner]
        self.study = optuna.create_study(
            sampler=make(optuna.samplers), pruner=make_pruner(optuna.pruners), directions=directions
        )
        self.trial = None

    def enqueue(self, configuration):
        """Tries a configuration before its own proposals."""
        values = {}
        for parameter in self.space:
            domain, value = parameter["domain"], configuration.get(parameter["name"])
            if value is not None:
                ordered = domain["type"] == "categorical" and domain.get("ordered")
                values[parameter["name"]] = domain["choices"].index(value) if ordered else value
        self.study.enqueue_trial(values)

    def ask(self):
        self.trial = self.study.ask()
        values = {}
        for parameter in self.space:
            if active(parameter, values):
                values[parameter["name"]] = self.suggest(parameter["name"], parameter["domain"])
        return values

    def suggest(self, name, domain):
        if domain["type"] == "categorical":
            # Optuna has no ordered choices: the index is an integer.
            if domain.get("ordered"):
                return domain["choices"][self.trial.suggest_int(name, 0, len(domain["choices"]) - 1)]
            return self.trial.suggest_categorical(name, domain["choices"])
        suggest = {"float": self.trial.suggest_float, "int": self.trial.suggest_int}[domain["type"]]
        return suggest(name, domain["low"], domain["high"], log=domain.get("log", False))

    def report(self, step, value):
        self.trial.report(value, step)
        return bool(self.trial.should_prune())

    def tell(self, values):
        if values is None:
            self.study.tell(self.trial, state=self.lib.trial.TrialState.PRUNED)
        else:
            self.study.tell(self.trial, values)


class Hyperopt:
    def __init__(self, space, seed):
        import hyperopt
        import numpy

        self.lib, self.space, self.rng = hyperopt, space, numpy.random.default_rng(seed)
        self.children = {}
        for parameter in space:
            when = parameter.get("when", [])
            assert len(when) <= 1, "hyperopt has trees only"
            self.children.setdefault(when[0]["parent"] if when else None, []).append(parameter)
        self.domain = hyperopt.Domain(lambda _: 0.0, self.nodes(self.children[None], ""))
        self.trials = hyperopt.Trials()
        self.document = None

    def nodes(self, parameters, path):
        return {p["name"]: self.node(p, path) for p in parameters}

    def node(self, parameter, path):
        """What hyperopt draws. A child below several values of its parent is one node for each, since labels are unique."""
        hp, domain, name = self.lib.hp, parameter["domain"], parameter["name"]
        label, below = name + path, self.children.get(name, [])
        if below or domain["type"] == "categorical" and not domain.get("ordered"):
            options = []
            for index, value in enumerate(listed(domain)):
                here = [c for c in below if value in c["when"][0]["values"]]
                options.append({"choice": index, **self.nodes(here, f"{path}/{name}={index}")})
            return hp.choice(label, options)
        if domain["type"] == "categorical":
            return hp.uniformint(label, 0, len(domain["choices"]) - 1)
        low, high = domain["low"], domain["high"]
        if domain["type"] == "int":
            if domain.get("log"):
                return hp.qloguniform(label, math.log(low), math.log(high), 1)
            return hp.uniformint(label, low, high)
        if domain.get("log"):
            return hp.loguniform(label, math.log(low), math.log(high))
        return hp.uniform(label, low, high)

    def ask(self):
        ids = self.trials.new_trial_ids(1)
        self.trials.refresh()
        seed = int(self.rng.integers(2**31 - 1))
        self.document = self.lib.tpe.suggest(ids, self.domain, self.trials, seed)[0]
        drawn = {k: v[0] for k, v in self.document["misc"]["vals"].items() if v}
        values = {}
        self.read(self.children[None], "", drawn, values)
        return values

    def read(self, parameters, path, drawn, values):
        for parameter in parameters:
            name, domain = parameter["name"], parameter["domain"]
            value = drawn[name + path]
            below = self.children.get(name, [])
            if below or domain["type"] == "categorical":
                index = int(value)
                values[name] = listed(domain)[index]
                here = [c for c in below if values[name] in c["when"][0]["values"]]
                self.read(here, f"{path}/{name}={index}", drawn, values)
            elif domain["type"] == "int":
                values[name] = min(max(round(value), domain["low"]), domain["high"])
            else:
                values[name] = min(max(float(value), domain["low"]), domain["high"])

    def tell(self, loss):
        self.document["state"] = self.lib.JOB_STATE_DONE
        self.document["result"] = {"loss": loss, "status": self.lib.STATUS_OK}
        self.trials.insert_trial_docs([self.document])
        self.trials.refresh()


class Smac:
    def __init__(self, space, seed):
        import ConfigSpace as cs
        from smac import HyperparameterOptimizationFacade as Facade
        from smac import Scenario
        from smac.runhistory.dataclasses import TrialValue

        self.space, self.value = space, TrialValue
        made = cs.ConfigurationSpace(seed=seed)
        for parameter in space:
            made.add(self.column(cs, parameter))
        for parameter in space:
            for when in parameter.get("when", []):
                parent = next(p for p in space if p["name"] == when["parent"])
                values = [self.shown(parent["domain"], v) for v in when["values"]]
                made.add(cs.InCondition(made[parameter["name"]], made[parent["name"]], values))
        folder = tempfile.mkdtemp()
        scenario = Scenario(made, n_trials=100, deterministic=True, seed=seed, output_directory=folder)
        self.smac = Facade(scenario, lambda configuration, seed=0: 0.0, overwrite=True, logging_level=False)
        self.trial = None

    @staticmethod
    def shown(domain, value):
        """Ordered choices are indices, other choices are text."""
        if domain["type"] == "categorical":
            index = domain["choices"].index(value)
            return index if domain.get("ordered") else f"c{index}"
        return value

    def column(self, cs, parameter):
        name, domain = parameter["name"], parameter["domain"]
        if domain["type"] == "categorical":
            count = len(domain["choices"])
            if domain.get("ordered"):
                return cs.Integer(name, (0, count - 1))
            return cs.Categorical(name, [f"c{k}" for k in range(count)])
        make = {"float": cs.Float, "int": cs.Integer}[domain["type"]]
        return make(name, (domain["low"], domain["high"]), log=domain.get("log", False))

    def ask(self):
        self.trial = self.smac.ask()
        chosen, values = dict(self.trial.config), {}
        for parameter in self.space:
            if parameter["name"] in chosen:
                values[parameter["name"]] = self.read(parameter["domain"], chosen[parameter["name"]])
        return values

    @staticmethod
    def read(domain, value):
        if domain["type"] == "categorical":
            return domain["choices"][int(str(value).removeprefix("c"))]
        return int(value) if domain["type"] == "int" else float(value)

    def tell(self, loss):
        self.smac.tell(self.trial, self.value(cost=loss))


class Egobox:
    """Egor minimises by itself, in a thread: its function passes every point on and waits for the loss."""

    def __init__(self, space, seed):
        import egobox
        import numpy

        domains = [p["domain"] for p in space]
        assert all(d["type"] == "float" and not d.get("log") for d in domains), "egobox: continuous only"
        self.names = [p["name"] for p in space]
        self.points, self.losses = queue.Queue(), queue.Queue()

        def loss(points):
            values = []
            for point in numpy.atleast_2d(points):
                self.points.put([float(x) for x in point])
                values.append(self.losses.get())
            return numpy.array(values).reshape(-1, 1)

        # As many random points as the Gaussian process sampler begins with.
        egor = egobox.Egor([[d["low"], d["high"]] for d in domains], n_doe=10, seed=seed)
        run = threading.Thread(target=lambda: egor.minimize(loss, max_iters=1000), daemon=True)
        run.start()

    def ask(self):
        return dict(zip(self.names, self.points.get()))

    def tell(self, loss):
        self.losses.put(loss)


def listed(domain):
    """The values of a discrete domain."""
    return domain["choices"] if domain["type"] == "categorical" else range(domain["low"], domain["high"] + 1)


def optuna_sampler(name):
    """One of Optuna's samplers, with its defaults."""
    return lambda space, seed, *rest: Optuna(space, lambda lib: getattr(lib, name)(seed=seed), *rest)


PEERS = {
    "optuna_tpe": optuna_sampler("TPESampler"),
    "optuna_gp": optuna_sampler("GPSampler"),
    "optuna_cmaes": optuna_sampler("CmaEsSampler"),
    "optuna_nsga2": optuna_sampler("NSGAIISampler"),
    "optuna_nsga3": optuna_sampler("NSGAIIISampler"),
    "optuna_qmc": optuna_sampler("QMCSampler"),
    "optuna_random": optuna_sampler("RandomSampler"),
    "hyperopt_tpe": Hyperopt,
    "smac": Smac,
    "egobox": Egobox,
}


def main():
    name, seed = sys.argv[1], int(sys.argv[2])
    # What a library prints must not come between the lines.
    out, sys.stdout = sys.stdout, sys.stderr
    task = json.loads(sys.stdin.readline())
    space, directions = task["parameters"], task.get("directions", ["minimize"])
    begin = time.process_time()
    if PEERS[name] in (Hyperopt, Smac, Egobox):
        assert len(directions) == 1, f"{name}: one objective only"
        peer = PEERS[name](space, seed)
    else:
        peer = PEERS[name](space, seed, directions, *sys.argv[3:])
        for configuration in task.get("first", []):
            peer.enqueue(configuration)
    spent = time.process_time() - begin
    while True:
        begin = time.process_time()
        configuration = peer.ask()
        spent += time.process_time() - begin
        print(json.dumps({"configuration": configuration, "seconds": spent}), file=out, flush=True)
        while True:
            line = sys.stdin.readline()
            if not line:
                return
            news = json.loads(line)
            begin = time.process_time()
            if isinstance(news, dict):
                stop = peer.report(news["step"], news["value"])
                spent += time.process_time() - begin
                print(json.dumps(stop), file=out, flush=True)
                continue
            peer.tell(news)
            spent += time.process_time() - begin
            break


if __name__ == "__main__":
    main()
