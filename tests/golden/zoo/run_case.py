"""Converts a case of a published implementation, runs it, and compares every expected output.

A case is a folder with config.json, inputs.safetensors, expected.safetensors and, unless its class has no weights,
model.safetensors. What has to be run to make its outputs is said in one file for each family (families/), by the class that
the configuration names.
"""

import argparse
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import families
import tensors
from tensors import Tensor

# What counts as the same number: a few times the rounding of the reference itself, at least 1e-5 of the output's scale.
NOISE_FACTOR = 4.0
SCALE_FACTOR = 1e-5
# Where a case does not state that rounding, it is measured: how far the outputs move when every weight and every input is
# rounded once more, up or down by half a unit in the last place, in this many ways.
NOISE_RUNS = 4
HALF_A_UNIT = 2.0**-24
# What stands for an infinite number in expected outputs.
INFINITE = 1e29

EXIT_SKIPPED = 77

# What runs programs for another processor.
EMULATOR = [part for part in os.environ.get("EARSHOT_EMULATOR", "").split("|") if part]


class Case:
    """The files of a case, and the programs to run it with."""

    def __init__(self, folder, programs, weights, work_folder, noise_seed=None):
        """With a seed its weights and inputs are rounded once more."""
        self.folder, self.programs, self.work_folder, self.weights_type = folder, programs, work_folder, weights
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.hparams = self.config["hparams"]
        self.inputs = tensors.read(folder / "inputs.safetensors")
        self.expected = tensors.read(folder / "expected.safetensors")
        self.model = work_folder / "case.earshot"
        noise = random.Random(noise_seed) if noise_seed is not None else None
        if noise:
            self.inputs = {name: shaken(tensor, noise) for name, tensor in self.inputs.items()}
        self._run(programs / "earshot-convert", self._checkpoint(noise), "-o", self.model, "--weights", weights, "--quiet")
        self.num_runs = 0

    def _checkpoint(self, noise):
        """The folder to convert: that of the case, or a copy with the pinned choices among the weights, or with noise."""
        names = families.pinned(self.config["reference"], self.hparams)
        if not names and not noise:
            return self.folder
        copy = self.work_folder / self.folder.name
        copy.mkdir()
        (copy / "config.json").write_bytes((self.folder / "config.json").read_bytes())
        file = self.folder / "model.safetensors"
        weights = tensors.read(file) if file.exists() else {}
        if noise:
            weights = {name: shaken(tensor, noise) for name, tensor in weights.items()}
        weights.update({name: {**self.inputs, **self.expected}[name].as_type("F32") for name in names})
        tensors.write(copy / "model.safetensors", weights)
        return copy

    def _run(self, program, *arguments):
        done = subprocess.run([*EMULATOR, str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{self.folder.name}: {program.name} failed:\n{done.stderr.strip()}")
        return done.stdout

    def run(self, method, inputs, settings=None, states=False):
        """One run of `earshot run` on one example; returns the outputs by name. Inputs have at most two axes."""
        self.num_runs += 1
        given, made = self.work_folder / "in.safetensors", self.work_folder / "out.safetensors"
        tensors.write(given, inputs)
        options = [f"--set={name}={value}" for name, value in (settings or {}).items()]
        guarded = self.programs / "guarded_run"
        command = [guarded] if guarded.exists() else [self.programs / "earshot", "run"]
        self._run(command[0], *command[1:], "--model", self.model, "--method", method, "--input", given, "--output", made,
                  *options, *(["--states"] if states else []))
        return tensors.read(made)

    def weights(self):
        """The tensors of the model file, as f32."""
        made = self.work_folder / "weights.safetensors"
        self._run(self.programs / "earshot", "inspect", self.model, "--tensors", made)
        return tensors.read(made)

    def batch(self, *names):
        """The inputs (of these names, or all) of each row of the batch."""
        inputs = {name: self.inputs[name] for name in names or self.inputs}
        count = len(next(iter(inputs.values())))
        return [{name: tensor[row] for name, tensor in inputs.items()} for row in range(count)]


def shaken(tensor, noise):
    """Every number off by half a unit in the last place."""
    if tensor.is_whole():
        return tensor
    return Tensor([value * (1 + noise.choice((-HALF_A_UNIT, HALF_A_UNIT))) for value in tensor.values], tensor.shape, tensor.dtype)


class Check:
    """Made outputs against expected ones; `keep` marks the elements along the leading axes that mean something."""

    def __init__(self, case, expected=None):
        """`expected`: other outputs than those of the case, by name."""
        self.case, self.expected, self.results, self.made = case, expected or case.expected, {}, {}
        self.noise = {name: case.config["fp32_vs_fp64_max_abs"].get(name) for name in self.expected}

    def compare(self, name, made, keep=None):
        expected = self.expected[name]
        self.made[name] = made
        if list(made.shape) != list(expected.shape):
            raise SystemExit(f"{name}: made {made.shape}, expected {expected.shape}")
        share = len(expected.values) // len(keep) if keep else 1
        error = 0.0
        for index, (a, b) in enumerate(zip(made.values, expected.values)):
            if keep and not keep[index // share]:
                continue
            if abs(b) >= INFINITE or math.isinf(b):
                difference = 0.0 if a * b > 0 and (abs(a) >= INFINITE or math.isinf(a)) else math.inf
            else:
                difference = abs(a - b)
            error = max(error, difference) if difference == difference else math.inf
        self.results[name] = error

    def same_choices(self):
        return all(error == 0 for name, error in self.results.items() if self.expected[name].is_whole())

    def tolerance(self, name):
        if self.case.expected[name].is_whole():
            return 0.0
        noise = self.noise[name] or 0.0
        scale = self.case.config["expected_std"].get(name) or 0.0
        return max(NOISE_FACTOR * noise, SCALE_FACTOR * scale)

    def ratio(self, name):
        error, tolerance = self.results[name], self.tolerance(name)
        return error / tolerance if tolerance > 0 else (0.0 if error == 0 else math.inf)

    def relative(self, name):
        scale = self.case.config["expected_std"].get(name) or 1.0
        return self.results[name] / scale


def measure_noise(check, work_folder):
    """For the outputs whose rounding the case does not state."""
    missing = [name for name in check.results if check.noise[name] is None and not check.case.expected[name].is_whole()]
    if not missing:
        return
    for name in missing:
        check.noise[name] = 0.0
    for seed in range(NOISE_RUNS):
        folder = work_folder / f"noise{seed}"
        folder.mkdir()
        case = Case(check.case.folder, check.case.programs, check.case.weights_type, folder, noise_seed=seed)
        moved = Check(case, check.made)
        families.find(case.config["reference"])(case, moved)
        for name in missing:
            # Another choice (a token, a bucket) makes other numbers of all that follow: no measure of rounding.
            if math.isfinite(moved.results[name]) and moved.same_choices():
                check.noise[name] = max(check.noise[name], moved.results[name])


def run_metrics(folder, programs):
    """Scores of texts: the test program of the metrics compares them, on the file of this case."""
    environment = {**os.environ, "EARSHOT_METRICS_FILE": str(folder / "metrics.json")}
    done = subprocess.run([*EMULATOR, str(programs / "models_common_text_cases_test"), "*agree*"], env=environment,
                          capture_output=True, text=True, check=False)
    print(f"{folder.name}: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr.strip()}")
    return 0 if done.returncode == 0 else 1


def find_programs(root):
    if os.environ.get("EARSHOT_BIN"):
        return pathlib.Path(os.environ["EARSHOT_BIN"])
    for preset in ("release", "test"):
        if (root / "build" / preset / "bin" / "earshot").exists():
            return root / "build" / preset / "bin"
    raise SystemExit("there is no build: run ./demo.sh or ./test.sh, or set EARSHOT_BIN to the folder of the programs")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path, help="folder of the case")
    parser.add_argument("--weights", default="f32", help="type of the weights; other types than f32 are reported, not judged")
    parser.add_argument("--verbose", action="store_true", help="print every output")
    arguments = parser.parse_args()
    if (arguments.case / "metrics.json").exists():
        return run_metrics(arguments.case, find_programs(pathlib.Path(__file__).resolve().parents[3]))
    if not (arguments.case / "config.json").exists():
        print(f"skipped: {arguments.case} is not there")
        return EXIT_SKIPPED
    programs = find_programs(pathlib.Path(__file__).resolve().parents[3])
    with tempfile.TemporaryDirectory() as work_folder:
        case = Case(arguments.case, programs, arguments.weights, pathlib.Path(work_folder))
        check = Check(case)
        families.find(case.config["reference"])(case, check)
        if arguments.weights == "f32":
            measure_noise(check, pathlib.Path(work_folder))
    missing = sorted(set(case.expected) - set(check.results))
    worst = max(check.results, key=check.ratio)
    if arguments.verbose:
        for name in check.results:
            print(f"  {name}: error {check.results[name]:.3g}, tolerance {check.tolerance(name):.3g}, ratio {check.ratio(name):.3f}")
    if missing:
        print(f"{arguments.case.name}: not compared: {' '.join(missing)}")
        return 1
    if arguments.weights != "f32":
        floats = [name for name in check.results if not case.expected[name].is_whole()]
        largest = max(floats, key=check.relative)
        print(f"{arguments.case.name}: {arguments.weights} differs by at most {check.relative(largest):.2g} of the scale ({largest})")
        return 0
    print(f"{arguments.case.name}: worst ratio {check.ratio(worst):.3f} ({worst}), {len(check.results)} outputs, {case.num_runs} runs")
    return 0 if check.ratio(worst) <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
