#!/usr/bin/env python3
"""Earshot beside faster-whisper and whisper.cpp: same weights, same clips, greedy, no fallback. Prints a Markdown table.

"batch" engines decode eight windows of a recording side by side.

usage: compare_peers.py MANIFEST.tsv [--model tiny.en|base] [--threads N] [--rounds N] [--min-seconds S] [--max-seconds S] [--limit N]
       [--texts FOLDER]

Needs a finished ./demo.sh or ./test.sh (programs and checkpoints). The first run makes a Python environment in build/peers. Engines
take turns, each in a process of its own, so that a noisy machine disturbs all alike; ratios are per round, so their spread tells how
far to trust them. Decoding of audio files is not timed. WER: Whisper's English normalizer and jiwer for all engines. --texts
keeps what each engine wrote as a table that `earshot evaluate --compare` takes.
"""
import argparse
import csv
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / "build" / "peers"
PACKAGES = ["faster-whisper==1.2.1", "pywhispercpp==1.5.1", "jiwer==4.0.0", "whisper-normalizer==0.1.15"]
EARSHOT = "earshot int8"
OWN = {EARSHOT: [], "earshot-batch int8": ["--batch-size", "8"]}
PEERS = [("faster-whisper", "int8"), ("faster-whisper", "float32"), ("faster-whisper-batch", "int8"), ("whisper.cpp", "q8_0"),
         ("whisper.cpp", "f16")]


@dataclasses.dataclass
class Clip:
    id: str
    path: str
    transcript: str
    seconds: float


def python():
    return str(ENVIRONMENT / "bin" / "python")


def enter_environment():
    """Runs this script again with the peers' packages."""
    if not Path(python()).exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    marker = ENVIRONMENT / "packages"
    if not marker.exists() or marker.read_text() != "\n".join(PACKAGES):
        subprocess.run([python(), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        marker.write_text("\n".join(PACKAGES))
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        os.execv(python(), [python(), *sys.argv])


def read_clips(args):
    with open(args.manifest, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    folder = Path(args.manifest).resolve().parent
    clips = [Clip(row["id"], str(folder / row["file"]), row["transcript"], float(row["seconds"])) for row in rows
             if row["language"] == "en" and args.min_seconds <= float(row["seconds"]) <= args.max_seconds]
    return clips[:args.limit]


def find_program(name):
    for build in ("release", "test"):
        path = ROOT / "build" / build / "bin" / name
        if path.exists():
            return str(path)
    sys.exit("run ./demo.sh first: there is no build/release/bin/" + name)


def prepare_models(model, work):
    """Model path of each engine."""
    sys.path.insert(0, str(ROOT / "tests" / "bench" / "peers"))
    import ggml_writer
    from faster_whisper.feature_extractor import FeatureExtractor
    source = ROOT / "models" / "downloads" / f"whisper-{model}"
    filters = FeatureExtractor(feature_size=80).mel_filters.astype("float32")
    paths = {name: str(work / "model.earshot") for name in OWN}
    subprocess.run([find_program("earshot-convert"), str(source), "-o", paths[EARSHOT], "--quiet"], check=True)
    for engine, weights in PEERS:
        name = f"{engine} {weights}"
        paths[name] = str(source)
        if engine == "whisper.cpp":
            paths[name] = str(work / f"{weights}.ggml")
            ggml_writer.write(source, paths[name], filters, weights)
    return paths


# A process begins with the largest resident size of the one that it was forked from, so the engine is started by a small one.
MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(code)
"""


def run_measured(command, work, **options):
    """The finished process, and its largest resident size."""
    peak = work / "peak_bytes"
    process = subprocess.run([sys.executable, "-S", "-c", MEASURE, str(peak), *command], check=True, **options)
    return process, int(peak.read_text())


def run_earshot(name, model, clips, threads, work):
    manifest, output = work / "clips.tsv", work / "hypotheses.tsv"
    with open(manifest, "w", encoding="utf-8") as file:
        file.write("id\tfile\tlanguage\ttranscript\n")
        file.writelines(f"{clip.id}\t{clip.path}\ten\t{clip.transcript}\n" for clip in clips)
    _, peak = run_measured([find_program("earshot"), "evaluate", "--model", model, "--manifest", str(manifest), "--threads", str(threads),
                    "--no-fallback", *OWN[name], "--output", str(output)], work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(output, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {"clip_seconds": {row["id"]: float(row["seconds"]) for row in rows}, "peak_bytes": peak,
            "texts": {row["id"]: row["text"] for row in rows}}


def run_peer(name, model, clips, threads, work):
    engine, weights = name.split(" ")
    manifest = work / "peer.tsv"
    manifest.write_text("".join(f"{clip.id}\t{clip.path}\n" for clip in clips), encoding="utf-8")
    command = [python(), str(ROOT / "tests/bench/peers/run_engine.py"), engine, model, str(manifest), str(threads), weights]
    process, peak = run_measured(command, work, capture_output=True, text=True)
    result = json.loads(process.stdout)
    return {"clip_seconds": {clip["id"]: clip["seconds"] for clip in result["clips"]}, "peak_bytes": peak,
            "texts": {clip["id"]: clip["text"] for clip in result["clips"]}}


def measured_run(name, model, clips, threads, work):
    begin = time.perf_counter()
    result = (run_earshot if name in OWN else run_peer)(name, model, clips, threads, work)
    result["seconds"] = sum(result["clip_seconds"].values())
    result["process_seconds"] = time.perf_counter() - begin
    return result


def word_error_rate(clips, texts):
    import jiwer
    from whisper_normalizer.english import EnglishTextNormalizer
    normalize = EnglishTextNormalizer()
    pairs = [(normalize(clip.transcript), normalize(texts.get(clip.id, ""))) for clip in clips]
    pairs = [pair for pair in pairs if pair[0]]
    return 100 * jiwer.wer([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def print_table(runs, clips, args):
    print(f"\nWhisper {args.model}, {len(clips)} clips, {args.threads} threads, {args.rounds} rounds\n")
    print("| engine | seconds (median) | Earshot is faster by (spread) | whole process | peak memory | WER |")
    print("|---|---|---|---|---|---|")
    own = [run["seconds"] for run in runs[EARSHOT]]
    for name, results in runs.items():
        ratios = [run["seconds"] / mine for run, mine in zip(results, own)]
        faster = "" if name == EARSHOT else f"{statistics.median(ratios):.2f}x ({min(ratios):.2f} .. {max(ratios):.2f})"
        print(f"| {name} | {statistics.median(run['seconds'] for run in results):.2f} | {faster} "
              f"| {statistics.median(run['process_seconds'] for run in results):.2f} s "
              f"| {max(run['peak_bytes'] for run in results) / 1e6:.0f} MB | {word_error_rate(clips, results[0]['texts']):.2f} |")


def save_texts(runs, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, results in runs.items():
        with open(folder / f"{name.replace(' ', '-')}.tsv", "w", encoding="utf-8") as file:
            file.write("id\ttext\n")
            file.writelines(f"{clip}\t{' '.join(text.split())}\n" for clip, text in results[0]["texts"].items())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--min-seconds", type=float, default=0)
    parser.add_argument("--max-seconds", type=float, default=1e9)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--texts", type=Path)
    args = parser.parse_args()
    enter_environment()
    clips = read_clips(args)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        paths = prepare_models(args.model, work)
        runs = {name: [] for name in paths}
        for index in range(args.rounds):
            for name in paths:
                print(f"\rround {index + 1} of {args.rounds}: {name}          ", end="", file=sys.stderr, flush=True)
                runs[name].append(measured_run(name, paths[name], clips, args.threads, work))
    print(file=sys.stderr)
    if args.texts:
        save_texts(runs, args.texts)
    print_table(runs, clips, args)


if __name__ == "__main__":
    main()
