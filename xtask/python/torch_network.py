"""A layer graph, as `train_speed --describe` prints it, as a PyTorch module."""

import torch
from torch import nn


class Gate(nn.Module):
    def forward(self, x, gate):
        return x * gate


class Add(nn.Module):
    def forward(self, *inputs):
        total = inputs[0] + inputs[1]
        for x in inputs[2:]:
            total = total + x
        return total


class Concat(nn.Module):
    def forward(self, *inputs):
        return torch.cat(inputs, 1)


class Slice(nn.Module):
    def __init__(self, start, length):
        super().__init__()
        self.start, self.length = start, length

    def forward(self, x):
        return x[:, self.start : self.start + self.length]


class ChannelConv(nn.Module):
    def __init__(self, kernel):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x):
        return self.conv(x.flatten(2).transpose(1, 2)).transpose(1, 2).unsqueeze(3)


ACTIVATIONS = {
    "ReLU": nn.ReLU,
    "ReLU6": nn.ReLU6,
    "Hardswish": nn.Hardswish,
    "Hardsigmoid": nn.Hardsigmoid,
    "Swish": nn.SiLU,
    "Sigmoid": nn.Sigmoid,
}


def layer(node, alone):
    """The module of one node. `alone`: nobody else reads its input, so activations may work in place."""
    op = node["op"]
    if op == "Conv2d":
        return nn.Conv2d(
            node["in_channels"], node["out_channels"], tuple(node["kernel"]), tuple(node["stride"]),
            tuple(node["padding"]), tuple(node["dilation"]), node["groups"], node["bias"],
        )
    if op in ACTIVATIONS:
        return ACTIVATIONS[op]() if op == "Sigmoid" else ACTIVATIONS[op](inplace=alone)
    return {
        "BatchNorm": lambda: nn.BatchNorm2d(node["channels"], node["epsilon"]),
        "MaxPool": lambda: nn.MaxPool2d(tuple(node["kernel"]), tuple(node["stride"]), tuple(node["padding"])),
        "AvgPool": lambda: nn.AvgPool2d(tuple(node["kernel"]), tuple(node["stride"]), tuple(node["padding"])),
        "GlobalAvgPool": lambda: nn.AdaptiveAvgPool2d(1),
        "Flatten": lambda: nn.Flatten(),
        "Linear": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(node["in_features"], node["out_features"], node["bias"])
        ),
        "Dropout": lambda: nn.Dropout(node["p"]),
        "Add": Add,
        "Gate": Gate,
        "Concat": Concat,
        "Slice": lambda: Slice(node["start"], node["len"]),
        "ChannelShuffle": lambda: nn.ChannelShuffle(node["groups"]),
        "ChannelConv": lambda: ChannelConv(node["kernel"]),
    }[op]()


class Graph(nn.Module):
    """Runs the nodes in order; a value is dropped after its last reader, as Python's own code would do."""

    def __init__(self, description):
        super().__init__()
        nodes = description["nodes"]
        readers = [sum(i in n["inputs"] for n in nodes) for i in range(len(nodes))]
        self.layers = nn.ModuleList()
        self.steps = []
        for i, node in enumerate(nodes):
            if node["op"] == "Input":
                continue
            self.layers.append(layer(node, all(readers[j] == 1 for j in node["inputs"])))
            last = [j for j in node["inputs"] if not any(j in later["inputs"] for later in nodes[i + 1 :])]
            self.steps.append((i, node["inputs"], last))
        self.output = description["output"]

    def forward(self, x):
        values = {0: x}
        for (i, inputs, last), module in zip(self.steps, self.layers):
            values[i] = module(*[values[j] for j in inputs])
            for j in last:
                del values[j]
        return values[self.output].flatten(1)
