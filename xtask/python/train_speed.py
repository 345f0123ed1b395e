"""The PyTorch and onnxruntime side of `cargo xtask bench train`: one JSON line of figures on standard output.

PyTorch runs eagerly, as most training code does; `torch.compile` is not used. `train_peak_mb` is the largest resident memory of the whole process,
`train_added_mb` how much of it came after the imports: the network, its gradients and activations, and what PyTorch allocates for itself as it runs.

train_speed.py speed DESCRIPTION.json MODEL.onnx nchw|channels_last
train_speed.py accuracy DESCRIPTION.json DATA_FOLDER SEED
"""

import json
import math
import os
import resource
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
import torch.nn.functional as F

from torch_network import Graph

torch.set_num_threads(1)
BATCH = 64
LARGE_BATCH = 16  # where images are larger than 64 x 64


def load(path):
    with open(path) as file:
        return json.load(file)


def best_rate(work, count, seconds, rounds=2):
    """Best images/s of `rounds` stretches of `seconds` each; `work()` handles `count` images."""
    for _ in range(3):
        work()
    best = 0.0
    for _ in range(rounds):
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            work()
            done += count
        best = max(best, done / (time.perf_counter() - start))
    return best


def peak_mb():
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def speed(description, onnx_file, layout):
    imported = peak_mb()
    torch.manual_seed(0)
    format_ = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    net = Graph(description).to(memory_format=format_)
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
    batch = LARGE_BATCH if math.prod(description["input"][1:]) > 64 * 64 else BATCH
    x = torch.randn(batch, *description["input"]).to(memory_format=format_)
    y = torch.randint(0, 10, (batch,))

    def step():
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    train = best_rate(step, batch, 0.5)
    peak = peak_mb()
    net.eval()
    with torch.inference_mode():
        infer = best_rate(lambda: net(x), batch, 0.25)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    image = np.random.default_rng(0).standard_normal((1, *description["input"]), dtype=np.float32)
    one = best_rate(lambda: session.run(None, {name: image}), 1, 0.25)
    return {
        "train_images_per_s": train,
        "infer64_images_per_s": infer,
        "batch1_us": 1e6 / one,
        "train_peak_mb": peak,
        "train_added_mb": peak - imported,
        "parameters": sum(p.numel() for p in net.parameters()),
    }


def accuracy(description, folder, seed):
    """Accuracy after 3 epochs on 10,000 Fashion-MNIST images: SGD 0.05, momentum 0.9, cosine, batch 64."""

    def images(name, count):
        raw = np.fromfile(os.path.join(folder, name), np.uint8).reshape(count, 1, 28, 28)
        return torch.from_numpy(((raw / 255.0 - 0.2860) / 0.3530).astype(np.float32))

    def labels(name):
        return torch.from_numpy(np.fromfile(os.path.join(folder, name), np.uint8).astype(np.int64))

    x, y = images("train_images.u8", 10_000), labels("train_labels.u8")
    x_test, y_test = images("test_images.u8", 10_000), labels("test_labels.u8")
    torch.manual_seed(seed)
    net = Graph(description)
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
    steps, step = 3 * (10_000 // BATCH), 0
    for _ in range(3):
        net.train()
        order = torch.randperm(10_000)
        for i in range(10_000 // BATCH):
            optimizer.param_groups[0]["lr"] = 0.025 * (1 + math.cos(math.pi * step / steps))
            step += 1
            chosen = order[i * BATCH : (i + 1) * BATCH]
            optimizer.zero_grad()
            F.cross_entropy(net(x[chosen]), y[chosen]).backward()
            optimizer.step()
    net.eval()
    with torch.inference_mode():
        hits = sum((net(x_test[i : i + 500]).argmax(1) == y_test[i : i + 500]).sum().item() for i in range(0, 10_000, 500))
    return {"accuracy": hits / 10_000}


if __name__ == "__main__":
    mode, description = sys.argv[1], load(sys.argv[2])
    if mode == "speed":
        print(json.dumps(speed(description, sys.argv[3], sys.argv[4])))
    else:
        print(json.dumps(accuracy(description, sys.argv[3], int(sys.argv[4]))))
