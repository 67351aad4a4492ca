"""What the end-to-end tests share: where things are, how to run `earshot`, recordings made on the fly."""

import array
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import wave

BINARIES = pathlib.Path(os.environ["EARSHOT_BINARY_DIR"])
MODELS = pathlib.Path(os.environ["EARSHOT_TEST_MODELS_DIR"])
SPEECH = pathlib.Path(os.environ["EARSHOT_DOWNLOADS_DIR"]) / "speech"
EMULATOR = [part for part in os.environ.get("EARSHOT_EMULATOR", "").split("|") if part]

TINY = str(MODELS / "whisper-tiny.en.int8.earshot")
BASE = str(MODELS / "whisper-base.int8.earshot")

BECKETT = SPEECH / "beckett.wav"  # 10 s at 16 kHz
BECKETT_WORDS = ("ever tried", "ever failed", "no matter", "try again", "fail again", "fail better")
CITIES = SPEECH / "two_cities.wav"  # 44 s at 48 kHz, more than one window
CITIES_WORDS = ("it was the best of times", "the worst of times", "the age of wisdom", "the season of light")


def command(*arguments, threads=1):
    """Tests run side by side, and threads that wait for each other on a busy machine are slow: one, unless told otherwise."""
    more = ["--threads", threads] if threads is not None and arguments else []
    return [*EMULATOR, str(BINARIES / "earshot"), *map(str, [*arguments, *more])]


def earshot(*arguments, threads=1, timeout=300, **options):
    """Runs the program to its end. Text streams unless `input` is bytes."""
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    result = subprocess.run(command(*arguments, threads=threads), timeout=timeout, check=False, **options)
    for name in ("stdout", "stderr"):
        if isinstance(getattr(result, name), bytes):
            setattr(result, name, getattr(result, name).decode())
    return result


def plain(text):
    """Lower-case words separated by single spaces, without punctuation."""
    return " ".join("".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split())


def read_wav(path):
    """Rate and samples of a 16-bit mono file."""
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 1 and file.getsampwidth() == 2
        return file.getframerate(), array.array("h", file.readframes(file.getnframes()))


def write_wav(path, rate, samples, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def tensors(path, dtype="F32"):
    """Shapes and numbers of one type of a safetensors file."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    result = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__" and entry["dtype"] == dtype:
            begin, end = entry["data_offsets"]
            result[name] = entry["shape"], array.array({"F32": "f", "I64": "q"}[dtype], data[8 + size + begin:8 + size + end])
    return result


def write_float_wav(path, samples):
    """Mono, 16 kHz."""
    data = array.array("f", samples).tobytes()
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, 16000, 64000, 4, 32, b"data",
                         len(data))
    path.write_bytes(header + data)


def resampled(samples, rate, new_rate):
    """Linear interpolation: good enough for speech."""
    result = array.array("h")
    for i in range(len(samples) * new_rate // rate - 1):
        position = i * rate / new_rate
        whole = int(position)
        following = samples[min(whole + 1, len(samples) - 1)]
        result.append(round(samples[whole] + (following - samples[whole]) * (position - whole)))
    return result


class EarshotTest(unittest.TestCase):
    """A test with a folder of its own."""

    maxDiff = None
    program = "earshot"

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="earshot-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def assert_ok(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)

    def assert_fails(self, result, code, *words):
        """The exit code, and an error message with all of the words."""
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(f"{self.program}: error: ", result.stderr)
        for word in words:
            self.assertIn(str(word), result.stderr)

    def assert_has_words(self, text, phrases):
        for phrase in phrases:
            self.assertIn(phrase, plain(text))
