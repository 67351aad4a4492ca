#!/usr/bin/env python3
"""A Hugging Face directory of Wav2Vec2, made of the tensors of a published case: converted and transcribed with, no flag needed.

The weights are random, and so is the text; it must be that of the likeliest tokens, which `earshot run` puts out.
"""

import array
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import unittest

from support import BECKETT, BINARIES, EMULATOR, EarshotTest, earshot, read_wav, write_wav

CASE = pathlib.Path(os.environ["EARSHOT_SHARED_DIR"]) / "zoo" / "cases" / "wav2vec2-ctc"
TOKENS = ["<pad>", "|", *(chr(ord("a") + i) for i in range(26)), "'", "-", "<s>", "</s>"]


def read_tensor(path, name):
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    begin, end = json.loads(content[8:8 + size])[name]["data_offsets"]
    values = array.array("i")
    values.frombytes(content[8 + size:][begin:end])
    return values.tolist()


def collapsed(best):
    text = ""
    for before, token in zip([0, *best], best):
        if token not in (0, before):
            text += "" if TOKENS[token].startswith("<") else TOKENS[token].replace("|", " ")
    return " ".join(text.split())


class Wav2Vec2(EarshotTest):

    def setUp(self):
        super().setUp()
        self.directory = self.folder / "checkpoint"
        self.directory.mkdir()
        shutil.copy(CASE / "model.safetensors", self.directory)
        settings = json.loads((CASE / "config.json").read_text())["hparams"]
        settings.update(model_type="wav2vec2", architectures=["Wav2Vec2ForCTC"], pad_token_id=settings.pop("blank"))
        self.write("config.json", settings)
        self.write("vocab.json", {token: index for index, token in enumerate(TOKENS)})
        self.rate, samples = read_wav(BECKETT)
        self.samples = samples[:self.rate]
        self.audio = self.folder / "clip.wav"
        write_wav(self.audio, self.rate, self.samples)

    def write(self, name, content):
        (self.directory / name).write_text(json.dumps(content))

    def convert(self):
        model = self.folder / "model.earshot"
        command = [*EMULATOR, str(BINARIES / "earshot-convert"), str(self.directory), "-o", str(model), "--weights", "f32", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return model

    def best_tokens(self, model, samples):
        given, made = self.folder / "in.safetensors", self.folder / "out.safetensors"
        data = array.array("f", samples).tobytes()
        header = json.dumps({"input_values": {"dtype": "F32", "shape": [len(samples), 1], "data_offsets": [0, len(data)]}}).encode()
        given.write_bytes(struct.pack("<Q", len(header)) + header + data)
        self.assert_ok(earshot("run", "--model", model, "--method", "forward", "--input", given, "--output", made))
        return read_tensor(made, "argmax")

    def test_the_text_is_that_of_the_likeliest_tokens(self):
        model = self.convert()
        expected = collapsed(self.best_tokens(model, [sample / 32768 for sample in self.samples]))
        self.assertTrue(expected)
        result = earshot("transcribe", "--model", model, self.audio)
        self.assert_ok(result)
        self.assertEqual(" ".join(result.stdout.split()), expected)

    def test_recordings_are_standardized_where_the_checkpoint_says_so(self):
        self.write("preprocessor_config.json", {"do_normalize": True, "feature_size": 1, "sampling_rate": 16000,
                                                "feature_extractor_type": "Wav2Vec2FeatureExtractor"})
        model = self.convert()
        samples = [sample / 32768 for sample in self.samples]
        mean = math.fsum(samples) / len(samples)
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in samples) / len(samples) + 1e-7)
        expected = collapsed(self.best_tokens(model, [(x - mean) / deviation for x in samples]))
        result = earshot("transcribe", "--model", model, self.audio)
        self.assert_ok(result)
        self.assertEqual(" ".join(result.stdout.split()), expected)

    def test_long_recordings_are_cut_and_empty_ones_have_no_text(self):
        model = self.convert()
        _, samples = read_wav(BECKETT)
        write_wav(self.audio, self.rate, samples * 5)
        result = earshot("transcribe", "--model", model, "--format", "json", self.audio)
        self.assert_ok(result)
        segments = json.loads(result.stdout)["segments"]
        self.assertGreater(len(segments), 1)
        for before, after in zip(segments, segments[1:]):
            self.assertLessEqual(before["end"], after["start"] + 1e-6)
        write_wav(self.audio, self.rate, samples[:20])
        result = earshot("transcribe", "--model", model, self.audio)
        self.assert_ok(result)
        self.assertEqual(result.stdout.strip(), "")

    def test_what_it_cannot_do_it_says(self):
        model = self.convert()
        self.assert_fails(earshot("transcribe", "--model", model, "--task", "translate", self.audio), 2, "cannot translate")


if __name__ == "__main__":
    unittest.main()
