#!/usr/bin/env python3
"""earshot pack, and what the other commands make of its files."""

import json
import os
import shutil
import unittest

from support import BECKETT, BECKETT_WORDS, EMULATOR, TINY, EarshotTest, earshot


class PackTest(EarshotTest):

    def setUp(self):
        super().setUp()
        self.model = self.folder / "tiny.earshot"
        self.model.symlink_to(TINY)

    def pack(self, *arguments):
        """The one file that was made beside the model."""
        before = set(self.folder.iterdir())
        self.assert_ok(earshot("pack", self.model, *arguments, threads=None))
        path, = set(self.folder.iterdir()) - before
        return path

    def transcribe(self, *arguments):
        return earshot("transcribe", "--model", self.model, BECKETT, "--format", "json", *arguments)

    def change(self, path, offset):
        with open(path, "r+b") as file:
            file.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))


class Use(PackTest):

    def test_results_are_the_same_with_packed_weights_and_they_are_found(self):
        plain = self.transcribe()
        self.assert_ok(plain)
        self.assert_has_words(plain.stdout, BECKETT_WORDS[:3])
        path = self.pack()
        self.assertRegex(path.name, r"^tiny\.earshot\.packed-[0-9a-f]{8}$")
        packed = self.transcribe()
        self.assert_ok(packed)
        self.assertEqual(packed.stdout, plain.stdout)
        self.assertNotIn("warning", packed.stderr)
        memory = {choice: json.loads(earshot("inspect", self.model, "--json", "--packed-weights", choice).stdout)["memory"]
                  for choice in ("auto", "none")}
        self.assertEqual(memory["auto"]["packed_file_bytes"], path.stat().st_size)
        self.assertEqual(memory["none"]["packed_file_bytes"], 0)
        self.assertLess(memory["auto"]["persistent_bytes"], memory["none"]["persistent_bytes"])

    def test_packing_again_gives_the_same_file(self):
        path = self.pack()
        content = path.read_bytes()
        again = self.pack("--output", self.folder / "again")
        self.assertEqual(again.read_bytes(), content)
        self.assertEqual(earshot("pack", self.model, threads=None).stdout.split(":")[0], str(path))
        self.assertEqual(path.read_bytes(), content)

    def test_a_file_elsewhere_is_used_when_it_is_named(self):
        path = self.pack("--output", self.folder / "elsewhere")
        self.assertEqual(self.transcribe().stdout, self.transcribe("--packed-weights", path).stdout)
        report = json.loads(earshot("bench", self.model, "--repeats", 1, "--tokens", 2, "--json", "--packed-weights", path).stdout)
        self.assertEqual(report["packed_weights"], str(path))

    @unittest.skipIf(EMULATOR, "an emulator needs memory of its own")
    def test_peak_memory_is_not_higher(self):
        path = self.pack()
        peaks = {}
        for choice in (path, "none"):
            report = earshot("bench", self.model, "--repeats", 1, "--tokens", 2, "--json", "--packed-weights", choice)
            self.assert_ok(report)
            peaks[choice] = json.loads(report.stdout)["memory"]["process_peak_bytes"]
        # The weights must not be there twice. Pages of a file that was just written come 2 MB at once.
        self.assertLess(peaks[path], peaks["none"] + path.stat().st_size / 2)


class Refused(PackTest):

    def test_damaged_weights_are_left_alone_with_a_warning_or_refused_when_named(self):
        plain = self.transcribe().stdout
        path = self.pack()
        for offset in (20, 70, 5000, -1000):
            with self.subTest(offset=offset):
                self.change(path, offset)
                found = self.transcribe()
                self.assert_ok(found)
                self.assertEqual(found.stdout, plain)
                warning, = (line for line in found.stderr.splitlines() if "warning" in line)
                for word in (str(path), f"earshot pack {self.model}"):
                    self.assertIn(word, warning)
                self.assert_fails(self.transcribe("--packed-weights", path), 1, path, "earshot pack")
                self.change(path, offset)
        self.assertNotIn("warning", self.transcribe().stderr)

    def test_a_file_cut_short_or_of_another_kind(self):
        path = self.pack()
        content = path.read_bytes()
        for wrong in (content[:-1], content[:100], b"", b"notes\n", content + b"0"):
            path.write_bytes(wrong)
            self.assert_fails(self.transcribe("--packed-weights", path), 1, path)
            result = self.transcribe()
            self.assert_ok(result)
            self.assertIn("warning", result.stderr)

    def test_a_missing_file_is_an_error_only_when_named(self):
        self.assert_fails(self.transcribe("--packed-weights", self.folder / "none-such"), 1, "none-such")
        self.assertNotIn("warning", self.transcribe().stderr)

    def test_the_model_is_not_replaced_nor_is_anything_left_behind(self):
        self.assert_fails(earshot("pack", self.model, "-o", self.model, threads=None), 2, "replace")
        self.assert_fails(earshot("pack", BECKETT, threads=None), 1, BECKETT)
        self.assert_fails(earshot("pack", self.model, "-o", self.folder / "no" / "where", threads=None), 1, "where")
        self.assertEqual(list(self.folder.iterdir()), [self.model])

    def test_damaged_models_are_not_packed_and_inspect_tells(self):
        self.assertIn(", right", earshot("inspect", self.model).stdout)
        self.model.unlink()
        shutil.copy(TINY, self.model)
        self.change(self.model, -1_000_000)
        self.assert_fails(earshot("pack", self.model, threads=None), 1, self.model, "damaged", "checksum")
        self.assert_fails(earshot("inspect", self.model), 1, self.model, "damaged", "checksum")


if __name__ == "__main__":
    unittest.main()
