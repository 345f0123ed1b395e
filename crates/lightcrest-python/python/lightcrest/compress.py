"""ONNX models made lighter: what they cost, channels pruned, layers decomposed, int8, and the search over all of it.

    from lightcrest import compress

    print(compress.cost("model.onnx")["macs"])
    half = compress.prune("model.onnx", ratio=0.5)
    half.save("half.onnx")
    int8 = compress.quantize(half.model, {"input": images}, out="int8.onnx")

A model is a path or the bytes of a file (`onnx_model.SerializeToString()`). What cannot be read, or not in the way that was
asked for, raises `lightcrest.exceptions.CompressionError`, a ValueError; where nothing can be pruned or decomposed, the model
comes back as it is. Other Python threads run while the engine works.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lightcrest import _engine
from lightcrest._files import write
from lightcrest.exceptions import CompressionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Model = bytes | str | os.PathLike[str]

__all__ = ["Compressed", "Found", "cost", "decompose", "prune", "quantize", "run"]


@dataclass(frozen=True)
class Compressed:
    """A model that became lighter.

    `model` holds the bytes of an ONNX file, `report` what was done: totals, and in `report["layers"]` what became of each layer
    and why others were left alone.
    """

    model: bytes
    report: dict[str, Any]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file, whole or not at all."""
        write(path, self.model)

    def __repr__(self) -> str:
        return f"Compressed(model=<{len(self.model)} bytes>, report={{{', '.join(self.report)}}})"


@dataclass(frozen=True)
class Found:
    """A model that a search found: the folder with everything of it, the ONNX file, and what was counted and measured."""

    folder: pathlib.Path
    path: pathlib.Path
    metrics: dict[str, float]


def cost(model: Model, *, sizes: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What a model costs: `macs` (multiply-accumulates), `parameters`, `weight_bytes`, `peak_activation_bytes`, and `layers`.

    `sizes` are those that the file leaves free, by name. `unknown` names nodes of which the totals know nothing.
    """
    return json.loads(_engine.compress_cost(_source(model), dict(sizes or {})))


def prune(
    model: Model,
    ratio: float = 0.5,
    *,
    macs: float | None = None,
    importance: str = "l1",
    global_: bool = False,
    round_to: int = 1,
    keep: Sequence[str] = (),
    steps: int = 1,
    out: str | os.PathLike[str] | None = None,
) -> Compressed:
    """The model without a share of its channels; no data is needed.

    `macs` is the share of the multiply-accumulates to end at, instead of `ratio`. Channels are ranked by `importance` (l1, l2,
    fpgm or bn), of all layers together with `global_`; those that stay come in multiples of `round_to`, and are ranked anew in
    each of `steps`. `keep` names layers that stay as they are. Where nothing can go, the model comes back as it is, and the
    report says why. `out` is a file to write as well.
    """
    made = _engine.compress_prune(
        _source(model),
        ratio=ratio,
        macs=macs,
        importance=importance,
        global_=global_,
        round_to=round_to,
        keep=list(keep),
        steps=steps,
    )
    return _made(made, out)


def decompose(
    model: Model,
    method: str = "tucker",
    *,
    rank: float | None = None,
    macs: float | None = None,
    layers: Sequence[str] = (),
    keep: Sequence[str] = (),
    allow_growth: bool = False,
    calibration: Any = None,
    out: str | os.PathLike[str] | None = None,
) -> Compressed:
    """The model with layers as chains of smaller ones: svd, tucker, cp or spatial.

    `rank` is a share of the full rank, `macs` a share of the multiply-accumulates to end at; without either, ranks are those that
    stand out of noise (EVBMF). `layers` names those to decompose, all where there are none, `keep` those to leave alone; a layer
    that would not get cheaper stays, unless `allow_growth`. With `calibration` (see `quantize`) the error of what layers write
    is made small, not that of their weights. `out` is a file to write as well.
    """
    made = _engine.compress_decompose(
        _source(model),
        method=method,
        rank=rank,
        macs=macs,
        layers=list(layers),
        keep=list(keep),
        allow_growth=allow_growth,
        calibration=None if calibration is None else _arrays(calibration),
    )
    return _made(made, out)


def quantize(
    model: Model,
    calibration: Any,
    *,
    method: str | None = None,
    per_channel: bool = True,
    weight_bits: str = "guarded",
    exclude: Sequence[str] = (),
    min_snr: float | None = 20.0,
    out: str | os.PathLike[str] | None = None,
) -> Compressed:
    """The model in 8 bits (QuantizeLinear and DequantizeLinear around what computes with them).

    `calibration` are inputs as the model sees them in use: an array, a mapping from the names of inputs to arrays, or the path of
    a .npz or a .npy; the first axis counts samples. Ranges of activations are chosen by `method` (min-max, moving-average,
    percentile, mse or kl; the best of several as measured where it is None), weights have a scale for every output with
    `per_channel` and `weight_bits` of guarded, 8 or 7. `exclude` names layers that stay in fp32; further ones do until no output
    has a signal-to-noise ratio below `min_snr` dB. `out` is a file to write as well.
    """
    made = _engine.compress_quantize(
        _source(model),
        _arrays(calibration),
        method=method,
        per_channel=per_channel,
        weight_bits=weight_bits,
        exclude=list(exclude),
        min_snr=min_snr,
    )
    return _made(made, out)


def run(
    spec: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    fresh: bool = False,
    program: str | os.PathLike[str] | None = None,
) -> list[Found]:
    """Searches over methods and strengths as a spec file says, and returns the models of the front, the lightest first.

    This starts the program `lightcrest compress`, which must be installed beside the package: `program`, or the one in the
    environment variable LIGHTCREST, or on PATH. `out` is the folder of the run; a run that is there goes on, or is moved
    aside with `fresh`. What the program says on the way is written to `sys.stderr`. An interrupt is passed on to it once and
    raised when it has ended, after what is finished was stored; a second one ends it at once.
    """
    found = os.fspath(program) if program else os.environ.get("LIGHTCREST") or shutil.which("lightcrest")
    if not found:
        raise CompressionError(
            "the program `lightcrest` is not on PATH: install it (`cargo install --path crates/lightcrest-cli`), or give `program`"
        )
    command = [found, "compress", os.fspath(spec), "--out", os.fspath(out), *(["--fresh"] if fresh else [])]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # A Ctrl-C of the terminal reaches this process alone, which passes it on once.
            start_new_session=True,
        )
    except OSError as error:
        raise CompressionError(f"cannot run `{found}`: {error}") from error
    with process:
        try:
            message = _heard(process)
        except BaseException:
            if process.poll() is None:
                process.kill()
            raise
    if process.returncode:
        raise CompressionError(message or f"`{found}` ended with exit code {process.returncode}")
    return sorted(_front(pathlib.Path(out)), key=lambda model: (model.metrics.get("macs", 0.0), str(model.folder)))


def _heard(process: subprocess.Popen[str]) -> str:
    """Shows what the program says until it ends, and returns its error, if it told one.

    An interrupt is passed on and raised at the end: the program stores what is finished first. A second one ends it at once.
    """
    assert process.stderr is not None
    last: collections.deque[str] = collections.deque(maxlen=50)
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            for line in process.stderr:
                last.append(line)
                sys.stderr.write(line)
                sys.stderr.flush()
            process.wait()
            break
        except KeyboardInterrupt as error:
            interrupt = error
            if os.name != "nt":
                process.send_signal(signal.SIGINT)
    if interrupt is not None:
        raise interrupt
    errors = [at for at, line in enumerate(last) if line.startswith("error:")]
    return "".join(list(last)[errors[-1] if errors else 0 :]).strip()


def _front(folder: pathlib.Path) -> Iterator[Found]:
    # A spec in which nothing varies has one model, in the folder itself.
    single = folder / "metrics.json"
    for card in [single] if single.is_file() else sorted(folder.glob("front/*/metrics.json")):
        metrics = json.loads(card.read_text())["metrics"]
        yield Found(card.parent, card.parent / "model.onnx", metrics)


def _source(model: Model) -> bytes | str:
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    path = os.fspath(model)
    # A file that is not there is what Python says it is.
    open(path, "rb").close()
    return os.fsdecode(path)


def _made(made: tuple[bytes, str], out: str | os.PathLike[str] | None) -> Compressed:
    compressed = Compressed(made[0], json.loads(made[1]))
    if out is not None:
        compressed.save(out)
    return compressed


def _arrays(calibration: Any) -> list[tuple[str, str, Sequence[int], bytes]]:
    try:
        import numpy
    except ImportError as error:
        raise CompressionError("calibration needs numpy, which is not installed") from error

    if isinstance(calibration, (str, os.PathLike)):
        name = pathlib.Path(calibration).stem
        try:
            loaded = numpy.load(calibration, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise CompressionError(f"{os.fspath(calibration)}: {error}") from error
        calibration = dict(loaded) if hasattr(loaded, "files") else {name: loaded}
    if not hasattr(calibration, "items"):
        calibration = {"calibration": calibration}
    given = []
    for name, values in calibration.items():
        array = numpy.asarray(values)
        if array.dtype == numpy.float16:
            array = array.astype(numpy.float32)
        little = numpy.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        given.append((str(name), array.dtype.name, array.shape, little.tobytes()))
    return given
