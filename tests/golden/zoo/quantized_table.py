"""Runs cases with other types of weights and writes how far their outputs are from the expected ones, as a table in Markdown.

    tests/golden/zoo/quantized_table.py ../shared/zoo/cases [--weights int8,int4] [--cases NAME,NAME] [--into models/README.md]

Only cases that pass with f32 weights are listed. With --into the table goes between the lines <!-- quantized --> and
<!-- end of quantized -->.
"""

import argparse
import pathlib
import re
import subprocess
import sys

RESULT = re.compile(r": \w+ differs by at most (\S+) of the scale \((.+)\)$")
BEGIN, END = "<!-- quantized -->\n", "<!-- end of quantized -->\n"


def run(case, weights):
    """What run_case prints last, and whether it worked."""
    command = [sys.executable, str(pathlib.Path(__file__).with_name("run_case.py")), str(case), "--weights", weights]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    return lines[-1] if done.returncode == 0 and lines else None


def cell(case, weights):
    line = run(case, weights)
    found = RESULT.search(line) if line else None
    if not found:
        return "-"
    return f"{found.group(1)} ({found.group(2)})"


def make_table(cases, types):
    rows = ["| case | " + " | ".join(types) + " |", "|---|" + "---|" * len(types)]
    for case in cases:
        if run(case, "f32") is None:
            continue
        cells = [cell(case, weights) for weights in types]
        print(case.name, *cells, sep="  ", file=sys.stderr)
        if any(text != "-" for text in cells):
            rows.append(f"| `{case.name}` | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="folder of the cases")
    parser.add_argument("--weights", default="int8,int4", help="types, separated by commas")
    parser.add_argument("--cases", help="names, separated by commas; all by default")
    parser.add_argument("--into", type=pathlib.Path, help="file that holds the table")
    arguments = parser.parse_args()
    names = arguments.cases.split(",") if arguments.cases else None
    cases = [case for case in sorted(arguments.folder.iterdir())
             if (case / "config.json").exists() and (names is None or case.name in names)]
    table = make_table(cases, arguments.weights.split(","))
    if not arguments.into:
        print(table, end="")
        return 0
    text = arguments.into.read_text(encoding="utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    arguments.into.write_text(text[:begin] + table + text[end:], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
