#!/usr/bin/env python3
"""Time and memory of attention by length and pattern: runs attention_scaling_bench, prints a Markdown table, draws a plot.

usage: attention_scaling.py PROGRAM --plot FILE.svg [--max-tokens N]
"""
import argparse
import csv
import math
import subprocess
from pathlib import Path

COLOURS = ["#8c2d2d", "#1b6e53", "#4a5fa5", "#b5651d", "#6b4c9a"]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 460, 360, 70, 40, 50


def measure(args):
    """{pattern: {tokens: (seconds, bytes)}}"""
    output = subprocess.run([args.program, str(args.max_tokens)], check=True, capture_output=True, text=True).stdout
    results = {}
    for row in csv.DictReader(output.splitlines(), delimiter="\t"):
        results.setdefault(row["pattern"], {})[int(row["tokens"])] = (float(row["seconds"]), int(row["bytes"]))
    return results


def print_table(results):
    lengths = sorted(next(iter(results.values())))
    print("| pattern | " + " | ".join(f"{length:,} tokens" for length in lengths) + " |")
    print("|---|" + "---|" * len(lengths))
    for pattern, points in results.items():
        cells = [f"{points[n][0] / n * 1e6:.1f} us, {points[n][1] / n / 1000:.1f} kB" for n in lengths]
        print(f"| {pattern} | {' | '.join(cells)} |")


def panel(results, offset, title, value):
    """One plot, both axes logarithmic."""
    lengths = sorted(next(iter(results.values())))
    values = [value(n, points[n]) for points in results.values() for n in lengths]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    span = math.log2(lengths[-1] / lengths[0]) or 1

    def x_of(tokens):
        return offset + LEFT + math.log2(tokens / lengths[0]) / span * (WIDTH - LEFT - 20)

    def y_of(number):
        return HEIGHT - BOTTOM - (math.log10(number) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    lines = [f'<text x="{offset + WIDTH / 2}" y="22" text-anchor="middle" font-size="14">{title}</text>']
    for power in range(low, high + 1):
        y = y_of(10 ** power)
        lines.append(f'<line x1="{offset + LEFT}" y1="{y:.1f}" x2="{offset + WIDTH - 20}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{offset + LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10 ** power:g}</text>')
    for tokens in lengths:
        lines.append(f'<text x="{x_of(tokens):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tokens}</text>')
    for colour, (pattern, points) in zip(COLOURS, results.items()):
        path = " ".join(f"{x_of(n):.1f},{y_of(value(n, points[n])):.1f}" for n in lengths)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return lines


def draw(results, path):
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT + 30}" font-family="sans-serif" font-size="12">',
             f'<rect width="{2 * WIDTH}" height="{HEIGHT + 30}" fill="white"/>']
    lines += panel(results, 0, "microseconds per token", lambda n, point: point[0] / n * 1e6)
    lines += panel(results, WIDTH, "kilobytes per token", lambda n, point: point[1] / n / 1000)
    for index, (colour, pattern) in enumerate(zip(COLOURS, results)):
        x = LEFT + index * 165
        lines.append(f'<rect x="{x}" y="{HEIGHT + 4}" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{x + 18}" y="{HEIGHT + 14}">{pattern}</text>')
    path.write_text("\n".join([*lines, "</svg>"]) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--plot", type=Path, required=True)
    parser.add_argument("--max-tokens", type=int, default=16384)
    args = parser.parse_args()
    results = measure(args)
    print_table(results)
    draw(results, args.plot)


if __name__ == "__main__":
    main()
