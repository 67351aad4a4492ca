#!/usr/bin/env python3
"""Fails unless the examples of README.md are, letter by letter, the files that the build compiles or a test configures."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = {"c": "platform/api/examples/transcribe.c", "cpp": "platform/api/examples/transcribe.cc",
            "cmake": "platform/api/examples/CMakeLists.txt"}


def main():
    readme = (ROOT / "README.md").read_text()
    blocks = {language: code for language, code in re.findall(r"```(c|cpp|cmake)\n(.*?)```", readme, re.S)}
    stale = [name for language, name in EXAMPLES.items() if blocks.get(language) != (ROOT / name).read_text()]
    for name in stale:
        print(f"README.md does not show {name} as it is")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
