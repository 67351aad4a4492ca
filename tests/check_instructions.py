#!/usr/bin/env python3
"""Checks that a program runs on every CPU of its architecture: instructions above the baseline only in functions that are
chosen at run time.

usage: check_instructions.py PROGRAM [--objdump OBJDUMP] [--list]

PROGRAM has symbols and is for x86-64, AArch64 or 32-bit ARM. It is disassembled; every function with an instruction beyond the baseline
(SSE2; ARMv8.0; ARMv7 with NEON and VFPv4) must be one whose name says for which CPU it is: XNNPACK's kernels, Highway's targets, and
ours in namespaces or names of the extension. --list prints what was found in them. Exit status 1 if there is an offence.
"""
import argparse
import collections
import re
import subprocess
import sys

import disassembly

# Mnemonics (with operands where those decide) that the baseline does not have, by the extension that brings them. An extension is
# listed with what a guarded function's name may contain.
EXTENSIONS = {
    "x86-64": [
        ("AVX and later", re.compile(r"^v[a-z]"), r"avx|AVX|f16c|fma3|N_ZEN|amx|Amx|Avx"),
        ("AMX", re.compile(r"^(tile|tdp|ldtilecfg|sttilecfg)"), r"amx|AMX|Amx"),
        ("SSE3 to SSE4", re.compile(r"^(p(shufb|maddubsw|mulhrsw|abs[bwd]|align|hadd|hsub|sign|blend|extr[bdq]\b|insr[bdq]\b|max(sb|sd|uw|ud)|"
                                    r"min(sb|sd|uw|ud)|mul(ld|dq)|movsx|movzx|ackusdw|test|cmp(eqq|gtq|[ei]str))|round[ps][sd]|dpp[sd]|blend|insertps|"
                                    r"extractps|pextrw\s.*\(|movddup|movs[hl]dup|haddp|hsubp|addsub|lddqu|mpsad|phmin|movntdqa|crc32|popcnt)"),
         r"sse3|sse4|ssse3|SSE|avx|AVX"),
        # tzcnt runs as bsf on older CPUs, which compilers rely on where the input is not zero.
        ("BMI, ADX, MOVBE", re.compile(r"^(andn[lq]?\s|bextr|bls(i|r|msk)|bzhi|mulx|pdep|pext[lq]?\s|rorx|sarx|shlx|shrx|adcx|adox|movbe)"),
         r"avx|AVX|N_ZEN"),
        ("LZCNT", re.compile(r"^lzcnt"), r"avx|AVX|N_ZEN|ma_dr_flac"),  # miniaudio asks the CPU
    ],
    "aarch64": [
        ("dot product", re.compile(r"^[su]dot\b"), r"dot|Dot|i8mm|sve|SVE|N_NEON_BF16"),
        ("8-bit matrix products", re.compile(r"^([su]mmla|usdot|sudot|usmmla|bfmmla|bfdot|bfmlal)"), r"i8mm|bf16|BF16|sve|SVE"),
        # fcvtn and fcvtl, between half and single precision, are in the baseline.
        ("fp16 arithmetic", re.compile(r"^f(mla|mls|mul|add|sub|div|max|min|sqrt|neg|abs|rint.|cvt(?!n2?\s|l2?\s)[a-z]*|cm..|recp.|rsqrt.)\S*\s+(v\d+\.[48]h|h\d+, h\d+, h)"),
         r"fp16arith|neonfp16|sve|SVE"),
        ("SVE", re.compile(r"\b[zp]\d+\.[bhsd]\b"), r"sve|SVE|sme"),
        ("atomics of ARMv8.1", re.compile(r"^(cas|swp|ld(add|clr|set|eor)|st(add|clr|set))[a-z]*\b"), r"__aarch64_"),
        ("crypto and CRC", re.compile(r"^(aes[a-z]+|sha\d|pmull|crc32)"), r"N_NEON|aes|crc|CRC"),
    ],
    "arm": [
        ("dot product", re.compile(r"^v[su]dot"), r"dot|i8mm"),
        ("8-bit matrix products", re.compile(r"^v[su]s?mmla"), r"i8mm"),
        ("fp16 arithmetic", re.compile(r"^v(add|sub|mul|fma|fms|max|min|abs|neg|sqrt|div)\.f16"), r"fp16arith"),
        ("ARMv8 rounding and selection", re.compile(r"^v(rint|sel|maxnm|minnm|cvt[anpm]\.)"), r"neonv8|fp16|dot|i8mm|ARMV8"),
        ("ARMv8 acquire and release", re.compile(r"^(lda|stl)(ex)?[bhd]?\b"), r"^$"),
        ("integer division", re.compile(r"^[su]div\b"), r"dot|neonv8"),
    ],
}
FORMATS = {"elf64-x86-64": "x86-64", "elf64-littleaarch64": "aarch64", "elf32-littlearm": "arm"}


def architecture(objdump, program):
    header = subprocess.run([objdump, "-f", program], check=True, capture_output=True, text=True).stdout
    for name, result in FORMATS.items():
        if name in header:
            return result
    sys.exit(f"{program} is for none of {', '.join(FORMATS.values())}: {header.strip()}")


def check(objdump, program):
    """(offences, how many guarded functions each extension has, number of functions)."""
    extensions = EXTENSIONS[architecture(objdump, program)]
    offences, guarded, count = [], collections.Counter(), 0
    for name, lines in disassembly.functions(objdump, program):
        count += 1
        for extension, pattern, guard in extensions:
            found = next((instruction for _, instruction in lines if pattern.search(instruction)), None)
            if found is None:
                continue
            if re.search(guard, name):
                guarded[extension] += 1
            else:
                offences.append(f"{name}: {' '.join(found.split())} ({extension})")
    return offences, guarded, count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    offences, guarded, count = check(args.objdump, args.program)
    for offence in offences:
        print(offence)
    if args.list:
        for extension, number in guarded.items():
            print(f"{extension}: {number} functions, each for CPUs that have it")
    if count < 1000 or not guarded:
        sys.exit(f"{args.program}: {count} functions, {sum(guarded.values())} of them for better CPUs: it was stripped, or is no program of ours")
    print(f"{args.program}: {count} functions, {sum(guarded.values())} guarded uses of extensions, {len(offences)} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
