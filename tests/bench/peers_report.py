#!/usr/bin/env python3
"""The figures of the README beside faster-whisper and whisper.cpp: a Markdown table and a plot, for tiny.en and base, one and two threads.

usage: peers_report.py MANIFEST.tsv --plot FILE.svg [--results FILE.json] [--models tiny.en,base] [--threads 1,2] [--rounds N] [--every N]
       [--all-types]

Runs every engine on every N-th clip of the manifest and all recordings of two minutes or more, with the weight types that are
fastest for each peer (--all-types: two each). One run gives three columns: all clips, those under 10 s, and the long recordings. Engines take
turns; ratios are per round. With --results, finished measurements are kept in that file and not repeated: stop and go on as you like.
"""
import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import compare_peers as peers

FAST_PEERS = [("faster-whisper", "int8"), ("faster-whisper-batch", "int8"), ("whisper.cpp", "q8_0")]
SETS = [("all clips", lambda s: True), ("under 10 s", lambda s: s < 10), ("over 2 minutes", lambda s: s >= 120)]
COLOURS = {"earshot": "#1b6e53", "earshot-batch": "#3aa27e", "faster-whisper": "#b5651d", "faster-whisper-batch": "#d9a066",
           "whisper.cpp": "#4a5fa5"}


def choose_clips(args):
    clips = peers.read_clips(args)
    short = [clip for clip in clips if clip.seconds < 120]
    return short[::args.every] + [clip for clip in clips if clip.seconds >= 120]


def measure(args):
    """{"tiny.en/2": {engine: [run, ...]}}; a run has seconds and text by clip, and the peak of its process."""
    results = json.loads(args.results.read_text()) if args.results and args.results.exists() else {}
    clips = choose_clips(args)
    for model in args.models.split(","):
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            paths = peers.prepare_models(model, work)
            for threads in args.threads.split(","):
                rounds = results.setdefault(f"{model}/{threads}", {})
                for index in range(args.rounds):
                    for name, path in paths.items():
                        runs = rounds.setdefault(name, [])
                        if len(runs) > index:
                            continue
                        print(f"\r{model}, {threads} threads, round {index + 1}: {name}          ", end="", file=sys.stderr, flush=True)
                        runs.append(peers.measured_run(name, path, clips, int(threads), work))
                        if args.results:
                            args.results.write_text(json.dumps(results))
    print(file=sys.stderr)
    return results, clips


def seconds_of(run, clips):
    return sum(run["clip_seconds"][clip.id] for clip in clips)


def ratio_text(runs, own, clips):
    ratios = [seconds_of(run, clips) / seconds_of(mine, clips) for run, mine in zip(runs, own)]
    spread = f" ({min(ratios):.1f} .. {max(ratios):.1f})" if len(ratios) > 1 else ""
    return f"{statistics.median(ratios):.1f}x{spread}"


def print_table(results, clips):
    subsets = [(name, [clip for clip in clips if wanted(clip.seconds)]) for name, wanted in SETS]
    subsets = [(name, subset) for name, subset in subsets if subset]
    print("| model, threads | engine | " + " | ".join(name for name, _ in subsets) + " | WER | peak memory |")
    print("|---|---|" + "---|" * len(subsets) + "---|---|")
    for setting, engines in results.items():
        own = engines[peers.EARSHOT]
        for name, runs in engines.items():
            cells = []
            for _, subset in subsets:
                seconds = statistics.median(seconds_of(run, subset) for run in runs)
                cells.append(f"{seconds:.2f} s" if name in peers.OWN else ratio_text(runs, own, subset))
            wer = peers.word_error_rate(clips, runs[0]["texts"])
            print(f"| {setting.replace('/', ', ')} | {name} | {' | '.join(cells)} | {wer:.2f} | {runs[0]['peak_bytes'] / 1e6:.0f} MB |")
    total = sum(clip.seconds for clip in clips)
    print(f"\n{len(clips)} clips of {total:.0f} s; times of Earshot, and how many times as long the others take.")


def points_of(results, clips, threads):
    """Speed (times real time), WER and memory of every engine and model."""
    total = sum(clip.seconds for clip in clips)
    for setting, engines in results.items():
        model, count = setting.split("/")
        if count != threads:
            continue
        for name, runs in engines.items():
            speed = total / statistics.median(seconds_of(run, clips) for run in runs)
            yield {"label": f"{name}, {model}", "engine": name.split(" ")[0], "speed": speed,
                   "wer": peers.word_error_rate(clips, runs[0]["texts"]), "megabytes": runs[0]["peak_bytes"] / 1e6}


def draw(points, path, threads):
    """Speed to the right on a logarithmic scale, WER upwards, area by memory."""
    import math
    width, height, left, bottom, top, right = 860, 520, 70, 60, 40, 40
    speeds = [math.log10(point["speed"]) for point in points]
    low, high = math.floor(min(speeds) * 4) / 4, math.ceil(max(speeds) * 4) / 4
    wers = [point["wer"] for point in points]
    wer_low, wer_high = math.floor(min(wers) - 0.5), math.ceil(max(wers) + 0.5)

    def x_of(speed):
        return left + (math.log10(speed) - low) / (high - low) * (width - left - right)

    def y_of(wer):
        return height - bottom - (wer - wer_low) / (wer_high - wer_low) * (height - bottom - top)

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="{width / 2}" y="22" text-anchor="middle" font-size="15">Speed and word error rate, {threads} threads; area: peak memory</text>',
             f'<text x="{width / 2}" y="{height - 14}" text-anchor="middle">times real time</text>',
             f'<text transform="translate(20 {height / 2}) rotate(-90)" text-anchor="middle">word error rate, %</text>']
    for speed in (2, 5, 10, 20, 50, 100, 200, 500):
        if low <= math.log10(speed) <= high:
            lines.append(f'<line x1="{x_of(speed):.1f}" y1="{top}" x2="{x_of(speed):.1f}" y2="{height - bottom}" stroke="#ddd"/>')
            lines.append(f'<text x="{x_of(speed):.1f}" y="{height - bottom + 18}" text-anchor="middle">{speed}</text>')
    for wer in range(wer_low, wer_high + 1):
        lines.append(f'<line x1="{left}" y1="{y_of(wer):.1f}" x2="{width - right}" y2="{y_of(wer):.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{left - 8}" y="{y_of(wer) + 4:.1f}" text-anchor="end">{wer}</text>')
    for point in sorted(points, key=lambda p: -p["megabytes"]):
        x, y, radius = x_of(point["speed"]), y_of(point["wer"]), math.sqrt(point["megabytes"]) * 1.2
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{COLOURS[point["engine"]]}" fill-opacity="0.45"/>')
        lines.append(f'<text x="{x:.1f}" y="{y - radius - 4:.1f}" text-anchor="middle">{point["label"]}, {point["megabytes"]:.0f} MB</text>')
    path.write_text("\n".join([*lines, "</svg>"]) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--plot", type=Path, required=True)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--models", default="tiny.en,base")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--all-types", action="store_true")
    args = parser.parse_args()
    args.min_seconds, args.max_seconds, args.limit = 0, 1e9, None
    peers.enter_environment()
    if not args.all_types:
        peers.PEERS[:] = FAST_PEERS
    results, clips = measure(args)
    print_table(results, clips)
    threads = args.threads.split(",")[-1]
    draw(list(points_of(results, clips, threads)), args.plot, threads)


if __name__ == "__main__":
    main()
