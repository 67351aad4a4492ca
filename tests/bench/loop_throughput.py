#!/usr/bin/env python3
"""What the inner loops of a program for 64-bit ARM can reach on a board's CPU, estimated by llvm-mca.

usage: loop_throughput.py PROGRAM FUNCTION_REGEX... [--cpus cortex-a53,cortex-a72,neoverse-n1] [--objdump OBJDUMP] [--mca LLVM_MCA]

In every function whose name matches, the innermost loop with the most multiply-adds is taken from the disassembly and given to llvm-mca as it
stands, all loads in the first-level cache. neoverse-n1 stands for the Cortex-A76, of which it is the server form: LLVM's own cortex-a76 is the
A72. Printed for each loop: its instructions, multiply-adds per instruction and per cycle.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import disassembly

ITERATIONS = 200

# Multiply-adds of an instruction, by mnemonic and shape of the first register.
MULTIPLY_ADDS = [
    (re.compile(r"^([su]|us|su)dot\s+v\d+\.4s"), 16),
    (re.compile(r"^(s|u|us)mmla\s+v\d+\.4s"), 32),
    (re.compile(r"^bfmmla\s+v\d+\.4s"), 16),
    (re.compile(r"^[su]ml[as]l2?\s+v\d+\.8h"), 8),
    (re.compile(r"^[su]mull2?\s+v\d+\.8h"), 8),
    (re.compile(r"^[su]ml[as]l2?\s+v\d+\.4s"), 4),
    (re.compile(r"^[su]mull2?\s+v\d+\.4s"), 4),
    (re.compile(r"^f?ml[as]\s+v\d+\.8h"), 8),
    (re.compile(r"^f?ml[as]\s+v\d+\.4s"), 4),
    (re.compile(r"^f?ml[as]\s+v\d+\.2s"), 2),
]


def multiply_adds(instruction):
    return next((count for pattern, count in MULTIPLY_ADDS if pattern.search(instruction)), 0)


def branch_target(instruction):
    match = re.match(r"(?:b\.\w+|b|cbn?z\s+\w+,|tbn?z\s+\w+, #\d+,)\s+([0-9a-f]+) <", instruction)
    return int(match.group(1), 16) if match else None


def innermost_loops(lines):
    """Runs of instructions from the target of a backward branch to the branch that hold no other loop."""
    found = []
    for index, (address, instruction) in enumerate(lines):
        target = branch_target(instruction)
        if target is None or target > address or target < lines[0][0]:
            continue
        start = next(i for i, (at, _) in enumerate(lines) if at >= target)
        if not any(start <= begin and end < index for begin, end in found):
            found.append((start, index))
    return [[instruction for _, instruction in lines[start:end + 1]] for start, end in found]


def hottest_loop(lines):
    loops = innermost_loops(lines)
    return max(loops, key=lambda loop: sum(map(multiply_adds, loop)), default=[])


def cycles(mca, cpu, loop):
    """Cycles of an iteration, in a steady state."""
    plain = [re.sub(r"\s*//.*", "", instruction) for instruction in loop]
    assembly = "\n".join(re.sub(r"[0-9a-f]+ <.*>", ".Lloop", instruction) for instruction in plain)
    with tempfile.NamedTemporaryFile("w", suffix=".s") as file:
        file.write(".Lloop:\n" + assembly + "\n")
        file.flush()
        output = subprocess.run([mca, "-mtriple=aarch64-linux-gnu", f"-mcpu={cpu}", "-mattr=+dotprod,+i8mm,+bf16,+fullfp16",
                                 f"-iterations={ITERATIONS}", file.name], check=True, capture_output=True, text=True).stdout
    return int(re.search(r"Total Cycles:\s+(\d+)", output).group(1)) / ITERATIONS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("functions", nargs="+")
    parser.add_argument("--cpus", default="cortex-a53,cortex-a72,neoverse-n1")
    parser.add_argument("--objdump", default="aarch64-linux-gnu-objdump")
    parser.add_argument("--mca", default="llvm-mca-19")
    args = parser.parse_args()
    wanted = [re.compile(pattern) for pattern in args.functions]
    cpus = args.cpus.split(",")
    print("| function | instructions | multiply-adds per instruction | " + " | ".join(f"per cycle, {cpu}" for cpu in cpus) + " |")
    print("|---|---|---|" + "---|" * len(cpus))
    rows = 0
    for name, lines in disassembly.functions(args.objdump, args.program):
        if not any(pattern.search(name) for pattern in wanted):
            continue
        loop = hottest_loop(lines)
        work = sum(map(multiply_adds, loop))
        if work == 0:
            continue
        rates = " | ".join(f"{work / cycles(args.mca, cpu, loop):.2f}" for cpu in cpus)
        print(f"| {name} | {len(loop)} | {work / len(loop):.2f} | {rates} |", flush=True)
        rows += 1
    if rows == 0:
        sys.exit("no function with multiply-adds in a loop has such a name")


if __name__ == "__main__":
    main()
