#!/usr/bin/env python3
"""Evaluates the checkpoints of this folder with f32, int8 and int4 weights and writes the table of README.md.

usage: table.py PROGRAMS_DIR [--into README.md]      PROGRAMS_DIR has earshot and earshot-convert
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
# Checkpoint, its name in the table, its test pairs.
MODELS = [("g2p-plain", "encoder-decoder, teacher forcing", "g2p_test.tsv"),
          ("g2p-scheduled", "encoder-decoder, scheduled sampling", "g2p_test.tsv"),
          ("g2p-ctc", "CTC, transformer", "g2p_test.tsv"),
          ("g2p-convolution", "CTC, convolutions with batch norm", "g2p_test.tsv"),
          ("sorting", "pointer network, sorting", "sorting_test.tsv")]
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


def evaluate(programs, checkpoint, weights, pairs):
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model.earshot"
        subprocess.run([programs / "earshot-convert", FOLDER / "checkpoints" / checkpoint, "-o", model, "--weights", weights, "--quiet"],
                       check=True)
        done = subprocess.run([programs / "earshot", "evaluate", "-m", model, "--pairs", FOLDER / "data" / pairs, "--json",
                               "--threads", "1"], check=True, capture_output=True, text=True)
        return json.loads(done.stdout), model.stat().st_size


def percent(share):
    return "" if share is None else f"{100 * share:.2f}"


def make_table(programs):
    rows = ["| model | weights | file, MB | cross-entropy | errors, right tokens given, % | errors, its own, % | gap | wrong sequences, % | BLEU | sequences/s |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    for checkpoint, name, pairs in MODELS:
        for weights in ("f32", "int8", "int4"):
            result, size = evaluate(programs, checkpoint, weights, pairs)
            rows.append(f"| {name} | {weights} | {size / 1e6:.2f} | {result['cross_entropy']:.4f} | "
                        f"{percent(result.get('given_token_error_rate'))} | {percent(result['token_error_rate'])} | "
                        f"{percent(result.get('exposure_gap'))} | {percent(result['sequence_error_rate'])} | {result['bleu']:.1f} | "
                        f"{result['sequences_per_s']:.0f} |")
    return "\n".join(rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path)
    args = parser.parse_args()
    table = make_table(args.programs)
    if not args.into:
        print(table, end="")
        return
    text = args.into.read_text(encoding="utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    args.into.write_text(text[:begin] + table + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
