#!/usr/bin/env python3
"""Makes the synthetic recordings of the audio tests: fuzz seeds (tests/fuzz/seeds/fuzz_audio) and tests/data/audio.

Tones only, nothing recorded. WAV is written here; FLAC and MP3 need the command-line tools `flac` and `lame`. Run it only
to change the files: the results are committed.
"""
import argparse
import math
import pathlib
import struct
import subprocess
import tempfile

PCM, FLOAT, ALAW, MULAW, IMA_ADPCM = 1, 3, 6, 7, 0x11


def wav(codec, bits, rate, channels, data, block_bytes=None, extra=b""):
    """A RIFF file around sample data that is already encoded."""
    block_bytes = block_bytes or channels * bits // 8
    fmt = struct.pack("<HHIIHH", codec, channels, rate, rate * block_bytes, block_bytes, bits) + extra
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tone(count, rate, *partials):
    """`count` samples of one channel; a partial is (amplitude, frequency in Hz)."""
    return [sum(a * math.sin(2 * math.pi * f * i / rate) for a, f in partials) for i in range(count)]


def integers(samples, bits):
    """Rounded as the tests do: halves away from zero."""
    scale = 2 ** (bits - 1)
    return [int(math.copysign(math.floor(abs(x) * scale + 0.5), x)) for x in samples]


def pcm(samples, bits):
    offset = 128 if bits == 8 else 0
    return b"".join((q + offset).to_bytes(bits // 8, "little", signed=bits != 8) for q in integers(samples, bits))


def interleave(*channels):
    return [x for frame in zip(*channels) for x in frame]


def encode(tool, arguments, wav_bytes, suffix):
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "in.wav"), pathlib.Path(folder, "out" + suffix)
        source.write_bytes(wav_bytes)
        subprocess.run([tool, *arguments, str(source), *(["-o"] if tool == "flac" else []), str(target)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return target.read_bytes()


def flac(wav_bytes):
    return encode("flac", ["--best", "--blocksize=256", "--no-padding", "--no-seektable"], wav_bytes, ".flac")


def mp3(wav_bytes, kilobits):
    return encode("lame", ["-b", str(kilobits), "--cbr"], wav_bytes, ".mp3")


def seeds():
    short = tone(200, 8000, (0.5, 440), (0.2, 1330))
    stereo = interleave(short, tone(200, 8000, (0.3, 700)))
    for bits in (8, 16, 24, 32):
        yield f"pcm{bits}.wav", wav(PCM, bits, 8000, 1, pcm(short, bits))
    yield "pcm16_stereo_48000.wav", wav(PCM, 16, 48000, 2, pcm(stereo, 16))
    yield "float32.wav", wav(FLOAT, 32, 16000, 1, struct.pack("<200f", *short))
    yield "float64.wav", wav(FLOAT, 64, 16000, 1, struct.pack("<200d", *short))
    yield "alaw.wav", wav(ALAW, 8, 8000, 1, bytes(range(256)))
    yield "mulaw.wav", wav(MULAW, 8, 8000, 1, bytes(range(256)))
    # One block: a header (predictor, step index) and 64 samples of 4 bits.
    adpcm = struct.pack("<hBB", 0, 20, 0) + bytes((i * 37) % 256 for i in range(32))
    yield "ima_adpcm.wav", wav(IMA_ADPCM, 4, 8000, 1, adpcm * 4, len(adpcm), struct.pack("<HH", 2, 65))
    yield "streamed.wav", wav(PCM, 16, 16000, 1, pcm(short, 16)).replace(struct.pack("<I", 400), b"\xff\xff\xff\xff")
    yield "tone.flac", flac(wav(PCM, 16, 16000, 1, pcm(tone(600, 16000, (0.5, 440)), 16)))
    yield "stereo24.flac", flac(wav(PCM, 24, 44100, 2, pcm(stereo, 24)))
    yield "silence.flac", flac(wav(PCM, 16, 8000, 1, bytes(4000)))
    yield "tone.mp3", mp3(wav(PCM, 16, 16000, 1, pcm(tone(3000, 16000, (0.5, 440)), 16)), 32)
    yield "stereo.mp3", mp3(wav(PCM, 16, 44100, 2, pcm(interleave(*[tone(3000, 44100, (0.5, 440))] * 2), 16)), 64)


def test_data():
    """The tests recompute these samples; keep the numbers in step with audio_reader_test.cc."""
    yield "tone_16000_mono.flac", flac(wav(PCM, 16, 16000, 1, pcm(tone(4000, 16000, (0.5, 440)), 16)))
    left, right = tone(11025, 44100, (0.5, 440)), tone(11025, 44100, (0.25, 1000))
    yield "tones_44100_stereo.flac", flac(wav(PCM, 24, 44100, 2, pcm(interleave(left, right), 24)))
    yield "short_44100_stereo.mp3", mp3(wav(PCM, 16, 44100, 2, pcm(interleave(left, right)[:8000], 16)), 64)
    yield "tone_44100_mono.mp3", mp3(wav(PCM, 16, 44100, 1, pcm(tone(22050, 44100, (0.5, 440)), 16)), 64)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tests", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the tests folder to write into")
    tests = parser.parse_args().tests
    for folder, files in ((tests / "fuzz/seeds/fuzz_audio", seeds()), (tests / "data/audio", test_data())):
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files:
            (folder / name).write_bytes(data)
            print(f"{folder / name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
