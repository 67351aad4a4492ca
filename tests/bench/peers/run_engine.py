"""Transcribes clips with one engine in a process of its own and prints JSON: load seconds, peak memory, and per clip text and seconds.

usage: run_engine.py {faster-whisper|faster-whisper-batch|whisper.cpp} MODEL MANIFEST THREADS [WEIGHTS]
Greedy, no fallback, no text carried over, English; decoding of the audio file is not timed.
MANIFEST: lines of `id<TAB>path`.
"""
import json
import resource
import sys
import time


def load_faster_whisper(model_path, threads, weights):
    from faster_whisper import WhisperModel
    model = WhisperModel(model_path, device="cpu", compute_type=weights, cpu_threads=threads, num_workers=1)

    def transcribe(audio):
        segments, _ = model.transcribe(audio, language="en", beam_size=1, best_of=1, temperature=0,
                                       condition_on_previous_text=False)
        return "".join(segment.text for segment in segments)
    return transcribe


def load_batched_faster_whisper(model_path, threads, weights):
    """Cuts recordings with its voice detector and decodes up to eight windows at once."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel
    model = WhisperModel(model_path, device="cpu", compute_type=weights, cpu_threads=threads, num_workers=1)
    pipeline = BatchedInferencePipeline(model=model)

    def transcribe(audio):
        segments, _ = pipeline.transcribe(audio, language="en", beam_size=1, best_of=1, temperature=0, batch_size=8)
        return "".join(segment.text for segment in segments)
    return transcribe


def load_whisper_cpp(model_path, threads, _):
    from pywhispercpp.model import Model
    model = Model(model_path, n_threads=threads, print_progress=False, print_realtime=False, language="en",
                  redirect_whispercpp_logs_to=None, no_context=True, temperature=0.0, temperature_inc=0.0,
                  greedy={"best_of": 1}, suppress_blank=True)

    def transcribe(audio):
        return "".join(" " + segment.text for segment in model.transcribe(audio))
    return transcribe


LOADERS = {"faster-whisper": load_faster_whisper, "faster-whisper-batch": load_batched_faster_whisper,
           "whisper.cpp": load_whisper_cpp}


def main():
    engine, model_path, manifest, threads = sys.argv[1:5]
    from faster_whisper.audio import decode_audio
    clips = [line.rstrip("\n").split("\t") for line in open(manifest, encoding="utf-8")]
    audio = {clip: decode_audio(path) for clip, path in clips}
    begin = time.perf_counter()
    transcribe = LOADERS[engine](model_path, int(threads), sys.argv[5] if len(sys.argv) > 5 else "")
    load_seconds = time.perf_counter() - begin
    results = []
    for clip, _ in clips:
        begin = time.perf_counter()
        text = transcribe(audio[clip])
        results.append({"id": clip, "text": text.strip(), "seconds": time.perf_counter() - begin,
                        "audio_seconds": len(audio[clip]) / 16000})
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    json.dump({"load_seconds": load_seconds, "peak_bytes": peak_bytes, "clips": results}, sys.stdout)


if __name__ == "__main__":
    main()
