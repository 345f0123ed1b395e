"""`lightcrest.compress` on small models, given as bytes and as files."""

import json
import math
import os
import signal
import stat
import struct
import subprocess
import sys
import threading

import pytest
from lightcrest import compress, exceptions

# A message of protobuf by hand, so that the tests need no package `onnx`.


def varint(value):
    out = b""
    while True:
        byte, value = value & 0x7F, value >> 7
        out += bytes([byte | (0x80 if value else 0)])
        if not value:
            return out


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def value(name, sizes):
    dims = b"".join(message(1, number(1, size)) for size in sizes)
    return message(1, name) + message(2, message(1, number(1, 1) + message(2, dims)))


def tensor(name, sizes, values):
    dims = b"".join(number(1, size) for size in sizes)
    return dims + number(2, 1) + message(8, name) + message(9, struct.pack(f"<{len(values)}f", *values))


def node(name, operator, inputs, output):
    names = b"".join(message(1, given) for given in inputs)
    return names + message(2, output) + message(3, name) + message(4, operator)


def model(channels=16):
    """Two convolutions of 3x3 with a ReLU between, then means over positions."""
    count = [0]

    def weights(*sizes):
        values = []
        for _ in range(math.prod(sizes)):
            count[0] = (count[0] * 1103515245 + 12345) % 2**31
            values.append(count[0] / 2**31 - 0.5)
        return sizes, values

    graph = message(1, node("first", "Conv", ["x", "w1"], "a"))
    graph += message(1, node("act", "Relu", ["a"], "b"))
    graph += message(1, node("second", "Conv", ["b", "w2"], "c"))
    graph += message(1, node("pool", "GlobalAveragePool", ["c"], "y"))
    graph += message(2, "graph")
    graph += message(5, tensor("w1", *weights(channels, 3, 3, 3)))
    graph += message(5, tensor("w2", *weights(8, channels, 3, 3)))
    graph += message(11, value("x", [1, 3, 10, 10])) + message(12, value("y", [1, 8, 1, 1]))
    return number(1, 8) + message(7, graph) + message(8, message(1, "") + number(2, 17))


MACS = 16 * 27 * 64 + 8 * 16 * 9 * 36


@pytest.fixture(params=["bytes", "path"])
def given(request, tmp_path):
    if request.param == "bytes":
        return model()
    path = tmp_path / "model.onnx"
    path.write_bytes(model())
    return path


def test_cost_is_counted_layer_by_layer(given):
    found = compress.cost(given)
    assert found["macs"] == MACS
    assert found["parameters"] == 16 * 27 + 8 * 16 * 9
    assert sum(layer["macs"] for layer in found["layers"]) == MACS
    assert found["unknown"] == []


def test_pruning_halves_the_inner_channels(given, tmp_path):
    out = tmp_path / "half.onnx"
    made = compress.prune(given, out=out)
    assert out.read_bytes() == made.model
    layers = {layer["name"]: layer for layer in made.report["layers"]}
    assert layers["first"]["outputs_after"] == 8
    assert compress.cost(made.model)["macs"] == MACS // 2 == made.report["macs_after"]
    assert compress.prune(given, keep=["first"]).report["macs_after"] == MACS, "nothing can go, and the report says so"


def test_decomposition_with_and_without_inputs(given):
    numpy = pytest.importorskip("numpy")
    plain = compress.decompose(given, "svd", rank=0.25)
    assert compress.cost(plain.model)["macs"] == plain.report["macs"]["after"] < MACS
    images = numpy.random.default_rng(1).normal(size=(8, 3, 10, 10)).astype("float32")
    aware = compress.decompose(given, "svd", rank=0.25, calibration={"x": images})
    assert aware.report["macs"] == plain.report["macs"]
    assert aware.report["layers"][1]["output_error"] < plain.report["layers"][1]["error"]


def test_int8_keeps_the_outputs_near(given, tmp_path):
    numpy = pytest.importorskip("numpy")
    images = numpy.random.default_rng(1).normal(size=(8, 3, 10, 10))
    made = compress.quantize(given, images.astype(">f4"))
    assert [layer["precision"] for layer in made.report["layers"]] == ["int8", "int8"]
    assert made.report["snr"][0][1] > 20
    numpy.savez(tmp_path / "inputs.npz", x=images.astype("float32"))
    assert compress.quantize(given, tmp_path / "inputs.npz").model == made.model
    # What the model reads decides the precision, whatever the arrays are of.
    assert compress.quantize(given, images.astype("float32").astype("float64")).model == made.model
    excluded = compress.quantize(given, images.astype("float32"), exclude=["first"])
    assert excluded.report["layers"][0]["reason"] == "excluded"


def test_what_cannot_be_is_said():
    numpy = pytest.importorskip("numpy")
    with pytest.raises(FileNotFoundError):
        compress.cost("missing.onnx")
    with pytest.raises(exceptions.CompressionError):
        compress.cost(b"not a model")
    with pytest.raises(ValueError, match="must be above 0 and below 1"):
        compress.prune(model(), 1.0)
    with pytest.raises(ValueError, match="`importance` must be l1"):
        compress.prune(model(), importance="l3")
    with pytest.raises(ValueError, match="there is no layer `stem`"):
        compress.decompose(model(), keep=["stem"])
    with pytest.raises(exceptions.CompressionError, match="the calibration inputs do not fit"):
        compress.quantize(model(), numpy.zeros((4, 2, 10, 10), "float32"))
    images = numpy.ones((2, 3, 10, 10), "float32")
    with pytest.raises(exceptions.CompressionError, match="8 bits already"):
        compress.quantize(compress.quantize(model(), images).model, images)
    with pytest.raises(TypeError):
        compress.cost(3)


def test_other_threads_run_meanwhile():
    large, counted, done = model(channels=256), [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    compress.decompose(large, "cp", rank=0.1)
    after = counted[0]
    done.set()
    thread.join()
    assert after > before


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a script")
def test_a_search_is_the_program_s(tmp_path, monkeypatch):
    def program(body):
        path = tmp_path / "lightcrest"
        path.write_text(f"#!{sys.executable}\nimport json, pathlib, sys\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    wrote = program(
        "assert sys.argv[1:4] == ['compress', 'spec.toml', '--out']\n"
        "for number, macs in [(0, 90), (1, 30)]:\n"
        "    folder = pathlib.Path(sys.argv[4]) / 'front' / f'trial-000{number}'\n"
        "    folder.mkdir(parents=True)\n"
        "    (folder / 'metrics.json').write_text(json.dumps({'metrics': {'macs': macs}}))\n"
    )
    found = compress.run("spec.toml", out=tmp_path / "run", program=wrote)
    assert [model.metrics["macs"] for model in found] == [30, 90]
    assert found[0].path == tmp_path / "run/front/trial-0001/model.onnx"
    monkeypatch.setenv("LIGHTCREST", os.fspath(program("sys.exit('error: the spec is wrong')")))
    with pytest.raises(exceptions.CompressionError, match="error: the spec is wrong"):
        compress.run("spec.toml", out=tmp_path / "run")
    monkeypatch.setenv("LIGHTCREST", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(exceptions.CompressionError, match="is not on PATH"):
        compress.run("spec.toml", out=tmp_path / "run")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_reaches_the_program_once_and_its_progress_is_seen(tmp_path):
    program = tmp_path / "lightcrest"
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, signal, sys, time\n"
        "count = 0\n"
        "def heard(*_):\n"
        "    global count\n"
        "    count += 1\n"
        "signal.signal(signal.SIGINT, heard)\n"
        "print('trial 1 of 2', file=sys.stderr, flush=True)\n"
        "end = time.monotonic() + 30\n"
        "while not count and time.monotonic() < end: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        f"open({os.fspath(tmp_path / 'count')!r}, 'w').write(str(count))\n"
        "sys.exit(130)\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    script = f"from lightcrest import compress; compress.run('spec.toml', out='run', program={os.fspath(program)!r})"
    # As a terminal does: the signal goes to the whole group.
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert child.stderr.readline() == "trial 1 of 2\n"
    os.killpg(child.pid, signal.SIGINT)
    _, rest = child.communicate(timeout=60)
    assert rest.rstrip().endswith("KeyboardInterrupt")
    assert (tmp_path / "count").read_text() == "1"


def test_a_report_is_plain_data():
    made = compress.prune(model())
    assert json.loads(json.dumps(made.report)) == made.report
    assert "bytes>" in repr(made)
