#!/usr/bin/env python3
"""Executed instructions on emulated boards: Earshot and whisper.cpp, for a second of audio in the encoder and for a token.

usage: emulated_instructions.py --emulator QEMU_AARCH64 --plugin COUNT_INSTRUCTIONS.so --earshot STEPS_BENCH MODEL
       [--whisper-cpp WHISPER_CPP_STEPS MODEL] [--cpus cortex-a53,cortex-a72,cortex-a76] [--tokens N]

Both programs are for aarch64 and run single-threaded: nothing, one window, and N tokens after it; what a window and a token take are
differences, free of loading and packing. The emulator is one with plugins (configure --enable-plugins), which Debian's is not. A window of
tiny.en takes it minutes. The programs and the plugin:
- `steps_bench`: the preset aarch64-test;
- the plugin: cc -shared -fPIC -O2 -I QEMU/include/qemu $(pkg-config --cflags glib-2.0) emulation/count_instructions.c, with the sources of the
  QEMU that runs it;
- `whisper_cpp_steps`: emulation/whisper_cpp_steps.c linked with whisper.cpp built for the same board from the source package of
  pywhispercpp (cmake with toolchains/aarch64.cmake, GGML_NATIVE off, GGML_CPU_ARM_ARCH for that core); its model: tests/bench/peers/ggml_writer.py.
  Builds differ by core: --whisper-cpp takes a path with {cpu} in it.
"""
import argparse
import os
import re
import subprocess

WINDOW_SECONDS = 30


def count(args, cpu, program, model, encodes, tokens):
    environment = {**os.environ, "QEMU_CPU": cpu}
    command = [args.emulator, "-L", "/usr/aarch64-linux-gnu", "-plugin", args.plugin, "-d", "plugin",
               program.format(cpu=cpu), model, str(encodes), str(tokens)]
    result = subprocess.run(command, check=True, capture_output=True, text=True, errors="replace", env=environment)
    return int(re.search(r"instructions (\d+)", result.stdout + result.stderr).group(1))


def measure(args, cpu, program, model):
    """Instructions for a second of audio, and for a token."""
    loaded = count(args, cpu, program, model, 0, 0)
    window = count(args, cpu, program, model, 1, 0)
    tokens = count(args, cpu, program, model, 1, args.tokens)
    return (window - loaded) / WINDOW_SECONDS, (tokens - window) / args.tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--earshot", nargs=2, required=True)
    parser.add_argument("--whisper-cpp", nargs=2)
    parser.add_argument("--emulator", required=True)
    parser.add_argument("--cpus", default="cortex-a53,cortex-a72,cortex-a76")
    parser.add_argument("--tokens", type=int, default=16)
    args = parser.parse_args()
    print("| CPU | engine | encoder, million for a second of audio | million for a token |")
    print("|---|---|---|---|")
    for cpu in args.cpus.split(","):
        own = measure(args, cpu, *args.earshot)
        print(f"| {cpu} | Earshot | {own[0] / 1e6:.0f} | {own[1] / 1e6:.1f} |", flush=True)
        if args.whisper_cpp:
            peer = measure(args, cpu, *args.whisper_cpp)
            print(f"| {cpu} | whisper.cpp | {peer[0] / 1e6:.0f} ({peer[0] / own[0]:.1f} times) | {peer[1] / 1e6:.1f} ({peer[1] / own[1]:.1f} times) |",
                  flush=True)


if __name__ == "__main__":
    main()
