#!/usr/bin/env python3
"""The program on boards of different abilities, emulated: which kernels ran, and what was heard.

QEMU writes down every block of code that it translates, with the name of the function: a function that is listed was executed. QEMU
refuses instructions that its CPU does not have, so that a finished transcription is also one without any of these.
"""

import collections
import json
import os
import re
import unittest

from support import BECKETT, BECKETT_WORDS, EMULATOR, TINY, EarshotTest, earshot

DOT, MATRIX, PLAIN = "neondot", "neoni8mm", "neon_mlal"

# How the 8-bit matrix kernels are called that a CPU must use: XNNPACK's, or ours where there are no dot products.
OUR_DENSE_KERNEL = "MultiplyDenseInt8Neon"
# The kernels of attention for CPUs with dot products: of the encoder, and of keys and values for a token.
DOT_ATTENTION = {"MultiplyNeonDot", "MultiplyKeysNeonDot", "SumNeonDot"}
EXPECTED = {"cortex-a53": PLAIN, "cortex-a72": PLAIN, "cortex-a76": DOT, "cortex-a710": MATRIX, "cortex-a7": PLAIN}


def kernel_kind(function):
    """DOT, MATRIX or PLAIN; None for what is no matrix kernel for weights of 8 bits."""
    if OUR_DENSE_KERNEL in function:
        return PLAIN
    if not re.match(r"xnn_q[ds]8\w*_gemm_", function) or "_qc4w_" in function:
        return None
    return next((kind for kind in (MATRIX, DOT) if kind in function), "XNNPACK's multiply-add")


def vocabulary_kind(function):
    """The same for kernels of the vocabulary's leading 4 bits, which are XNNPACK's on every board."""
    if not function.startswith("xnn_qd8_f32_qc4w_gemm_"):
        return None
    return next((kind for kind in (MATRIX, DOT, PLAIN) if kind in function), "another")


def executed_functions(log):
    with open(log, encoding="utf-8", errors="replace") as file:
        return collections.Counter(line.split()[1] for line in file if re.match(r"IN: \S", line))


@unittest.skipUnless(EMULATOR, "needs an emulated CPU: the presets for other architectures")
class CpuKernels(EarshotTest):

    def setUp(self):
        super().setUp()
        self.cpu = os.environ.get("QEMU_CPU", "")
        self.assertIn(self.cpu, EXPECTED)

    def test_the_right_kernels_ran_and_the_words_are_right(self):
        log = self.folder / "functions.log"
        environment = {**os.environ, "QEMU_LOG": "in_asm", "QEMU_LOG_FILENAME": str(log)}
        result = earshot("transcribe", "--model", TINY, BECKETT, env=environment, timeout=800)
        self.assert_ok(result)
        self.assert_has_words(result.stdout, BECKETT_WORDS)
        functions = executed_functions(log)
        kinds = collections.Counter(filter(None, map(kernel_kind, functions)))
        print(f"{self.cpu}: {len(functions)} functions ran, 8-bit matrix kernels: {dict(kinds)}")
        self.assertEqual(set(kinds), {EXPECTED[self.cpu]})
        self.assertEqual(set(filter(None, map(vocabulary_kind, functions))), {EXPECTED[self.cpu]})
        attention = {name for name in DOT_ATTENTION if any(name in function for function in functions)}
        self.assertEqual(attention, set() if EXPECTED[self.cpu] == PLAIN else DOT_ATTENTION)

    def test_doctor_names_the_level(self):
        report = json.loads(earshot("doctor", TINY, "--json", threads=None).stdout)
        level = report["kernels"]["dense layers, int8"]
        self.assertIn({DOT: "dot product", MATRIX: "i8mm", PLAIN: "multiply-add"}[EXPECTED[self.cpu]], level)


if __name__ == "__main__":
    unittest.main()
