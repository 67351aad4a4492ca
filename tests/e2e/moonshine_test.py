#!/usr/bin/env python3
"""Moonshine through the shipped programs: converted as it is downloaded, transcribed, evaluated, measured; what it refuses."""

import array
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from support import (BECKETT, BECKETT_WORDS, BINARIES, CITIES, CITIES_WORDS, EMULATOR, MODELS, EarshotTest, earshot, tensors, write_float_wav,
                     write_wav)

CHECKPOINT = pathlib.Path(os.environ["EARSHOT_SHARED_DIR"]) / "checkpoints" / "moonshine-tiny"
MODEL = str(MODELS / "moonshine-tiny.int8.earshot")


def transcribe(*arguments, **options):
    return earshot("transcribe", "--model", MODEL, *arguments, **options)


def convert(*arguments):
    return subprocess.run([*EMULATOR, str(BINARIES / "earshot-convert"), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)


class Results(EarshotTest):

    def test_a_short_recording(self):
        result = transcribe(BECKETT)
        self.assert_ok(result)
        self.assert_has_words(result.stdout, BECKETT_WORDS)

    def test_a_long_recording_is_cut_where_it_is_quiet(self):
        result = transcribe(CITIES, "--format", "json")
        self.assert_ok(result)
        document = json.loads(result.stdout)
        self.assertEqual(document["language"], "en")
        self.assert_has_words(document["text"], CITIES_WORDS)
        segments = document["segments"]
        self.assertGreater(len(segments), 1)
        for before, after in zip(segments, segments[1:]):
            self.assertAlmostEqual(before["end"], after["start"], places=2)
            self.assertLess(before["end"] - before["start"], 30.001)

    def test_thread_counts_do_not_change_the_text(self):
        texts = [transcribe(CITIES, threads=threads).stdout for threads in (1, 2)]
        self.assertTrue(texts[0])
        self.assertEqual(texts[0], texts[1])

    def test_silence_and_tiny_clips_give_no_text(self):
        for seconds in (0.01, 0.2, 40):
            path = self.folder / "silence.wav"
            write_wav(path, 16000, array.array("h", [0]) * int(16000 * seconds))
            with self.subTest(seconds=seconds):
                result = transcribe(path)
                self.assert_ok(result)
                self.assertEqual(result.stdout.strip(), "")

    def test_a_clip_shorter_than_the_front_end_reaches_is_heard(self):
        path = self.folder / "short.wav"
        write_wav(path, 16000, array.array("h", [(i * 37) % 2000 - 1000 for i in range(1650)]))
        self.assert_ok(transcribe(path))

    def test_evaluate_and_bench_and_inspect_need_no_flag(self):
        manifest = self.folder / "clips.tsv"
        manifest.write_text("id\tfile\tlanguage\ttranscript\n"
                            f"beckett\t{BECKETT}\ten\tever tried ever failed no matter try again fail again fail better\n",
                            encoding="utf-8")
        result = earshot("evaluate", "--model", MODEL, "--manifest", manifest, "--summary")
        self.assert_ok(result)
        self.assertIn("WER", result.stdout)
        result = earshot("bench", MODEL, "--audio", BECKETT, "--repeats", 1)
        self.assert_ok(result)
        self.assertIn("moonshine", earshot("inspect", MODEL).stdout)

    def test_what_it_does_not_know_is_refused(self):
        self.assert_fails(transcribe(BECKETT, "--language", "de"), 2, "only English")
        self.assert_fails(transcribe(BECKETT, "--task", "translate"), 2, "translate")


class Streaming(EarshotTest):
    """The random weights of the reference case: what comes out is no text, but it must be what the networks say."""

    CASE = pathlib.Path(os.environ["EARSHOT_SHARED_DIR"]) / "zoo" / "cases" / "moonshine-streaming"

    def setUp(self):
        super().setUp()
        hparams = json.loads((self.CASE / "config.json").read_text(encoding="utf-8"))["hparams"]
        encoder = hparams.pop("encoder")
        checkpoint = self.folder / "checkpoint"
        checkpoint.mkdir()
        shutil.copyfile(self.CASE / "model.safetensors", checkpoint / "model.safetensors")
        config = {**hparams, "model_type": "moonshine_streaming", "max_position_embeddings": 512, "encoder_config": encoder}
        space = "\u2581"
        vocab = {"</s>": 2, **{f"{space}w{id}": id for id in range(70) if id != 2}}
        tokenizer = {"added_tokens": [{"id": 2, "content": "</s>", "special": True}],
                     "decoder": {"type": "Metaspace", "replacement": space},
                     "model": {"type": "BPE", "byte_fallback": True, "vocab": vocab, "merges": []}}
        for name, content in (("config", config), ("tokenizer", tokenizer)):
            (checkpoint / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        self.model = self.folder / "streaming.earshot"
        self.assert_ok(convert(checkpoint, "-o", self.model, "--weights", "f32"))

    def test_text_begins_with_the_tokens_of_the_reference(self):
        # The row that fills the batch: of the other one the reference hears padding, too.
        (_, count), samples = tensors(self.CASE / "inputs.safetensors")["input_values"]
        (_, steps), tokens = tensors(self.CASE / "expected.safetensors", "I64")["greedy_tokens"]
        audio = self.folder / "audio.wav"
        write_float_wav(audio, samples[:count])
        result = earshot("transcribe", "--model", self.model, audio, "--no-loop-guard")
        self.assert_ok(result)
        self.assertEqual(result.stdout.split()[:steps], [f"w{token}" for token in tokens[:steps]])

    def test_a_long_recording_evaluate_and_bench(self):
        result = earshot("transcribe", "--model", self.model, CITIES, "--format", "json")
        self.assert_ok(result)
        self.assertGreater(len(json.loads(result.stdout)["segments"]), 5)  # there is room for 2.5 s
        self.assertEqual(earshot("transcribe", "--model", self.model, CITIES, "--format", "json", threads=2).stdout, result.stdout)
        manifest = self.folder / "clips.tsv"
        manifest.write_text(f"id\tfile\tlanguage\ttranscript\nbeckett\t{BECKETT}\ten\tever tried\n", encoding="utf-8")
        self.assert_ok(earshot("evaluate", "--model", self.model, "--manifest", manifest, "--summary"))
        self.assert_ok(earshot("bench", self.model, "--repeats", 1, "--audio", BECKETT))


class Checkpoints(EarshotTest):
    """Damaged or unknown directories."""

    program = "earshot-convert"

    def setUp(self):
        super().setUp()
        self.checkpoint = self.folder / "moonshine"
        self.checkpoint.mkdir()
        for file in CHECKPOINT.iterdir():
            if file.name == "model.safetensors":
                (self.checkpoint / file.name).symlink_to(file)
            else:
                shutil.copyfile(file, self.checkpoint / file.name)

    def change(self, file, **settings):
        path = self.checkpoint / file
        content = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**content, **settings}), encoding="utf-8")

    def assert_refused(self, *words):
        output = self.folder / "model.earshot"
        self.assert_fails(convert(self.checkpoint, "-o", output), 1, *words)
        self.assertFalse(output.exists())

    def test_settings_that_are_not_known_are_named(self):
        self.change("config.json", window_of_attention=7)
        self.assert_refused("config.json.window_of_attention")

    def test_settings_that_cannot_be_done_are_named(self):
        self.change("config.json", rope_scaling={"type": "linear", "factor": 2})
        self.assert_refused("rope_scaling", "scaled")

    def test_features_of_another_kind_are_refused(self):
        self.change("preprocessor_config.json", do_normalize=True)
        self.assert_refused("preprocessor_config.json", "do_normalize")

    def test_heads_that_do_not_fit_are_refused(self):
        self.change("config.json", encoder_num_attention_heads=7)
        self.assert_refused("288", "7 heads")

    def test_weights_of_another_size_are_refused(self):
        self.change("config.json", intermediate_size=1000)
        self.assert_refused("model.", "1000")

    def test_layers_too_few_for_the_weights_are_refused(self):
        self.change("config.json", encoder_num_hidden_layers=5)
        self.assert_refused("model.encoder.layers.5.")

    def test_what_is_calibrated_on_whispers_only_says_so(self):
        output = self.folder / "model.earshot"
        result = convert(self.checkpoint, "-o", output, "--weights", "int4", "--calibration-audio", BECKETT)
        self.assert_fails(result, 1, "--calibration-audio", "moonshine")

    def test_a_vocabulary_is_needed(self):
        (self.checkpoint / "tokenizer.json").unlink()
        self.assert_refused("tokenizer.json")

    def test_a_tokenizer_of_another_kind_is_refused(self):
        self.change("tokenizer.json", decoder={"type": "ByteLevel"})
        self.assert_refused("tokenizer.json", "ByteLevel")


if __name__ == "__main__":
    unittest.main()
