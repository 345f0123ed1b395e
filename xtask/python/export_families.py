"""Writes torchvision's families, with random weights, as both exporters of torch write them.

export_families.py FOLDER          FAMILY.17.onnx by TorchScript and FAMILY.20.onnx by dynamo; what is there stays
"""

import sys
import warnings
from pathlib import Path

import torch
import torchvision

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


def network(name):
    """The family in inference, its batch normalisation with moments that are not those of a fresh one."""
    torch.manual_seed(0)
    options = {"init_weights": True, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    made = getattr(torchvision.models, name)(weights=None, **options)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    return made.eval()


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name, size in FAMILIES.items():
        image = torch.randn(2, 3, size, size)
        for opset in (17, 20):
            path = folder / f"{name}.{opset}.onnx"
            if path.exists():
                continue
            part = path.with_suffix(".part")
            names = {"input_names": ["image"], "output_names": ["logits"]}
            if opset == 17:
                axes = {"image": {0: "N"}, "logits": {0: "N"}}
                torch.onnx.export(network(name), (image,), part, dynamo=False, opset_version=17, dynamic_axes=axes, **names)
            else:
                shapes = ({0: torch.export.Dim("N")},)
                torch.onnx.export(
                    network(name), (image,), part, dynamo=True, opset_version=20, dynamic_shapes=shapes,
                    external_data=False, verbose=False, **names,
                )
            part.rename(path)
            print(path, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
