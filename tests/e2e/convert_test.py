#!/usr/bin/env python3
"""earshot-convert: what it refuses, and that it leaves the checkpoint alone."""

import array
import json
import os
import subprocess
import unittest

import checkpoint
from support import BECKETT, BECKETT_WORDS, BINARIES, EMULATOR, SPEECH, EarshotTest, earshot, write_wav


def convert(*arguments):
    return subprocess.run([*EMULATOR, str(BINARIES / "earshot-convert"), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)


class ConvertTest(EarshotTest):

    program = "earshot-convert"

    def setUp(self):
        super().setUp()
        self.checkpoint = checkpoint.write(self.folder / "own")
        self.output = self.folder / "own.earshot"


class Outputs(ConvertTest):

    def test_a_model_is_made_and_runs(self):
        result = convert(self.checkpoint, "-o", self.output)
        self.assert_ok(result)
        self.assertIn("own.earshot: ", result.stdout)
        self.assert_ok(earshot("inspect", self.output))

    def test_files_of_the_checkpoint_are_not_replaced(self):
        (self.folder / "symbolic").symlink_to(self.checkpoint / "model.safetensors")
        os.link(self.checkpoint / "config.json", self.folder / "hard")
        before = {path: path.read_bytes() for path in self.checkpoint.iterdir()}
        for output in (*before, self.folder / "symbolic", self.folder / "hard"):
            with self.subTest(output=output):
                self.assert_fails(convert(self.checkpoint, "-o", output), 2, output, "replace the input")
        self.assertEqual({path: path.read_bytes() for path in self.checkpoint.iterdir()}, before)

    def test_a_model_beside_the_checkpoint_is_replaced_by_a_new_one(self):
        output = self.checkpoint / "model.earshot"
        self.assert_ok(convert(self.checkpoint, "-o", output))
        first = output.read_bytes()
        self.assert_ok(convert(self.checkpoint, "-o", output, "--weights", "f32"))
        self.assertNotEqual(output.read_bytes(), first)
        output.write_text("notes")
        self.assert_fails(convert(self.checkpoint, "-o", output), 2, output)


class Checkpoints(ConvertTest):

    def assert_refused(self, *words):
        self.assert_fails(convert(self.checkpoint, "-o", self.output), 1, *words)
        self.assertFalse(self.output.exists())

    def change_header(self, change):
        """Applies a function to the text of the header of the weights."""
        path = self.checkpoint / "model.safetensors"
        content = path.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        header = change(content[8:end].decode()).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + content[end:])

    def test_a_hole_in_the_vocabulary(self):
        tokenizer = checkpoint.tokenizer()
        del tokenizer["model"]["vocab"]["c"]
        (self.checkpoint / "tokenizer.json").write_text(json.dumps(tokenizer))
        self.assert_refused("tokenizer.json", "id 2;")

    def test_whole_numbers_as_weights(self):
        self.change_header(lambda header: header.replace("F32", "I32", 1))
        self.assert_refused("model.encoder.conv1.weight", "I32")

    def test_two_tensors_of_one_name(self):
        self.change_header(lambda header: header.replace("conv1.weight", "conv1.bias", 1))
        self.assert_refused("model.safetensors", "model.encoder.conv1.bias", "twice")

    def test_a_pointer_of_git_lfs(self):
        (self.checkpoint / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
        self.assert_refused("model.safetensors", "git lfs pull")


class EncoderAttention(ConvertTest):

    def attention(self):
        """What inspect says of the encoder's attention, layer by layer."""
        result = earshot("inspect", self.output, "--json")
        self.assert_ok(result)
        model = json.loads(result.stdout)
        encode, = (method for method in model["methods"] if method["name"] == "encode")
        return model["metadata"], [op["attributes"] for op in encode["ops"] if op["op"] == "Attention"]

    def noise(self, name="noise.wav", seconds=4):
        path = self.folder / name
        write_wav(path, 16000, array.array("h", ((7919 * i) % 1001 for i in range(seconds * 16000))))
        return path

    def test_patterns_are_kept_in_the_file_and_run(self):
        for option, noted, text in (("full", "full", "2 heads, full"), ("local:8", "local:8", "2 heads: local:8"),
                                    ("0.1=local:4:0+pooled:8;*=local:8+pooled:4",
                                     "0.0=local:8+pooled:4;0.1=local:4:0+pooled:8",
                                     "2 heads: 0 local:8+pooled:4, 1 local:4:0+pooled:8"),
                                    ("0.1=strided:8:3+local:2", "0.1=strided:8:3+local:2",
                                     "2 heads: 0 full, 1 strided:8:3+local:2")):
            with self.subTest(option=option):
                self.assert_ok(convert(self.checkpoint, "-o", self.output, "--encoder-attention", option, "--weights", "f32"))
                metadata, attention = self.attention()
                self.assertEqual(metadata["encoder_attention"], noted)
                self.assertEqual(attention, [text])
                self.assert_ok(earshot("transcribe", "--model", self.output, self.noise()))
                self.assert_ok(convert(self.checkpoint, "-o", self.folder / "again.earshot", "--encoder-attention", noted,
                                       "--weights", "f32"))
                self.assertEqual((self.folder / "again.earshot").read_bytes(), self.output.read_bytes())

    def test_arithmetic_and_pattern_are_two_options(self):
        self.assert_ok(convert(self.checkpoint, "-o", self.output, "--encoder-attention", "local:8"))
        self.assertEqual(self.attention()[1], ["2 heads: local:8, int8"])
        self.assert_ok(convert(self.checkpoint, "-o", self.output, "--encoder-attention", "local:8",
                               "--encoder-attention-arithmetic", "f32"))
        metadata, attention = self.attention()
        self.assertEqual(attention, ["2 heads: local:8"])
        self.assertEqual(metadata["encoder_attention_arithmetic"], "f32")

    def test_patterns_that_cannot_be(self):
        for pattern, word in (("lokal:8", "lokal:8"), ("local:-1", "-1"), ("strided:0", "at least 1"), ("x=full", "LAYER"), ("int8", "int8")):
            self.assert_fails(convert(self.checkpoint, "-o", self.output, "--encoder-attention", pattern), 2, word)
        for pattern, word in (("1=full", "no layer 1"), ("0.2=full", "no head 2")):
            self.assert_fails(convert(self.checkpoint, "-o", self.output, "--encoder-attention", pattern), 1, word)
        self.assertFalse(self.output.exists())

    def test_patterns_are_measured_on_recordings(self):
        folder = self.folder / "speech"
        folder.mkdir()
        self.noise("speech/one.wav")
        self.noise("speech/two.wav", 3)
        auto = ("--encoder-attention", "auto", "--max-output-error", 0.5, "--min-agreement", 0.5)
        result = convert(self.checkpoint, "-o", self.output, *auto, "--calibration-audio", folder, "--report")
        self.assert_ok(result)
        metadata, attention = self.attention()
        self.assertIn(f"--encoder-attention '{metadata['encoder_attention']}'", result.stdout)
        self.assertIn("of the keys; encoder output off by", result.stdout)
        self.assertNotEqual(attention, ["2 heads, full, int8"])
        again = self.folder / "again.earshot"
        self.assert_ok(convert(self.checkpoint, "-o", again, "--encoder-attention", metadata["encoder_attention"]))
        self.assertEqual(again.read_bytes(), self.output.read_bytes())

    def test_a_real_model_with_a_pattern_hears_as_well(self):
        self.assert_ok(convert(SPEECH.parent / "whisper-tiny.en", "-o", self.output,
                               "--encoder-attention", "0.0-1=local:16;*=local:64+pooled:16"))
        self.assertEqual(self.attention()[1],
                         ["6 heads: 0-1 local:16, 2-5 local:64+pooled:16, int8"] + ["6 heads: local:64+pooled:16, int8"] * 3)
        for whole_windows in ((), ("--margin", 30)):
            result = earshot("transcribe", "--model", self.output, BECKETT, *whole_windows)
            self.assert_ok(result)
            self.assert_has_words(result.stdout, BECKETT_WORDS)

    def test_int4_weights_are_chosen_for_speech(self):
        plain = self.folder / "plain.earshot"
        self.assert_ok(convert(self.checkpoint, "-o", plain, "--weights", "int4"))
        calibrated = ("--weights", "int4", "--calibration-audio", self.noise())
        result = convert(self.checkpoint, "-o", self.output, *calibrated, "--report")
        self.assert_ok(result)
        self.assertIn("calibrated", result.stdout)
        self.assertEqual(self.attention()[0]["weights_calibration"], "speech")
        self.assertEqual(self.output.stat().st_size // 1000, plain.stat().st_size // 1000)
        self.assertNotEqual(self.output.read_bytes(), plain.read_bytes())
        self.assert_ok(earshot("transcribe", "--model", self.output, self.noise()))
        self.assert_fails(convert(self.checkpoint, "-o", self.output, "--weights", "int4", "--calibration-audio",
                                  self.folder / "no-such.wav"), 1, "no-such.wav")

    def test_measuring_wants_recordings_and_nothing_else_does(self):
        self.assert_fails(convert(self.checkpoint, "-o", self.output, "--encoder-attention", "auto"), 2, "--calibration-audio")
        self.assert_fails(convert(self.checkpoint, "-o", self.output, "--calibration-audio", self.noise()), 2, "auto")
        self.assert_fails(convert(self.checkpoint, "-o", self.output, "--encoder-attention", "auto", "--calibration-audio",
                                  self.folder / "no-such.wav"), 1, "no-such.wav")
        self.assert_fails(convert(self.checkpoint, "-o", self.output, "--encoder-attention", "auto", "--calibration-audio",
                                  self.checkpoint), 1, "no speech")


class Options(ConvertTest):

    def test_wrong_command_lines(self):
        for arguments, word in (((), "input is required"), ((self.checkpoint,), "--output is required"),
                                (("--foo",), "--foo"), ((self.checkpoint, "-o", self.output, "--foo"), "--foo"),
                                ((self.checkpoint, "-o", self.output, "--weights", "int3"), "int3")):
            with self.subTest(arguments=arguments):
                result = convert(*arguments)
                self.assert_fails(result, 2, word, "see: earshot-convert --help")
                self.assertEqual(result.stdout, "")
        self.assertIn("--weights", convert("--help").stdout)
        self.assertRegex(convert("--version").stdout, r"^earshot-convert [\d.]+$")

    def test_outputs_that_cannot_be(self):
        link = self.folder / "link.earshot"
        link.symlink_to(self.folder / "nothing")
        self.assert_fails(convert(self.checkpoint, "-o", link), 1, link, "is a link to a file that does not exist")
        self.assert_fails(convert(self.checkpoint, "-o", "/dev/stdout"), 1, "/dev/stdout", "not a regular file")
        self.assert_fails(convert(self.checkpoint, "-o", self.folder / "no" / "such"), 1, "create the directory first")

    def test_limits_leave_room_to_work(self):
        recording = self.folder / "noise.wav"
        write_wav(recording, 16000, array.array("h", ((7919 * i) % 1001 for i in range(3 * 16000))))
        self.assert_ok(convert(self.checkpoint, "-o", self.output, "--max-text-tokens", 16, "--max-audio-frames", 100))
        self.assert_ok(earshot("transcribe", "--model", self.output, recording))
        for option, length, bound in (("--max-text-tokens", 15, "16 tokens"), ("--max-audio-frames", 99, "100 frames"),
                                      ("--max-text-tokens", "x", "16 tokens"), ("--max-audio-frames", -1, "100 frames")):
            self.assert_fails(convert(self.checkpoint, "-o", self.output, option, length), 2, option, length, bound)
        for option, length in (("--max-text-tokens", 33), ("--max-audio-frames", 201)):
            self.assert_fails(convert(self.checkpoint, "-o", self.output, option, length), 1, length)

    def test_patterns_without_effect_are_named(self):
        for more in (("--weights", "int4", "--keep-int8", "decoder.*.ffn.*"), ("--vocabulary-weights", "int4", "--keep-int8", "decoder.embedding.*")):
            with self.subTest(more=more):
                self.assert_ok(convert(self.checkpoint, "-o", self.output, *more))
        self.assert_fails(convert(self.checkpoint, "-o", self.output, "--keep-int8", "zzz"), 2, '"zzz"', "int4")
        self.assert_fails(convert(self.checkpoint, "-o", self.output, "--weights", "int4", "--keep-int8", "zzz"), 1, '"zzz"')


if __name__ == "__main__":
    unittest.main()
