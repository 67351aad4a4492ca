#!/usr/bin/env python3
"""CTC models through the shipped programs: directories as transformers writes them, made of the random weights of
reference cases; transcribed, evaluated, measured."""

import array
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import unittest

from support import BINARIES, EMULATOR, EarshotTest, earshot, tensors, write_float_wav, write_wav

CASES = pathlib.Path(os.environ["EARSHOT_SHARED_DIR"]) / "zoo" / "cases"


def collapsed(logits, rows, cols, blank):
    """The labels that a greedy decoder reads from logits."""
    labels, last = [], blank
    for row in range(rows):
        frame = logits[row * cols:(row + 1) * cols]
        best = max(range(cols), key=frame.__getitem__)
        if best not in (blank, last):
            labels.append(best)
        last = best
    return labels


class CtcTest(EarshotTest):

    def directory(self, case, config, **texts):
        """A directory with the weights of a case."""
        path = self.folder / case
        path.mkdir()
        shutil.copyfile(CASES / case / "model.safetensors", path / "model.safetensors")
        (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        for name, content in texts.items():
            (path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        return path

    def convert(self, directory):
        model = self.folder / (directory.name + ".earshot")
        result = subprocess.run([*EMULATOR, str(BINARIES / "earshot-convert"), str(directory), "-o", str(model), "--weights", "f32"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300,
                                check=False)
        self.assert_ok(result)
        return model

    def waveform_model(self, case, model_type, normalizes):
        """The model file, and the characters of its vocabulary."""
        hparams = json.loads((CASES / case / "config.json").read_text(encoding="utf-8"))["hparams"]
        size = hparams["vocab_size"]
        characters = ["<pad>", "|"] + [chr(ord("A") + i) for i in range(size - 2)]
        config = {**{key: value for key, value in hparams.items() if key != "blank"}, "model_type": model_type, "pad_token_id": 0}
        directory = self.directory(case, config, vocab={token: id for id, token in enumerate(characters)},
                                   preprocessor_config={"do_normalize": normalizes, "sampling_rate": 16000})
        return self.convert(directory), ["", " ", *characters[2:]]

    def check_text(self, case, model_type):
        model, characters = self.waveform_model(case, model_type, normalizes=False)
        (_, count), samples = tensors(CASES / case / "inputs.safetensors")["input_values"]
        (_, rows, cols), logits = tensors(CASES / case / "expected.safetensors")["logits_nomask_row0"]
        audio = self.folder / "audio.wav"
        write_float_wav(audio, samples[:count])
        expected = "".join(characters[label] for label in collapsed(logits, rows, cols, 0))
        result = earshot("transcribe", "--model", model, audio)
        self.assert_ok(result)
        self.assertEqual(result.stdout.split(), expected.split())
        self.assertTrue(expected.strip())
        return model, audio

    def noise(self, seconds):
        generator = random.Random(1)
        path = self.folder / "noise.wav"
        write_wav(path, 16000, array.array("h", [generator.randrange(-9000, 9000) for _ in range(int(16000 * seconds))]))
        return path

    def test_wav2vec2_writes_what_the_expected_logits_say(self):
        model, audio = self.check_text("wav2vec2-ctc", "wav2vec2")
        result = earshot("transcribe", "--model", model, audio, "--format", "json")
        self.assert_ok(result)
        (segment,) = json.loads(result.stdout)["segments"]
        self.assertLess(segment["start"], segment["end"])
        self.assertLessEqual(segment["end"], 0.088)
        self.assert_fails(earshot("transcribe", "--model", model, audio, "--task", "translate"), 2, "translate")

    def test_wav2vec2_conformer_writes_what_the_expected_logits_say(self):
        self.check_text("wav2vec2conformer-relative", "wav2vec2-conformer")

    def test_normalized_audio_may_have_any_loudness(self):
        model, _ = self.waveform_model("wav2vec2-ctc", "wav2vec2", normalizes=True)
        texts = []
        for loudness in (0.05, 0.5):
            audio = self.folder / "tone.wav"
            write_float_wav(audio, [loudness * math.sin(0.05 * i) for i in range(16000)])
            texts.append(earshot("transcribe", "--model", model, audio).stdout)
        self.assertTrue(texts[0].strip())
        self.assertEqual(texts[0], texts[1])

    def test_a_long_recording_evaluation_and_bench(self):
        model, _ = self.waveform_model("wav2vec2-ctc", "wav2vec2", normalizes=True)
        audio = self.noise(5)  # longer than this network plans memory for
        result = earshot("transcribe", "--model", model, audio, "--format", "json")
        self.assert_ok(result)
        self.assertGreater(len(json.loads(result.stdout)["segments"]), 1)
        manifest = self.folder / "clips.tsv"
        manifest.write_text(f"id\tfile\tlanguage\ttranscript\nnoise\t{audio}\ten\tno words at all\n", encoding="utf-8")
        result = earshot("evaluate", "--model", model, "--manifest", manifest, "--summary")
        self.assert_ok(result)
        self.assertIn("WER", result.stdout)
        result = earshot("bench", model, "--audio", audio, "--repeats", 1)
        self.assert_ok(result)
        self.assertNotIn("prefill", result.stdout)
        self.assert_ok(earshot("inspect", model))

    def test_parakeet_hears_log_mel_features(self):
        hparams = json.loads((CASES / "parakeet-ctc" / "config.json").read_text(encoding="utf-8"))["hparams"]
        space = "\u2581"
        pieces = {f"{space}p{id}": id for id in range(1, 40)}
        tokenizer = {"added_tokens": [{"id": 0, "content": "<unk>", "special": True}, {"id": 40, "content": "<pad>", "special": True}],
                     "decoder": {"type": "Metaspace", "replacement": space},
                     "model": {"type": "BPE", "byte_fallback": True, "vocab": {"<unk>": 0, **pieces}, "merges": []}}
        config = {"model_type": "parakeet_ctc", "vocab_size": 41, "pad_token_id": 40, "encoder_config": hparams["encoder"]}
        model = self.convert(self.directory("parakeet-ctc", config, tokenizer=tokenizer))
        audio = self.noise(40)
        result = earshot("transcribe", "--model", model, audio, "--format", "json")
        self.assert_ok(result)
        document = json.loads(result.stdout)
        self.assertGreater(len(document["segments"]), 1)
        self.assertRegex(document["text"].strip(), "^p[0-9]+( p[0-9]+)*$")
        self.assertEqual(earshot("transcribe", "--model", model, audio, "--format", "json", threads=2).stdout, result.stdout)
        self.assert_ok(earshot("bench", model, "--repeats", 1))

    def test_a_model_without_a_vocabulary_says_so(self):
        model = self.convert(CASES / "wav2vec2-ctc")
        self.assert_fails(earshot("transcribe", "--model", model, self.noise(1)), 1, "vocabulary")


if __name__ == "__main__":
    unittest.main()
