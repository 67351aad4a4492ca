#!/usr/bin/env python3
"""earshot-convert: what it refuses, and that it leaves the checkpoint alone."""

import os
import subprocess
import unittest

import checkpoint
from support import BINARIES, EMULATOR, EarshotTest, earshot


def convert(*arguments):
    return subprocess.run([*EMULATOR, str(BINARIES / "earshot-convert"), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)


class ConvertTest(EarshotTest):

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


if __name__ == "__main__":
    unittest.main()
