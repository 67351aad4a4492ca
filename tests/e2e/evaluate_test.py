#!/usr/bin/env python3
"""earshot evaluate on a small manifest."""

import csv
import json
import shutil
import unittest

from support import BECKETT, CITIES, TINY, EarshotTest, earshot

BECKETT_TEXT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."


class Evaluate(EarshotTest):

    def setUp(self):
        super().setUp()
        (self.folder / "clips").mkdir()
        shutil.copy(BECKETT, self.folder / "clips" / "beckett.wav")
        self.manifest = self.folder / "clips.tsv"
        # The second transcript has one word too many for what is said ("really"), the third clip is in another language.
        self.write_manifest([("right", "clips/beckett.wav", "en", BECKETT_TEXT, "stage"),
                             ("wrong", "clips/beckett.wav", "en", BECKETT_TEXT.replace("No matter", "No matter really"), "book"),
                             ("other", "clips/beckett.wav", "de", "Immer versucht.", "stage")])

    def write_manifest(self, rows):
        lines = [("id", "file", "language", "transcript", "source"), *rows]
        self.manifest.write_text("".join("\t".join(line) + "\n" for line in lines))

    def evaluate(self, *arguments):
        return earshot("evaluate", "--model", TINY, "--manifest", self.manifest, *arguments)

    def test_counts_and_groups(self):
        result = self.evaluate("--json", "--language", "en")
        self.assert_ok(result)
        report = json.loads(result.stdout)
        right, wrong = report["clips"]
        self.assertEqual((right["id"], right["substitutions"], right["insertions"], right["deletions"]), ("right", 0, 0, 0))
        self.assertEqual((wrong["id"], wrong["substitutions"], wrong["insertions"], wrong["deletions"]), ("wrong", 0, 0, 1))
        self.assertEqual(right["reference_tokens"], 12)
        total, = report["totals"]
        self.assertAlmostEqual(total["rate"], 1 / 25)
        self.assertEqual(total["metric"], "WER")
        low, high = total["interval_95"]
        # Resamples of two clips hold none, one or two of the clip with the error.
        self.assertAlmostEqual(low, 0)
        self.assertAlmostEqual(high, 2 / 26)
        self.assertAlmostEqual(total["audio_s"], 2 * 9.963, delta=0.02)
        self.assertEqual({source["name"]: source["deletions"] for source in report["sources"]}, {"stage": 0, "book": 1})

    def test_text(self):
        result = self.evaluate()
        self.assert_ok(result)
        self.assertIn("WER 4.00 %", result.stdout)
        self.assertIn("25 words: 0 substitutions, 0 insertions, 1 deletions", result.stdout)
        self.assertIn("book", result.stdout)
        self.assertIn("1 clips are left out", result.stderr)  # the model knows English only

    def test_summary_and_limit(self):
        result = self.evaluate("--summary", "--limit", 1, "--quiet")
        self.assert_ok(result)
        self.assertEqual(result.stderr, "")
        self.assertIn("WER 0.00 %", result.stdout)
        self.assertIn("12 words", result.stdout)
        self.assertNotIn("right", result.stdout)

    def test_output_can_be_compared_with(self):
        output = self.folder / "hyp.tsv"
        self.assert_ok(self.evaluate("--language", "en", "--output", output))
        with open(output, newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        self.assertEqual([row["id"] for row in rows], ["right", "wrong"])
        self.assertEqual(rows[0]["reference"], "ever tried ever failed no matter try again fail again fail better")
        self.assertEqual(rows[1]["deletions"], "1")
        self.assertGreater(float(rows[0]["seconds"]), 0)

        result = self.evaluate("--language", "en", "--compare", output)
        self.assert_ok(result)
        self.assertIn("difference 0.00 points", result.stdout)
        self.assertIn("may be chance", result.stdout)

        worse = self.folder / "worse.tsv"
        worse.write_text("id\ttext\nright\tnothing of this\nwrong\tnothing of this\n")
        result = self.evaluate("--language", "en", "--compare", worse)
        self.assert_ok(result)
        self.assertIn("beyond chance", result.stdout)

    def test_spelling_makes_british_words_american(self):
        table = self.folder / "spelling.json"
        table.write_text('{"matter": "no"}')  # both sides alike: the counts stay as they are
        self.assert_ok(self.evaluate("--language", "en", "--spelling", table))
        table.write_text("[]")
        self.assert_fails(self.evaluate("--spelling", table), 1, table)

    def test_a_missing_clip_is_reported_and_the_others_count(self):
        self.write_manifest([("right", "clips/beckett.wav", "en", BECKETT_TEXT, ""), ("gone", "clips/gone.wav", "en", "x", "")])
        result = self.evaluate()
        self.assert_fails(result, 1, "gone.wav", "1 clips failed")
        self.assertIn("WER 0.00 %", result.stdout)

    def test_clips_without_words_in_their_transcript_are_left_out(self):
        self.write_manifest([("silent", "clips/beckett.wav", "en", "", ""), ("signs", "clips/beckett.wav", "en", "?!", ""),
                             ("right", "clips/beckett.wav", "en", BECKETT_TEXT, "")])
        result = self.evaluate("--json")
        self.assert_ok(result)
        self.assertEqual([clip["id"] for clip in json.loads(result.stdout)["clips"]], ["right"])
        self.assertIn('warning: 2 clips are left out, "silent" for example: their transcripts have no words', result.stderr)
        self.write_manifest([("silent", "clips/beckett.wav", "en", "", "")])
        self.assert_fails(self.evaluate(), 1, self.manifest, "no clip to evaluate")

    def test_no_input_is_replaced_by_the_output(self):
        table, model = self.folder / "texts.tsv", self.folder / "model.earshot"
        table.write_text("id\ttext\n")
        model.symlink_to(TINY)
        clip = self.folder / "clips" / "beckett.wav"
        more = ("--compare", table, "--spelling", self.folder / "link.tsv")
        (self.folder / "link.tsv").symlink_to(table)
        for path in (self.manifest, table, model, clip):
            with self.subTest(path=path):
                before = path.read_bytes()
                self.assert_fails(self.evaluate("--output", path, *more), 2, "replace the input", path)
                self.assertEqual(path.read_bytes(), before)

    def test_errors(self):
        self.assert_fails(earshot("evaluate", "--model", TINY, "--manifest", "no-such.tsv"), 1, "no-such.tsv")
        self.assert_fails(self.evaluate("--language", "xx"), 1, self.manifest)
        self.assert_fails(self.evaluate("--language", "en", "--output", self.folder / "no" / "such" / "dir.tsv"), 1, "dir.tsv")
        self.manifest.write_text("name\tfile\n")
        self.assert_fails(self.evaluate(), 1, self.manifest, '"id"')


if __name__ == "__main__":
    unittest.main()
