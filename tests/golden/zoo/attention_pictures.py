#!/usr/bin/env python3
"""Draws the attention patterns of published implementations with `earshot inspect --attention`.

usage: attention_pictures.py CASES_DIR OUTPUT_DIR      (programs as in run_case.sh)
"""
import argparse
import pathlib
import subprocess
import tempfile

import run_case

# Case, and how many queries show its pattern.
PICTURES = [("bigbird", 128), ("gemma3-localglobal", 48), ("local-attention-core", 64), ("longformer-dilated", 48),
            ("longformer-global", 64), ("memory-compressed", 48), ("pegasusx-global", 64), ("sinkhorn-gumbel", 64),
            ("sparse-deepspeed-layouts", 128), ("sparse-fairseq-fixed", 64), ("sparse-openai", 64)]

PROGRAMS = run_case.find_programs(pathlib.Path(__file__).resolve().parents[3])


def draw(case_folder, tokens, output):
    with tempfile.TemporaryDirectory() as work_folder:
        case = run_case.Case(case_folder, PROGRAMS, "f32", pathlib.Path(work_folder))
        subprocess.run([case.programs / "earshot", "inspect", case.model, "--attention", output, "--attention-tokens", str(tokens)],
                       check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    args = parser.parse_args()
    for case, tokens in PICTURES:
        draw(args.cases / case, tokens, args.output / f"{case}.svg")


if __name__ == "__main__":
    main()
