"""The search of examples/fashion-mnist.toml as a user of Optuna and PyTorch would write it, and the comparison.

    python search_peer.py run FOLDER_OF_THE_IDX_FILES MINUTES SEED TRIALS.csv
    python search_peer.py report OURS/study.db,THEIRS.csv ...

The space, the images (10,000 of training), the epochs, the optimizer and the limits are those of the spec. Optuna
cannot stop a trial of several objectives early. `report` prints means over the pairs.
"""

import csv
import gzip
import json
import math
import sqlite3
import statistics
import struct
import sys
import time
from pathlib import Path

LIMIT, PARAMETERS = 6_000_000, 100_000
MARKS = (15, 30, 60, 90, 120, 180, 240, 360, 480, 600, 720, 840)


def volume(points: list[tuple[float, float]]) -> float:
    """Hypervolume of (accuracy, MACs) in the unit cube: accuracy from .5 to 1, MACs from the limit to a thousandth."""
    best, total = 0.0, 0.0
    for accuracy, macs in sorted(points, reverse=True):
        light = min(1.0, max(0.0, math.log(LIMIT / macs) / math.log(1000)))
        if light > best:
            total += max(0.0, (accuracy - 0.5) / 0.5) * (light - best)
            best = light
    return total


Curve = list[tuple[float, float]]


def curve(trials: list[tuple[float, float, float]]) -> Curve:
    """Hypervolume after each of these (seconds, accuracy, MACs)."""
    points: list[tuple[float, float]] = []
    steps = []
    for seconds, accuracy, macs in sorted(trials):
        points.append((accuracy, macs))
        steps.append((seconds, volume(points)))
    return steps


def ours(database: str) -> Curve:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    (began,) = connection.execute("select min(started) from trial").fetchone()
    rows = connection.execute("select finished, objective_values from trial where state = 'complete'")
    return curve([((end - began) / 1000, *json.loads(values)) for end, values in rows])


def theirs(file: str) -> Curve:
    with open(file) as lines:
        return curve([(float(r["seconds"]), float(r["accuracy"]), float(r["macs"])) for r in csv.DictReader(lines)])


def at(steps: Curve, seconds: float) -> float:
    return max((volume for when, volume in steps if when <= seconds), default=0.0)


def reached(steps: Curve, level: float) -> float:
    return next((when for when, volume in steps if volume >= level), math.inf)


def spread(values: list[float]) -> str:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{statistics.mean(values):8.4f} +- {error:.4f}"


def report(pairs: list[str]) -> None:
    both = [(ours(a), theirs(b)) for a, b in (pair.split(",") for pair in pairs)]
    print(f"seconds   lightcrest          optuna + torch      ({len(both)} seeds, mean and standard error)")
    last = max(step[0] for pair in both for steps in pair for step in steps)
    for mark in MARKS:
        if mark <= last + 15:
            print(f"{mark:7}  {spread([at(a, mark) for a, _ in both])}  {spread([at(b, mark) for _, b in both])}")
    for a, b in both:
        print(
            f"their last volume {b[-1][1]:.4f} (at {b[-1][0]:.0f} s) was reached after {reached(a, b[-1][1]):.0f} s, "
            f".57 after {reached(a, 0.57):.0f} s; our last {a[-1][1]:.4f}"
        )


def images(folder: str, stem: str):
    import numpy

    path = next(p for p in sorted(Path(folder).iterdir()) if p.name.startswith(stem))
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    sizes = struct.unpack(">" + "I" * raw[3], raw[4 : 4 + 4 * raw[3]])
    return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * raw[3]).reshape(sizes)


def run(folder: str, minutes: float, seed: int, file: str) -> None:
    import numpy
    import optuna
    import torch
    import torch.nn.functional as functional
    from torch import nn

    torch.set_num_threads(1)

    def unit(c, out, kernel, stride=1, groups=1, activation=nn.ReLU):
        layers = [nn.Conv2d(c, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]
        return [*layers, activation(inplace=True)] if activation else layers

    def eights(width: float) -> int:
        rounded = max(8, int(width + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * width else rounded

    class Shortcut(nn.Module):
        def __init__(self, body, beside=None, after=None):
            super().__init__()
            self.body, self.beside, self.after = body, beside or nn.Identity(), after or nn.Identity()

        def forward(self, x):
            return self.after(self.body(x) + self.beside(x))

    class Squeeze(nn.Module):
        def __init__(self, c):
            super().__init__()
            inner = eights(c // 4)
            parts = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, inner, 1), nn.ReLU(inplace=True)]
            self.gate = nn.Sequential(*parts, nn.Conv2d(inner, c, 1), nn.Hardsigmoid())

        def forward(self, x):
            return x * self.gate(x)

    def block(module, own, c, out, stride):
        same = stride == 1 and c == out
        if module == "Conv":
            return nn.Sequential(*unit(c, out, 3, stride))
        if module == "BasicBlock":
            beside = None if same else nn.Sequential(*unit(c, out, 1, stride, activation=None))
            body = nn.Sequential(*unit(c, out, 3, stride), *unit(out, out, 3, activation=None))
            return Shortcut(body, beside, nn.ReLU(inplace=True))
        if module == "SeparableConv":
            return nn.Sequential(*unit(c, c, 3, stride, groups=c), *unit(c, out, 1))
        second = module == "InvertedResidualv2"
        inner = round(c * own["expansion"]) if second else eights(c * own["expansion"])
        activation = nn.ReLU6 if second else nn.Hardswish if own["hard_swish"] else nn.ReLU
        body = unit(c, inner, 1, activation=activation) if inner != c else []
        body += unit(inner, inner, 3 if second else own["kernel"], stride, groups=inner, activation=activation)
        if own.get("squeeze_excite"):
            body.append(Squeeze(inner))
        body = nn.Sequential(*body, *unit(inner, out, 1, activation=None))
        return Shortcut(body) if same else body

    stages = (
        ("stage1", 2, (1, 2), (8, 12, 16, 24, 32), ("Conv", "BasicBlock", "SeparableConv", "InvertedResidualv2", "Pass")),
        ("stage2", 3, (2,), (16, 24, 32, 48, 64), ("Conv", "BasicBlock", "SeparableConv", "InvertedResidualv3")),
        ("stage3", 3, (2,), (24, 32, 48, 64, 96), ("SeparableConv", "InvertedResidualv3", "Pass")),
    )

    def network(trial):
        stride = trial.suggest_categorical("stem.stride", (1, 2))
        c = trial.suggest_categorical("stem.out_channels", (8, 12, 16, 24, 32))
        activation = {"ReLU": nn.ReLU, "Hardswish": nn.Hardswish}
        layers = unit(1, c, 3, stride, activation=activation[trial.suggest_categorical("stem.activation", tuple(activation))])
        for stage, most, strides, widths, modules in stages:
            repeat = trial.suggest_int(f"{stage}.repeat", 1, most)
            stride = trial.suggest_categorical(f"{stage}.stride", strides)
            out = trial.suggest_categorical(f"{stage}.out_channels", widths)
            module = trial.suggest_categorical(f"{stage}.module", modules)
            own = {}
            if module.startswith("Inverted"):
                own["expansion"] = trial.suggest_float(f"{stage}.{module}.expansion", 1, 4, step=0.5)
            if module == "InvertedResidualv3":
                for name, choices in (("kernel", (3, 5)), ("squeeze_excite", (False, True)), ("hard_swish", (False, True))):
                    own[name] = trial.suggest_categorical(f"{stage}.{name}", choices)
            for k in range(repeat if module != "Pass" else 0):
                layers.append(block(module, own, c, out, stride if k == 0 else 1))
                c = out
        dropout = nn.Dropout(trial.suggest_categorical("dropout", (0.0, 0.1, 0.2)))
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), dropout, nn.Linear(c, 10))

    def multiply_adds(net) -> int:
        total = 0

        def count(layer, _, output):
            nonlocal total
            places = output.shape[2] * output.shape[3] if isinstance(layer, nn.Conv2d) else 1
            total += layer.weight.numel() * places

        counted = (nn.Conv2d, nn.Linear)
        handles = [layer.register_forward_hook(count) for layer in net.modules() if isinstance(layer, counted)]
        net.eval()
        with torch.no_grad():
            net(torch.zeros(1, 1, 28, 28))
        for handle in handles:
            handle.remove()
        return total

    pixels = images(folder, "train-images").astype(numpy.float32) / 255
    labels = torch.from_numpy(images(folder, "train-labels").astype(numpy.int64))
    order = numpy.random.default_rng(0).permutation(len(pixels))
    valid, train = order[:6000], order[6000:16000]
    pixels = torch.from_numpy((pixels - pixels[train].mean()) / pixels[train].std())[:, None]
    x, y, x_valid, y_valid = pixels[train], labels[train], pixels[valid], labels[valid]
    began = time.monotonic()
    out = open(file, "w", buffering=1)
    print("seconds,accuracy,macs,parameters", file=out)
    batch, epochs = 64, 5
    steps = len(x) // batch

    def objective(trial):
        torch.manual_seed(trial.number + 1000 * seed)
        rate = trial.suggest_float("learning_rate", 0.01, 0.5, log=True)
        decay = trial.suggest_float("weight_decay", 1e-5, 3e-3, log=True)
        smoothing = trial.suggest_categorical("label_smoothing", (0.0, 0.05, 0.1))
        net = network(trial)
        macs, parameters = multiply_adds(net), sum(p.numel() for p in net.parameters())
        if macs > LIMIT or parameters > PARAMETERS:
            raise optuna.TrialPruned
        net = net.to(memory_format=torch.channels_last)
        sgd = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, nesterov=True, weight_decay=decay)
        cycle = torch.optim.lr_scheduler.OneCycleLR(sgd, rate, total_steps=epochs * steps)
        for _ in range(epochs):
            net.train()
            shuffled = torch.randperm(len(x))
            for b in range(steps):
                some = shuffled[b * batch : (b + 1) * batch]
                logits = net(x[some].contiguous(memory_format=torch.channels_last))
                loss = functional.cross_entropy(logits, y[some], label_smoothing=smoothing)
                sgd.zero_grad(set_to_none=True)
                loss.backward()
                sgd.step()
                cycle.step()
        net.eval()
        with torch.no_grad():
            parts = [net(x_valid[i : i + 500]).argmax(1) for i in range(0, len(x_valid), 500)]
        accuracy = torch.cat(parts).eq(y_valid).float().mean().item()
        print(f"{time.monotonic() - began:.2f},{accuracy},{macs},{parameters}", file=out)
        return accuracy, macs

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, timeout=60 * minutes)


if __name__ == "__main__":
    if sys.argv[1] == "report":
        report(sys.argv[2:])
    else:
        run(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
