"""Trains a small network on Fashion-MNIST and prints what came of it, one JSON object a line.

A line with "step" is a report on the way, after which the trial may be stopped; one without is a result. Nothing here knows
of Lightcrest: it is a program with arguments.
"""

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

VALIDATION = 6000  # the last training images


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"),
                        help="folder of the IDX files (Debian: apt install dataset-fashion-mnist)")
    parser.add_argument("--images", type=int, default=60000 - VALIDATION, help="how many images to train on")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--growth", type=float, default=1.5, help="each block has so many times the channels of the last")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--optimizer", choices=["sgd", "adamw"], default="adamw")
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--beta2", type=float, default=0.999)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", action="store_true", help="judge the model on the test images, once all is decided")
    return parser.parse_args()


def read_idx(folder, name):
    """The array of an IDX file, gzipped or not."""
    plain = folder / name
    path = plain if plain.exists() else folder / f"{name}.gz"
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        data = file.read()
    sizes = np.frombuffer(data, ">i4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)


def load(folder, part):
    images = torch.from_numpy(read_idx(folder, f"{part}-images-idx3-ubyte").astype(np.float32))
    labels = torch.from_numpy(read_idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64))
    return (images.unsqueeze(1) / 255 - 0.286) / 0.353, labels


def network(options):
    """Depthwise separable convolutions; the image is halved before each of the first three blocks."""
    layers, channels, width = [], 1, float(options.width)
    for block in range(options.blocks):
        out, stride = round(width), 2 if block < 3 else 1
        if block == 0:
            layers += [nn.Conv2d(1, out, 3, stride, 1, bias=False)]
        else:
            layers += [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
                       nn.Conv2d(channels, out, 1, bias=False)]
        layers += [nn.BatchNorm2d(out), nn.ReLU()]
        channels, width = out, width * options.growth
    layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(options.dropout), nn.Linear(4 * channels, 10)]
    return nn.Sequential(*layers)


def optimizer(options, model):
    if options.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), options.learning_rate, momentum=options.momentum)
    return torch.optim.AdamW(model.parameters(), options.learning_rate, betas=(0.9, options.beta2),
                             weight_decay=options.weight_decay)


@torch.no_grad()
def accuracy(model, images, labels):
    model.eval()
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(images.split(500), labels.split(500)))
    return right / len(labels)


def main():
    options = arguments()
    torch.manual_seed(options.seed)
    images, labels = load(options.data, "train")
    # The test images take no part in the search.
    validation = images[-VALIDATION:], labels[-VALIDATION:]
    count = min(options.images, len(images) - VALIDATION)
    images, labels = images[:count], labels[:count]

    model = network(options)
    print(json.dumps({"parameters": sum(p.numel() for p in model.parameters())}), flush=True)
    optimize = optimizer(options, model)
    steps = options.epochs * -(-count // options.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimize, steps)
    for epoch in range(1, options.epochs + 1):
        model.train()
        for batch in torch.randperm(count).split(options.batch_size):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            optimize.zero_grad()
            loss.backward()
            optimize.step()
            schedule.step()
        line = {"validation_accuracy": accuracy(model, *validation)}
        # The last epoch is the result: there is nothing left to stop.
        if epoch < options.epochs:
            line = {"step": epoch, **line}
        print(json.dumps(line), flush=True)
    if options.test:
        print(json.dumps({"test_accuracy": accuracy(model, *load(options.data, "t10k"))}))


if __name__ == "__main__":
    main()
