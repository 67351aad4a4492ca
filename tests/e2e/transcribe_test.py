#!/usr/bin/env python3
"""earshot transcribe: results, formats, inputs, errors."""

import array
import json
import os
import re
import resource
import signal
import subprocess
import unittest

from support import (BASE, BECKETT, BECKETT_WORDS, CITIES, CITIES_WORDS, TINY, EarshotTest, earshot, plain, read_wav,
                     resampled, write_wav)


def transcribe(*arguments, model=TINY, **options):
    return earshot("transcribe", "--model", model, *arguments, **options)


def peak_mb(result):
    return float(re.search(r"peak memory ([\d.]+) MB", result.stderr).group(1))


def seconds(timestamp):
    """Of "[HH:]MM:SS.mmm" with a point or comma."""
    total = 0.0
    for part in timestamp.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


class Results(EarshotTest):

    def test_text_is_right_and_goes_to_standard_output(self):
        result = transcribe(BECKETT, threads=None)  # as many as the program likes
        self.assert_ok(result)
        self.assert_has_words(result.stdout, BECKETT_WORDS)

    def test_a_recording_longer_than_a_window_is_whole(self):
        result = transcribe(CITIES)
        self.assert_ok(result)
        self.assert_has_words(result.stdout, CITIES_WORDS)

    def test_results_do_not_vary_between_runs_and_thread_counts(self):
        texts = [transcribe(CITIES, "--format", "json", threads=threads).stdout for threads in (1, 2, 2)]
        self.assertTrue(texts[0])
        self.assertEqual(texts[0], texts[1])
        self.assertEqual(texts[1], texts[2])

    def test_the_final_line_has_speed_and_memory(self):
        result = transcribe(BECKETT)
        self.assertRegex(result.stderr, r"beckett\.wav: 10\.0 s in [\d.]+ s \([\d.]+x real time\), peak memory [\d.]+ MB\n$")
        self.assertNotIn("\r", result.stderr)  # no progress where nobody looks

    def test_quiet_says_nothing(self):
        result = transcribe(BECKETT, "--quiet")
        self.assert_ok(result)
        self.assertEqual(result.stderr, "")
        self.assert_has_words(result.stdout, BECKETT_WORDS)

    def test_no_timestamps_gives_a_segment_for_each_window(self):
        result = transcribe(CITIES, "--no-timestamps", "--whole-windows", "--format", "json")
        self.assert_ok(result)
        segments = json.loads(result.stdout)["segments"]
        self.assertEqual([segment["start"] for segment in segments], [0, 30])

    def test_windows_end_in_pauses(self):
        result = transcribe(CITIES, "--no-timestamps", "--format", "json")
        self.assert_ok(result)
        segments = json.loads(result.stdout)["segments"]
        self.assertEqual(len(segments), 2)
        self.assertEqual(segments[0]["start"], 0)
        # 44 s: around the middle, as each of two windows has room for more.
        self.assertTrue(14 < segments[1]["start"] < 30, segments)
        self.assertRegex(segments[0]["text"].strip(), r"[.,;:!?]$")

    def test_decoding_options_are_understood(self):
        result = transcribe(BECKETT, "--temperature", "0,0.5", "--no-fallback", "--best-of", 2, "--seed", 7,
                            "--condition-on-previous-text", "--compression-ratio-threshold", 3, "--logprob-threshold", -2,
                            "--no-speech-threshold", 0.9, "--padding", "zero-mel")
        self.assert_ok(result)
        self.assert_has_words(result.stdout, BECKETT_WORDS)

    def test_beams_hear_the_same_words_and_take_memory_only_if_asked_for(self):
        greedy, beams = transcribe(BECKETT), transcribe(BECKETT, "--beam-size", 5)
        self.assert_ok(beams)
        self.assert_has_words(beams.stdout, BECKETT_WORDS)
        self.assertEqual(beams.stdout, transcribe(BECKETT, "--beam-size", 5, threads=2).stdout)
        self.assertLess(peak_mb(greedy), peak_mb(beams))

    def test_windows_side_by_side_hear_the_same_words_and_take_memory_only_if_asked_for(self):
        alone, together = transcribe(CITIES), transcribe(CITIES, "--batch-size", 4)
        self.assert_ok(together)
        self.assert_has_words(together.stdout, CITIES_WORDS)
        self.assertEqual(together.stdout, transcribe(CITIES, "--batch-size", 4, threads=2).stdout)
        self.assertLess(peak_mb(alone), peak_mb(together))
        short = transcribe(BECKETT, "--batch-size", 8)  # one window: nothing to decode side by side
        self.assertEqual(short.stdout, transcribe(BECKETT).stdout)

    def test_windows_side_by_side_want_greedy_decoding(self):
        for others in (["--beam-size", 2], ["--temperature", "0.2"], ["--condition-on-previous-text"]):
            self.assert_fails(transcribe(CITIES, "--batch-size", 4, *others), 2, "side by side")

    def test_max_tokens_cuts_a_window_short(self):
        result = transcribe(BECKETT, "--max-tokens", 6, "--no-fallback", "--format", "json")
        self.assert_ok(result)
        self.assertLessEqual(sum(len(segment["tokens"]) for segment in json.loads(result.stdout)["segments"]), 6)

    def test_samples_are_the_same_for_the_same_seed(self):
        hot = ("--temperature", "1", "--best-of", "1", "--logprob-threshold", "-100", "--compression-ratio-threshold", "100")
        first, again = (transcribe(BECKETT, *hot, "--seed", 5).stdout for _ in range(2))
        self.assertEqual(first, again)


class Formats(EarshotTest):

    def test_json_has_all_keys(self):
        result = transcribe(CITIES, "--format", "json")
        self.assert_ok(result)
        document = json.loads(result.stdout)
        self.assertEqual(document["language"], "en")
        self.assertAlmostEqual(document["duration"], 44.374, delta=0.01)
        self.assert_has_words(document["text"], CITIES_WORDS)
        self.assertEqual("".join(segment["text"] for segment in document["segments"]).strip(), document["text"].strip())
        end = 0
        for index, segment in enumerate(document["segments"]):
            self.assertEqual(segment["id"], index)
            self.assertGreaterEqual(segment["start"], end - 0.001)
            self.assertGreater(segment["end"], segment["start"])
            end = segment["end"]
            self.assertTrue(all(isinstance(token, int) for token in segment["tokens"]))
            self.assertLess(segment["avg_logprob"], 0)
            self.assertTrue(0 <= segment["no_speech_prob"] <= 1)
            self.assertGreaterEqual(segment["temperature"], 0)
        self.assertLessEqual(end, document["duration"] + 0.001)

    def check_cues(self, cues):
        """Each cue is (start, end, text)."""
        self.assertGreater(len(cues), 1)
        last = 0.0
        for start, end, text in cues:
            self.assertGreaterEqual(start, last - 0.001)
            self.assertGreater(end, start)
            self.assertTrue(text.strip())
            last = end
        self.assert_has_words(" ".join(text for _, _, text in cues), CITIES_WORDS)

    def test_srt_can_be_parsed(self):
        result = transcribe(CITIES, "--format", "srt")
        self.assert_ok(result)
        cues = []
        for number, block in enumerate(result.stdout.strip().split("\n\n"), start=1):
            index, times, text = block.split("\n", 2)
            self.assertEqual(index, str(number))
            match = re.fullmatch(r"(\d\d:\d\d:\d\d,\d\d\d) --> (\d\d:\d\d:\d\d,\d\d\d)", times)
            self.assertTrue(match, times)
            cues.append((seconds(match[1]), seconds(match[2]), text))
        self.check_cues(cues)

    def test_vtt_can_be_parsed(self):
        result = transcribe(CITIES, "--format", "vtt")
        self.assert_ok(result)
        header, *blocks = result.stdout.strip().split("\n\n")
        self.assertEqual(header, "WEBVTT")
        cues = []
        for block in blocks:
            times, text = block.split("\n", 1)
            match = re.fullmatch(r"((?:\d\d:)?\d\d:\d\d\.\d\d\d) --> ((?:\d\d:)?\d\d:\d\d\.\d\d\d)", times)
            self.assertTrue(match, times)
            cues.append((seconds(match[1]), seconds(match[2]), text))
        self.check_cues(cues)

    def test_tsv_can_be_parsed(self):
        result = transcribe(CITIES, "--format", "tsv")
        self.assert_ok(result)
        header, *lines = result.stdout.splitlines()
        self.assertEqual(header.split("\t"), ["start", "end", "text"])
        rows = [line.split("\t") for line in lines]
        self.check_cues([(int(start) / 1000, int(end) / 1000, text) for start, end, text in rows])

    def test_all_formats_at_once_into_a_new_directory(self):
        target = self.folder / "new" / "out"
        result = transcribe(BECKETT, CITIES, "--format", "txt,srt,vtt,tsv,json", "--output-dir", target)
        self.assert_ok(result)
        self.assertEqual(result.stdout, "")
        expected = {f"{stem}.{format}" for stem in ("beckett", "two_cities") for format in ("txt", "srt", "vtt", "tsv", "json")}
        self.assertEqual(set(os.listdir(target)), expected)
        self.assert_has_words((target / "beckett.txt").read_text(), BECKETT_WORDS)
        self.assertEqual((target / "beckett.srt").read_text(), transcribe(BECKETT, "--format", "srt").stdout)

    def test_several_files_as_text_have_headings(self):
        result = transcribe(BECKETT, CITIES)
        self.assert_ok(result)
        first, second = result.stdout.split(f"\n==> {CITIES} <==\n")
        self.assertTrue(first.startswith(f"==> {BECKETT} <==\n"))
        self.assert_has_words(first, BECKETT_WORDS)
        self.assert_has_words(second, CITIES_WORDS)

    def test_several_files_as_json_are_one_object_a_line(self):
        result = transcribe(BECKETT, CITIES, "--format", "json")
        self.assert_ok(result)
        texts = [json.loads(line)["text"] for line in result.stdout.splitlines()]
        self.assertEqual(len(texts), 2)
        self.assert_has_words(texts[1], CITIES_WORDS)


class Inputs(EarshotTest):

    def test_standard_input_gives_the_same_text(self):
        result = transcribe("-", input=BECKETT.read_bytes())
        self.assert_ok(result)
        self.assertEqual(result.stdout, transcribe(BECKETT).stdout)
        self.assertIn("standard input: 10.0 s", result.stderr)

    def test_standard_input_gets_a_name_in_the_output_directory(self):
        result = transcribe("-", "--output-dir", self.folder, input=BECKETT.read_bytes())
        self.assert_ok(result)
        self.assert_has_words((self.folder / "stdin.txt").read_text(), BECKETT_WORDS)

    def test_a_named_pipe_is_read(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen(["sh", "-c", 'cat "$0" > "$1"', str(BECKETT), str(pipe)]) as writer:
            result = transcribe(pipe)
            writer.kill()
        self.assert_ok(result)
        self.assert_has_words(result.stdout, BECKETT_WORDS)

    def test_44100_hz_stereo(self):
        rate, samples = read_wav(BECKETT)
        mono = resampled(samples, rate, 44100)
        stereo = array.array("h", bytes(4 * len(mono)))
        stereo[0::2] = mono
        stereo[1::2] = mono
        path = self.folder / "stereo.wav"
        write_wav(path, 44100, stereo, channels=2)
        result = transcribe(path)
        self.assert_ok(result)
        self.assert_has_words(result.stdout, BECKETT_WORDS)
        self.assertIn("stereo.wav: 10.0 s", result.stderr)

    def test_a_recording_that_is_cut_off_gives_what_there_is_and_a_warning(self):
        path = self.folder / "cut.wav"
        path.write_bytes(BECKETT.read_bytes()[:200_000])  # 6.2 of 10 s
        result = transcribe(path)
        self.assert_ok(result)
        self.assert_has_words(result.stdout, BECKETT_WORDS[:3])
        self.assertIn("warning", result.stderr)
        self.assertIn("cut off", result.stderr)
        self.assertEqual(transcribe(path, "--quiet").stderr, "")

    def test_silence_gives_no_text(self):
        path = self.folder / "silence.wav"
        write_wav(path, 16000, array.array("h", bytes(2 * 16000 * 5)))
        result = transcribe(path)
        self.assert_ok(result)
        self.assertEqual(plain(result.stdout), "")

    def test_a_wav_whose_lengths_were_never_filled_in_is_whole(self):
        content = bytearray(BECKETT.read_bytes())
        data = content.index(b"data")
        content[4:8] = content[data + 4:data + 8] = bytes(4)
        path = self.folder / "stream.wav"
        path.write_bytes(content)
        for result in (transcribe(path), transcribe("-", input=bytes(content))):
            self.assert_ok(result)
            self.assert_has_words(result.stdout, BECKETT_WORDS)  # what follows the samples is heard, too: a comma may change
            self.assertNotIn("warning", result.stderr)

    def test_no_samples_give_no_text(self):
        path = self.folder / "nothing.wav"
        write_wav(path, 16000, array.array("h"))
        for model in (TINY, BASE):
            result = transcribe(path, "--format", "json", model=model)
            self.assert_ok(result)
            document = json.loads(result.stdout)
            self.assertEqual((document["text"], document["segments"], document["duration"]), ("", [], 0))
        self.assertEqual(transcribe("-", input=path.read_bytes()).stdout, "")
        self.assert_ok(transcribe(path, BECKETT, "--output-dir", self.folder))
        self.assertEqual((self.folder / "nothing.txt").read_text(), "")

    def test_a_blink_of_audio_gives_no_text(self):
        path = self.folder / "blink.wav"
        write_wav(path, 16000, array.array("h", bytes(2 * 100)))
        result = transcribe(path, "--format", "json")
        self.assert_ok(result)
        self.assertEqual(json.loads(result.stdout)["segments"], [])


class Languages(EarshotTest):

    def test_the_language_is_detected_and_named(self):
        result = transcribe(BECKETT, "--format", "json", model=BASE)
        self.assert_ok(result)
        self.assertEqual(json.loads(result.stdout)["language"], "en")
        self.assertRegex(result.stderr, r"language en \(\d+ %\)")

    def test_a_given_language_is_used(self):
        result = transcribe(BECKETT, "--format", "json", "--language", "DE", model=BASE)
        self.assert_ok(result)
        self.assertEqual(json.loads(result.stdout)["language"], "de")

    def test_an_unknown_language_is_refused_with_a_list(self):
        self.assert_fails(transcribe(BECKETT, "--language", "klingon", model=BASE), 2, "klingon", " de ", " en ", " zh")

    def test_an_english_model_refuses_other_languages_and_translation(self):
        self.assert_fails(transcribe(BECKETT, "--language", "de"), 2, "only English", '"de"', "multilingual")
        self.assert_fails(transcribe(BECKETT, "--task", "translate"), 2, "cannot translate", "multilingual")
        self.assert_ok(transcribe(BECKETT, "--language", "en"))

    def test_translation_runs(self):
        result = transcribe(BECKETT, "--task", "translate", "--language", "en", model=BASE)
        self.assert_ok(result)
        self.assertTrue(plain(result.stdout))


class Errors(EarshotTest):

    def test_a_missing_file_does_not_stop_the_others(self):
        result = transcribe("no-such-file.wav", BECKETT)
        self.assert_fails(result, 1, "no-such-file.wav", "No such file", "check the path")
        self.assert_has_words(result.stdout, BECKETT_WORDS)
        self.assert_fails(transcribe(""), 1, "the name of a file is empty")
        self.assert_fails(transcribe(BECKETT, model=""), 1, "the name of a file is empty")

    def test_a_directory_as_a_recording(self):
        self.assert_fails(transcribe(self.folder), 1, self.folder, "directory")

    def test_an_empty_recording(self):
        path = self.folder / "empty.wav"
        path.touch()
        self.assert_fails(transcribe(path), 1, path)
        self.assert_fails(transcribe("-", input=b""), 1, "standard input")

    def test_a_text_as_a_recording(self):
        path = self.folder / "letter.wav"
        path.write_text("Dear Sir or Madam, will you read my book?\n" * 100)
        self.assert_fails(transcribe(path), 1, path, "WAV")

    def test_a_missing_model(self):
        self.assert_fails(transcribe(BECKETT, model="no-such.earshot"), 1, "no-such.earshot", "No such file")

    def test_models_that_are_none(self):
        for name, content in (("empty", b""), ("text", b"hello, world\n" * 1000), ("zeros", bytes(100_000))):
            path = self.folder / f"{name}.earshot"
            path.write_bytes(content)
            self.assert_fails(transcribe(BECKETT, model=path), 1, path)
        self.assert_fails(transcribe(BECKETT, model=self.folder), 1, self.folder, "directory")
        self.assert_fails(transcribe(BECKETT, model=BECKETT), 1, BECKETT)

    def test_truncated_models(self):
        with open(TINY, "rb") as file:
            content = file.read()
        for share in (0.0001, 0.01, 0.5, 0.999999):
            path = self.folder / "cut.earshot"
            path.write_bytes(content[:int(len(content) * share)])
            self.assert_fails(transcribe(BECKETT, model=path), 1, path)

    def test_wrong_command_lines(self):
        for arguments in (["--no-such-option", BECKETT], [], ["--format", "doc", BECKETT], ["--task", "sing", BECKETT], ["--padding", "soft", BECKETT], ["--temperature", "-1", BECKETT],
                          ["--format", "srt,txt", BECKETT], ["--format", "srt", BECKETT, CITIES], ["-", "-"]):
            with self.subTest(arguments=arguments):
                result = transcribe(*arguments)
                self.assert_fails(result, 2)
                self.assertEqual(result.stdout, "")
        for threads in ("0", "65", "many"):
            self.assert_fails(transcribe(BECKETT, threads=threads), 2, "threads")
        self.assert_fails(earshot("transcribe", BECKETT), 2, "--model", "earshot transcribe --help")
        self.assert_fails(transcribe("--foo"), 2, "--foo", "earshot transcribe --help")
        self.assert_fails(earshot("transliterate", threads=None), 2, "transliterate", "earshot --help")

    def test_two_inputs_of_one_name(self):
        other = self.folder / "beckett.mp3"
        other.write_bytes(BECKETT.read_bytes())
        target = self.folder / "out"
        result = transcribe(BECKETT, other, "--output-dir", target)
        self.assert_fails(result, 2, BECKETT, other, "beckett.txt")
        self.assertFalse(target.exists())

    def test_a_recording_is_not_replaced_by_its_transcript(self):
        recording, other = self.folder / "talk.txt", self.folder / "other.json"
        recording.write_bytes(BECKETT.read_bytes())
        other.symlink_to(BECKETT)
        result = transcribe(recording, "--output-dir", self.folder)
        self.assert_fails(result, 2, "replace the input", recording)
        self.assert_fails(transcribe(other, "--format", "srt,json", "--output-dir", self.folder), 2, other)
        with open(recording, "rb") as file:
            self.assert_fails(transcribe("-", "--output-dir", self.stdin_folder(recording), stdin=file), 2, "stdin.txt")
        self.assertEqual(recording.read_bytes(), BECKETT.read_bytes())

    def stdin_folder(self, recording):
        """A folder in which the transcript of standard input would be the recording."""
        folder = self.folder / "stdin"
        folder.mkdir()
        os.link(recording, folder / "stdin.txt")
        return folder

    def test_an_output_directory_that_cannot_be(self):
        path = self.folder / "file"
        path.touch()
        self.assert_fails(transcribe(BECKETT, "--output-dir", path), 1, path)
        self.assert_fails(transcribe(BECKETT, "--output-dir", path / "below"), 1, path)
        if os.geteuid() != 0:
            locked = self.folder / "locked"
            locked.mkdir(mode=0o555)
            self.assert_fails(transcribe(BECKETT, "--output-dir", locked), 1, locked)

    def test_a_full_disk_behind_standard_output(self):
        for format in ("txt", "json"):
            with open("/dev/full", "wb") as full:
                self.assert_fails(transcribe(BECKETT, "--format", format, stdout=full), 1, "No space left")

    def test_a_full_disk_behind_the_output_directory_leaves_no_partial_file(self):
        def limit():  # a write beyond 20 bytes fails instead of ending the process
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))

        result = transcribe(BECKETT, "--output-dir", self.folder, preexec_fn=limit, restore_signals=False)
        self.assert_fails(result, 1, "beckett.txt")
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_reader_that_leaves_ends_it_quietly(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        result = transcribe(BECKETT, "--quiet", stdout=write_end)
        os.close(write_end)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stderr, "")


if __name__ == "__main__":
    unittest.main()
