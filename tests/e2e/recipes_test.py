#!/usr/bin/env python3
"""The small trained models of models/recipes: converted, and evaluated as the training evaluated them."""

import json
import pathlib
import subprocess
import unittest

from support import BINARIES, EMULATOR, EarshotTest, earshot

RECIPES = pathlib.Path(__file__).resolve().parents[2] / "models" / "recipes"
# Cross-entropies are means over thousands of tokens of logits that agree to some 1e-5.
CROSS_ENTROPY_TOLERANCE = 1e-4
# Where two tokens are equally likely but for rounding, one or the other is written, and what follows changes with it.
MAX_CHANGED_SEQUENCES = 2


class Recipes(EarshotTest):

    def convert(self, checkpoint, *options):
        model = self.folder / f"{checkpoint}.earshot"
        command = [*EMULATOR, str(BINARIES / "earshot-convert"), str(RECIPES / "checkpoints" / checkpoint), "-o", str(model), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return model, done.stdout

    def evaluate(self, checkpoint, pairs, weights="f32"):
        model, _ = self.convert(checkpoint, "--weights", weights, "--quiet")
        result = earshot("evaluate", "-m", model, "--pairs", RECIPES / "data" / pairs, "--json")
        self.assert_ok(result)
        return json.loads(result.stdout)

    def check_expected(self, checkpoint, pairs, kind):
        """The figures that the training wrote beside the weights."""
        expected = json.loads((RECIPES / "checkpoints" / checkpoint / "config.json").read_text())["expected_in_f32"]
        made = self.evaluate(checkpoint, pairs)
        self.assertEqual(made["kind"], kind)
        self.assertAlmostEqual(made["cross_entropy"], expected["cross_entropy"], delta=CROSS_ENTROPY_TOLERANCE)
        wrong = expected.get("wrong_words", expected.get("wrong_sequences"))
        self.assertAlmostEqual(made["wrong_sequences"], wrong, delta=MAX_CHANGED_SEQUENCES)
        if "phonemes" in expected:
            self.assertEqual(made["tokens"], expected["phonemes"])
            self.assertAlmostEqual(made["errors"], expected["phoneme_errors"], delta=5 * MAX_CHANGED_SEQUENCES)
        return made

    def test_encoder_decoders_agree_with_their_training(self):
        for checkpoint in ("g2p-plain", "g2p-scheduled"):
            with self.subTest(checkpoint):
                made = self.check_expected(checkpoint, "g2p_test.tsv", "autoregressive")
                self.assertAlmostEqual(made["exposure_gap"], made["token_error_rate"] - made["given_token_error_rate"])

    def test_models_that_write_all_at_once_agree_with_their_training(self):
        for checkpoint in ("g2p-ctc", "g2p-convolution"):
            with self.subTest(checkpoint):
                made = self.check_expected(checkpoint, "g2p_test.tsv", "non-autoregressive")
                self.assertNotIn("exposure_gap", made)

    def test_the_pointer_network_agrees_with_its_training(self):
        self.check_expected("sorting", "sorting_test.tsv", "pointer")

    def test_every_batch_norm_is_folded(self):
        model, report = self.convert("g2p-convolution", "--weights", "int8", "--report")
        self.assertIn("5 of 5 folded", report)
        self.assertNotIn("ScaleShift", earshot("inspect", model).stdout)

    def test_wrong_pairs_are_explained(self):
        model, _ = self.convert("g2p-ctc", "--quiet")
        pairs = self.folder / "pairs.tsv"
        pairs.write_text("source\ttarget\nc a t\tK AE T\nc 4 t\tK AE T\n")
        self.assert_fails(earshot("evaluate", "-m", model, "--pairs", pairs), 1, "row 2", "does not know the token", "4")
        pairs.write_text("source\ttarget\n" + "a " * 60 + "\tK\n")
        self.assert_fails(earshot("evaluate", "-m", model, "--pairs", pairs), 1, "row 1")
        self.assert_fails(earshot("evaluate", "-m", model, "--pairs", self.folder / "none.tsv"), 1, "none.tsv")

    def test_texts_are_written(self):
        model, _ = self.convert("g2p-plain", "--quiet")
        texts = self.folder / "texts.tsv"
        self.assert_ok(earshot("evaluate", "-m", model, "--pairs", RECIPES / "data" / "g2p_test.tsv", "--limit", 3, "-o", texts))
        lines = texts.read_text().splitlines()
        self.assertEqual(lines[0], "source\ttarget\ttext")
        self.assertEqual(len(lines), 4)


if __name__ == "__main__":
    unittest.main()
