#!/usr/bin/env python3
"""earshot inspect, bench, --help and --version."""

import json
import os
import pathlib
import re
import subprocess
import unittest
import xml.etree.ElementTree

from support import BECKETT, EMULATOR, TINY, EarshotTest, command, earshot

SVG = "{http://www.w3.org/2000/svg}"


class Doctor(EarshotTest):

    def test_this_machine_and_a_model(self):
        result = earshot("doctor", TINY, "--json", threads=None)
        report = json.loads(result.stdout)
        model, = report["models"]
        self.assertEqual(model["error"], "")
        self.assertEqual(model["file_bytes"], os.path.getsize(TINY))
        self.assertGreaterEqual(report["cores"], report["fast_cores"])
        self.assertEqual(set(report["kernels"]), {"dense layers, int8", "norms, activations, attention",
                                                  "attention of the encoder, int8"})
        problems = [finding for finding in report["findings"] if finding["severity"] == "problem"]
        self.assertEqual(result.returncode, 1 if problems else 0)
        text = earshot("doctor", TINY, threads=None).stdout
        for kernel in report["kernels"].values():
            self.assertIn(kernel, text)

    def test_a_broken_model_is_a_problem(self):
        broken = self.folder / "broken.earshot"
        broken.write_bytes(pathlib.Path(TINY).read_bytes()[:100_000])
        result = earshot("doctor", broken, threads=None)
        self.assertEqual(result.returncode, 1)
        self.assertIn("problem:", result.stdout)
        self.assertIn("broken.earshot", result.stdout)


class Inspect(EarshotTest):

    def test_attention_is_drawn(self):
        picture = self.folder / "attention.svg"
        result = earshot("inspect", TINY, "--attention", picture, "--attention-tokens", "32")
        self.assert_ok(result)
        self.assertEqual(result.stdout, "")
        texts = [element.text for element in xml.etree.ElementTree.parse(picture).getroot().iter(f"{SVG}text")]
        self.assertIn("full", texts)
        self.assertIn("causal", texts)
        self.assertIn("32 queries, 32 keys, 100.0 % of the pairs", texts)
        self.assertIn("32 queries, 32 keys, 51.6 % of the pairs", texts)  # 33 / 64
        self.assert_fails(earshot("inspect", TINY, "--attention", TINY), 1, "replace")

    def test_json_says_what_the_model_is(self):
        result = earshot("inspect", TINY, "--json")
        self.assert_ok(result)
        model = json.loads(result.stdout)
        self.assertEqual(model["family"], "whisper")
        sizes = model["sizes"]
        # Radford et al. 2022, table 1, tiny; the English vocabulary with its 1,501 timestamps.
        self.assertEqual(sizes["encoder layers"], 4)
        self.assertEqual(sizes["decoder layers"], 4)
        self.assertEqual(sizes["encoder width"], 384)
        self.assertEqual(sizes["encoder heads"], 6)
        self.assertEqual(sizes["mel bins"], 80)
        self.assertEqual(sizes["vocabulary"], 51864)
        methods = {method["name"]: method for method in model["methods"]}
        self.assertEqual(set(methods), {"encode", "decode", "decode_beams", "decode_windows"})
        self.assertEqual([symbol["name"] for symbol in methods["decode"]["symbols"]], ["tokens", "position", "end", "frames"])
        mel, = (value for value in methods["encode"]["inputs"])
        self.assertEqual(mel["shape"], ["2*frames", "80"])
        logits, = (value for value in methods["decode"]["outputs"])
        self.assertEqual(logits["shape"], ["1", "51864"])
        self.assertTrue(any(weights["dtype"] == "int8" for weights in model["weights"]))
        self.assertEqual(sum(weights["tensors"] for weights in model["weights"] if weights["dtype"] == "int8") > 0, True)
        caches = {state["name"]: (state["rows"], state["cols"]) for state in model["states"]}
        self.assertEqual(caches["self_kv_0"], (448, 768))
        self.assertEqual(caches["cross_kv_3"], (1500, 768))
        memory = model["memory"]
        classes = [memory[f"{name}_bytes"] for name in ("persistent", "activations", "workspace", "io")]
        self.assertEqual(memory["total_bytes"], sum(classes))
        self.assertEqual(memory["weights_bytes"], os.path.getsize(TINY))

    def test_threads_add_memory_but_nothing_else(self):
        one, four = (json.loads(earshot("inspect", TINY, "--json", threads=threads).stdout) for threads in (1, 4))
        self.assertLessEqual(one["memory"]["total_bytes"], four["memory"]["total_bytes"])
        self.assertEqual(one["methods"], four["methods"])

    def test_text_has_every_part(self):
        result = earshot("inspect", TINY)
        self.assert_ok(result)
        for part in ("family", "whisper", "Weights", "int8", "Method encode", "Method decode", "Attention", "States", "self_kv_0",
                     "Memory of a session", "persistent", "activations", "workspace", "io", "total"):
            self.assertIn(part, result.stdout)
        self.assertEqual(result.stderr, "")
        for line in result.stdout.splitlines():
            self.assertEqual(line, line.rstrip())

    def test_errors(self):
        self.assert_fails(earshot("inspect", "no-such.earshot"), 1, "no-such.earshot")
        self.assert_fails(earshot("inspect", BECKETT), 1, BECKETT)
        self.assert_fails(earshot("inspect"), 2, "MODEL")


class Bench(EarshotTest):

    def test_json_has_all_times(self):
        result = earshot("bench", TINY, "--repeats", 2, "--tokens", 8, "--audio", BECKETT, "--json")
        self.assert_ok(result)
        report = json.loads(result.stdout)
        for name in ("load_ms", "encode_ms", "features_and_encode_ms", "prefill_ms", "token_ms", "first_token_ms"):
            self.assertGreater(report[name]["median"], 0, name)
            self.assertLessEqual(report[name]["p10"], report[name]["median"])
            self.assertLessEqual(report[name]["median"], report[name]["p90"])
        self.assertEqual(len(report["token_ms_by_position"]), 8)
        self.assertEqual(report["window_s"], 30)
        self.assertEqual(report["prompt_tokens"], 2)
        self.assertEqual(report["first_token_audio_s"], 3)
        self.assertNotIn("roofline", report)
        self.assertTrue(report["simd_level"])
        self.assertAlmostEqual(report["transcription"]["audio_s"], 9.963, delta=0.01)
        self.assertGreater(report["transcription"]["tokens"], 10)
        inspected = json.loads(earshot("inspect", TINY, "--json").stdout)["memory"]["total_bytes"]
        self.assertAlmostEqual(report["memory"]["total_bytes"] / inspected, 1, delta=0.03)

    def test_text_is_readable(self):
        result = earshot("bench", TINY, "--repeats", 1, "--tokens", 4)
        self.assert_ok(result)
        for part in ("median", "encode", "prefill", "token", "load", "persistent", "own kernels", "first token"):
            self.assertIn(part, result.stdout)

    @unittest.skipIf(EMULATOR, "the limits of an emulator say nothing")
    def test_roofline_has_every_group(self):
        result = earshot("bench", TINY, "--repeats", 3, "--tokens", 8, "--roofline", "--json")
        self.assert_ok(result)
        roofline = json.loads(result.stdout)["roofline"]
        self.assertGreater(roofline["int8_gops"]["median"], 0)
        self.assertGreater(roofline["f32_gops"]["median"], 0)
        self.assertTrue(roofline["int8_source"])
        sizes = [read["bytes"] for read in roofline["reads"]]
        self.assertEqual(sizes, sorted(sizes))
        decoder = {"dense int8", "logits", "attention", "causal attention", "norm", "add", "embedding"}
        phases = {phase["name"]: phase for phase in roofline["phases"]}
        self.assertEqual(set(phases), {"encode", "prefill", "token"})
        for name, phase in phases.items():
            groups = {group["name"]: group for group in phase["groups"]}
            expected = {"dense int8", "convolution", "attention", "norm", "add"} if name == "encode" else decoder
            self.assertEqual(set(groups), expected)
            self.assertAlmostEqual(sum(group["share_of_time"] for group in groups.values()), 1, delta=0.2)
            for group in [*groups.values(), phase["total"]]:
                self.assertGreater(group["time_ms"]["median"], 0, group)
                self.assertGreater(group["share_of_limit"]["median"], 0, group)  # how much is for a benchmark to say
        # Radford et al. 2022, table 1, tiny: two operations for each of these multiply-adds.
        layers, width, frames = 4, 384, 1500
        total = phases["encode"]["total"]
        dense = layers * 12 * width * width * frames + layers * 2 * width * width * frames  # and K, V for the decoder
        attention = layers * 2 * frames * frames * width
        convolutions = 2 * frames * width * 3 * 80 + frames * width * 3 * width
        self.assertAlmostEqual(total["gops"] * total["time_ms"]["median"] * 1e6 / 2 / (dense + attention + convolutions), 1,
                               delta=1e-6)

    @unittest.skipIf(EMULATOR, "the limits of an emulator say nothing")
    def test_roofline_in_text(self):
        result = earshot("bench", TINY, "--repeats", 1, "--tokens", 4, "--roofline")
        self.assert_ok(result)
        for part in ("int8 arithmetic", "f32 arithmetic", "GB/s", "% of limit", "dense int8", "logits", "total"):
            self.assertIn(part, result.stdout)


class Trace(EarshotTest):

    def check_trace(self, path):
        """Events in order, each within its parent, and in each run of a method all of its ops in order. Returns the events."""
        document = json.loads(path.read_text())
        methods = {method["name"]: method for method in json.loads(earshot("inspect", TINY, "--json").stdout)["methods"]}
        self.assertEqual(document["otherData"]["dropped_ops"], 0)
        events = document["traceEvents"]
        open_events, runs, previous = [], [], 0
        for event in events:
            begin = round(event["ts"] * 1000)
            end = begin + round(event["dur"] * 1000)
            self.assertGreaterEqual(begin, previous)
            previous = begin
            while open_events and open_events[-1][0] <= begin:
                open_events.pop()
            if open_events:
                self.assertLessEqual(end, open_events[-1][0])
            if event["cat"] == "op":
                self.assertEqual(open_events[-1][1]["name"], event["args"]["method"])
                runs[-1][1].append((event["args"]["type"], event["name"]))
            elif event["cat"] == "method":
                runs.append((event["name"], []))
            open_events.append((end, event))
        for method, ops in runs:
            self.assertEqual(ops, [(op["op"], op["name"]) for op in methods[method]["ops"]])
        return events, [method for method, _ in runs]

    def test_of_a_transcription(self):
        path = self.folder / "trace.json"
        result = earshot("transcribe", "--model", TINY, BECKETT, "--trace", path)
        self.assert_ok(result)
        self.assertEqual(result.stdout, earshot("transcribe", "--model", TINY, BECKETT).stdout)
        self.assertIn("op runs", result.stderr)
        events, runs = self.check_trace(path)
        self.assertEqual(runs[0], "encode")
        self.assertGreater(runs.count("decode"), 10)
        windows = [event for event in events if event["cat"] == "window"]
        self.assertEqual(len(windows), runs.count("encode"))
        self.assertEqual([event["name"] for event in events if event["cat"] == "host"].count("features"), len(windows))
        positions = [event["args"]["position"] for event in events if event["name"] == "decode"]
        self.assertEqual(positions[:3], [0, positions[1], positions[1] + 1])

    def test_of_a_benchmark(self):
        path = self.folder / "trace.json"
        self.assert_ok(earshot("bench", TINY, "--repeats", 1, "--tokens", 3, "--trace", path))
        _, runs = self.check_trace(path)
        # Each step twice, the first time to warm up: encode, with features, for the first token. After a prefill, 3 tokens.
        self.assertEqual(runs.count("encode"), 6)
        self.assertEqual(runs.count("decode"), 2 + 2 * 2 + 1 + 3)

    def test_that_cannot_be_written_is_refused_before_the_work(self):
        path = self.folder / "none" / "trace.json"
        result = earshot("transcribe", "--model", TINY, BECKETT, "--trace", path)
        self.assert_fails(result, 1, path)
        self.assertEqual(result.stdout, "")
        self.assert_fails(earshot("bench", TINY, "--trace", path), 1, path)


class Help(EarshotTest):

    def test_version(self):
        result = earshot("--version", threads=None)
        self.assert_ok(result)
        self.assertRegex(result.stdout, r"^earshot \d+\.\d+\.\d+\n$")

    def test_help_of_every_command(self):
        top = earshot("--help", threads=None)
        self.assert_ok(top)
        for name in ("transcribe", "inspect", "bench", "evaluate"):
            self.assertIn(name, top.stdout)
            result = earshot(name, "--help", threads=None)
            self.assert_ok(result)
            self.assertIn("--threads", result.stdout)
            self.assertEqual(result.stderr, "")

    def test_nothing_asked_for(self):
        result = earshot()
        self.assertEqual(result.returncode, 2)
        self.assertIn("transcribe", result.stderr)

    def test_options_that_the_manual_promises(self):
        text = earshot("transcribe", "--help", threads=None).stdout
        for option in ("--model", "--format", "--output-dir", "--language", "--task", "--threads", "--no-timestamps", "--quiet"):
            self.assertTrue(re.search(rf"(?<![\w-]){option}(?![\w-])", text), option)

    def test_a_reader_that_leaves_early(self):
        reader, writer = os.pipe()
        os.close(reader)  # before the start: what fits into a pipe nobody reads would look like success
        try:
            process = subprocess.run(command("inspect", TINY), stdout=writer, stderr=subprocess.PIPE, check=False)
        finally:
            os.close(writer)
        self.assertNotIn("error", process.stderr.decode())
        self.assertNotEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
