"""Record learning curves for `cargo xtask bench bo`: a grid of small networks, each trained on the bundled digits.

    python bo_curves.py FOLDER

One JSON file as `bo_tables.py` writes it, with the validation error after each epoch in place of one loss. A network of one hidden layer
(tanh, softmax, cross-entropy) is trained by SGD on 500 of the 8x8 digits for 27 epochs and judged on the other 1,297.
"""

import gzip
import itertools
import json
import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).parents[2] / "crates/lightcrest-model/data"
EPOCHS, TRAIN, CLASSES = 27, 500, 10

GRID = {
    "rate": [float(f"{10**e:.4g}") for e in np.linspace(-3, 0.5, 8)],
    "momentum": [0.0, 0.9, 0.97],
    "decay": [0.0, 1e-3, 1e-2],
    "schedule": ["constant", "cosine"],
    "batch": [8, 32, 128],
    "width": [8, 24, 72],
}


def digits():
    with gzip.open(DATA / "digits-images-idx3-ubyte.gz") as file:
        x = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 64).astype(np.float32)
    with gzip.open(DATA / "digits-labels-idx1-ubyte.gz") as file:
        y = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = (x / x.max() - 0.3)[order], y[order]
    return x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:]


def curves(group, batch, width, data):
    """The validation errors (m, EPOCHS) of m configurations of one batch size and width, trained side by side."""
    x, y, x_val, y_val = data
    rng = np.random.default_rng(1)
    m = len(group)
    column = lambda name: np.array([c[name] for c in group], np.float32).reshape(m, 1, 1)
    rate, momentum, decay = column("rate"), column("momentum"), column("decay")
    cosine = np.array([c["schedule"] == "cosine" for c in group]).reshape(m, 1, 1)
    normal = lambda *shape: np.repeat(rng.standard_normal((1, *shape)).astype(np.float32), m, 0)
    weights = [normal(64, width) / 8, np.zeros((m, 1, width), np.float32)]
    weights += [normal(width, CLASSES) / width**0.5, np.zeros((m, 1, CLASSES), np.float32)]
    velocity = [np.zeros_like(w) for w in weights]
    steps, step, errors = EPOCHS * (TRAIN // batch), 0, []
    for _ in range(EPOCHS):
        order = rng.permutation(TRAIN)
        for i in range(TRAIN // batch):
            chosen = order[i * batch : (i + 1) * batch]
            now = np.where(cosine, 0.5 * rate * (1 + np.cos(np.pi * step / steps)), rate).astype(np.float32)
            step += 1
            a, b, c, d = weights
            h = np.tanh(x[chosen] @ a + b)
            z = h @ c + d
            p = np.exp(z - z.max(2, keepdims=True))
            p /= p.sum(2, keepdims=True)
            p[:, np.arange(batch), y[chosen]] -= 1
            p /= batch
            back = (p @ c.transpose(0, 2, 1)) * (1 - h * h)
            slopes = [x[chosen].T @ back + decay * a, back.sum(1, keepdims=True)]
            slopes += [h.transpose(0, 2, 1) @ p + decay * c, p.sum(1, keepdims=True)]
            for w, v, g in zip(weights, velocity, slopes):
                v *= momentum
                v -= now * g
                w += v
        a, b, c, d = weights
        wrong = [(np.tanh(x_val @ a[k] + b[k]) @ c[k] + d[k]).argmax(1) != y_val for k in range(m)]
        errors.append([w.mean() for w in wrong])
    return np.array(errors).T


def main():
    path = Path(sys.argv[1]) / "digits-curves.json"
    data = digits()
    configurations = [dict(zip(GRID, values)) for values in itertools.product(*GRID.values())]
    recorded = [None] * len(configurations)
    for batch, width in itertools.product(GRID["batch"], GRID["width"]):
        here = [i for i, c in enumerate(configurations) if (c["batch"], c["width"]) == (batch, width)]
        for i, curve in zip(here, curves([configurations[i] for i in here], batch, width, data)):
            recorded[i] = [round(float(v), 6) for v in curve]
    parameters = [
        {"name": name, "ordered": name != "schedule", "choices": len(values)} for name, values in GRID.items()
    ]
    table = {"suite": "digits", "name": "digits", "parameters": parameters, "curves": recorded}
    path.write_text(json.dumps(table))
    print(path.name)


if __name__ == "__main__":
    main()
