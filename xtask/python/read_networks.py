"""Networks of torchvision as ONNX files, for the rows of `cargo xtask bench train` that train what was read.

Batch normalisation is kept: trained is what PyTorch trains. Weights are random, which changes no time.

read_networks.py FOLDER
"""

import os
import sys

import torch
import torchvision

NETWORKS = ["resnet18", "mobilenet_v2", "efficientnet_b0"]
SIZES = [96, 224]


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name in NETWORKS:
        for size in SIZES:
            path = os.path.join(folder, f"{name}-{size}.onnx")
            torch.manual_seed(0)
            model = torchvision.models.get_model(name, weights=None).eval()
            torch.onnx.export(
                model,
                torch.zeros(1, 3, size, size),
                path,
                input_names=["image"],
                output_names=["logits"],
                dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
                opset_version=17,
                do_constant_folding=False,
                training=torch.onnx.TrainingMode.PRESERVE,
                dynamo=False,
            )
            print(path)


main(sys.argv[1])
