#!/usr/bin/env python3
"""Checkpoints of published implementations: converted, listed, run by method and by loop, and refused with a reason."""

import array
import json
import math
import pathlib
import struct
import subprocess
import tempfile
import unittest

from support import BINARIES, EMULATOR, earshot

WIDTH, HEADS, FFN, ROWS = 8, 2, 12, 5
CLASS = "TransformerEncoder(causal-linear) + RecurrentTransformerEncoder"


def noise(count, seed):
    return [math.sin(1.7 * i + seed) for i in range(count)]


def write_tensors(path, tensors):
    """{name: (values, shape)} as a safetensors file of f32."""
    header, data = {}, b""
    for name, (values, shape) in tensors.items():
        content = array.array("f", values).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_tensors(path):
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    tensors = {}
    for name, entry in json.loads(content[8:8 + size]).items():
        values = array.array("f")
        values.frombytes(content[8 + size:][slice(*entry["data_offsets"])])
        tensors[name] = (list(values), entry["shape"])
    return tensors


def weights():
    shapes = {"norm.weight": [WIDTH], "norm.bias": [WIDTH]}
    for name in ("query", "key", "value", "out"):
        shapes[f"layers.0.attention.{name}_projection.weight"] = [WIDTH, WIDTH]
        shapes[f"layers.0.attention.{name}_projection.bias"] = [WIDTH]
    for name, rows, cols in (("linear1", FFN, WIDTH), ("linear2", WIDTH, FFN)):
        shapes[f"layers.0.{name}.weight"], shapes[f"layers.0.{name}.bias"] = [rows, cols], [rows]
    for name in ("norm1", "norm2"):
        shapes[f"layers.0.{name}.weight"], shapes[f"layers.0.{name}.bias"] = [WIDTH], [WIDTH]
    return {name: ([0.5 * x for x in noise(math.prod(shape), seed)], shape) for seed, (name, shape) in enumerate(shapes.items())}


class Run(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.checkpoint = self.folder / "checkpoint"
        self.checkpoint.mkdir()
        self.model, self.input, self.output = (self.folder / name for name in ("m.earshot", "in.safetensors", "out.safetensors"))
        self.hparams = {"n_layers": 1, "n_heads": HEADS, "d": WIDTH // HEADS, "ff": FFN, "act": "gelu", "T": 16}
        self.write_config()
        write_tensors(self.checkpoint / "model.safetensors", weights())

    def write_config(self, class_name=CLASS):
        config = {"reference": {"package": "pytorch-fast-transformers", "version": "0", "class": class_name},
                  "hparams": self.hparams, "inputs": {"x": ["float32", 1, ROWS, WIDTH]}}
        (self.checkpoint / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def convert(self):
        return subprocess.run([*EMULATOR, str(BINARIES / "earshot-convert"), str(self.checkpoint), "-o", str(self.model),
                               "--weights", "f32", "--quiet"], capture_output=True, text=True, check=False)

    def run_method(self, method, x, shape, *more):
        write_tensors(self.input, {"x": (x, shape)})
        return earshot("run", "--model", self.model, "--method", method, "--input", self.input, "--output", self.output, *more)

    def test_a_loop_and_a_method_give_the_same(self):
        self.assertEqual(self.convert().returncode, 0)
        made = []
        for method in ("forward", "stepwise"):
            result = self.run_method(method, noise(ROWS * WIDTH, 3), [ROWS, WIDTH], "--states")
            self.assertEqual(result.returncode, 0, result.stderr)
            made.append(read_tensors(self.output))
        self.assertEqual(made[0]["out"][1], [ROWS, WIDTH])
        for name in ("out", "state0"):
            for a, b in zip(made[0][name][0], made[1][name][0]):
                self.assertAlmostEqual(a, b, delta=1e-4)

    def test_inspect_lists_methods_loops_and_weights(self):
        self.assertEqual(self.convert().returncode, 0)
        listed = json.loads(earshot("inspect", self.model, "--json").stdout)
        self.assertEqual([method["name"] for method in listed["methods"]], ["forward"])
        self.assertEqual([loop["name"] for loop in listed["loops"]], ["stepwise"])
        self.assertIn("stepwise", earshot("inspect", self.model).stdout)
        self.assertEqual(earshot("inspect", self.model, "--tensors", self.output).returncode, 0)
        self.assertEqual(read_tensors(self.output)["layers.0.linear1.weight"][1], [FFN, WIDTH])

    def assert_fails_with(self, result, *words):
        self.assertEqual(result.returncode, 1)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_wrong_inputs_are_explained(self):
        self.assertEqual(self.convert().returncode, 0)
        self.assert_fails_with(self.run_method("backward", [0.0] * WIDTH, [1, WIDTH]), "backward")
        self.assert_fails_with(self.run_method("forward", [0.0] * 7, [1, 7]), "\"x\"", "7")
        self.assert_fails_with(self.run_method("forward", [0.0] * 17 * WIDTH, [17, WIDTH]), "\"x\"", "17")
        self.assert_fails_with(self.run_method("forward", [0.0] * WIDTH, [1, 1, WIDTH]), "axes")
        write_tensors(self.input, {"y": ([0.0], [1])})
        missing = earshot("run", "--model", self.model, "--method", "forward", "--input", self.input, "--output", self.output)
        self.assert_fails_with(missing, "\"x\"")
        self.input.write_bytes(b"no tensors")
        damaged = earshot("run", "--model", self.model, "--method", "forward", "--input", self.input, "--output", self.output)
        self.assert_fails_with(damaged, "safetensors")
        self.assertFalse(self.output.exists())

    def test_what_is_not_understood_is_refused_by_name(self):
        self.hparams["n_wings"] = 2
        self.write_config()
        self.assert_fails_with(self.convert(), "n_wings")
        del self.hparams["n_wings"], self.hparams["ff"]
        self.write_config()
        self.assert_fails_with(self.convert(), "hparams.ff")
        self.hparams["ff"] = FFN
        self.write_config("Perceptron")
        self.assert_fails_with(self.convert(), "Perceptron")
        self.write_config()
        write_tensors(self.checkpoint / "model.safetensors", {**weights(), "left.over": ([1.0], [1])})
        self.assert_fails_with(self.convert(), "left.over")


if __name__ == "__main__":
    unittest.main()
