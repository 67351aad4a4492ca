"""The functions of a program, from objdump."""

import re
import subprocess
import sys


def functions(objdump, program):
    """Name, demangled, and [(address, mnemonic with operands)] of every function."""
    command = [objdump, "-d", "-C", "--no-show-raw-insn", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        name, lines = None, []
        for line in process.stdout:
            label = re.match(r"[0-9a-f]+ <(.*)>:$", line)
            if label:
                if name is not None:
                    yield name, lines
                name, lines = label.group(1), []
            elif ":\t" in line:
                address, instruction = line.split(":\t", 1)
                lines.append((int(address, 16), instruction.strip()))
        if name is not None:
            yield name, lines
    if process.returncode != 0:
        sys.exit(f"{objdump} failed on {program}")
