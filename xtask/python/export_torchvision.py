"""Writes the families of torchvision as both exporters of torch do: NAME.ts17.onnx and NAME.dynamo.onnx.

Usage: export_torchvision.py FOLDER

Weights are fresh, the batch is free. Files that are there stay.
"""

import pathlib
import sys
import warnings

import torch
import torchvision

# Sides of the images; adaptive pools of the larger ones are exported at this size only.
FAMILIES = {
    "resnet18": 128,
    "wide_resnet50_2": 128,
    "resnext50_32x4d": 128,
    "densenet121": 128,
    "squeezenet1_1": 128,
    "googlenet": 128,
    "inception_v3": 128,
    "vgg11_bn": 224,
    "alexnet": 224,
    "mobilenet_v2": 128,
    "mobilenet_v3_small": 128,
    "mnasnet1_0": 128,
    "efficientnet_b0": 128,
    "regnet_y_400mf": 128,
    "convnext_tiny": 128,
    "shufflenet_v2_x1_0": 128,
}


def export(name, size, exporter, path):
    torch.manual_seed(0)
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    network = getattr(torchvision.models, name)(weights=None, **options).eval()
    images = (torch.randn(2, 3, size, size),)
    names = {"input_names": ["input"], "output_names": ["output"]}
    part = str(path.with_suffix(".part"))
    if exporter == "ts17":
        axes = {"input": {0: "batch"}, "output": {0: "batch"}}
        torch.onnx.export(network, images, part, dynamo=False, opset_version=17, dynamic_axes=axes, **names)
    else:
        shapes = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(
            network, images, part, dynamo=True, external_data=False, dynamic_shapes=shapes, verbose=False, **names
        )
    pathlib.Path(part).rename(path)


def main():
    warnings.filterwarnings("ignore")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for exporter in ("ts17", "dynamo"):
        for name, size in FAMILIES.items():
            path = folder / f"{name}.{exporter}.onnx"
            if not path.exists():
                export(name, size, exporter, path)


if __name__ == "__main__":
    main()
