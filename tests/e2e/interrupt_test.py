#!/usr/bin/env python3
"""earshot transcribe on a terminal and at Ctrl-C."""

import array
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import unittest

from support import BECKETT, BECKETT_WORDS, CITIES, TINY, EarshotTest, command, plain, read_wav, write_wav


class Interrupt(EarshotTest):

    def long_recording(self):
        """Ten minutes."""
        rate, samples = read_wav(BECKETT)
        path = self.folder / "long.wav"
        write_wav(path, rate, samples * 60)
        return path

    def start(self, *arguments, **options):
        process = subprocess.Popen(command("transcribe", "--model", TINY, *arguments), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def test_what_was_decoded_is_printed(self):
        process = self.start(self.long_recording(), BECKETT)
        heading = process.stdout.readline()
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130)
        self.assertIn("long.wav", heading)
        self.assertIn("ever tried", plain(first + rest))
        self.assertNotIn(str(BECKETT), rest)  # the next file was not begun
        self.assertRegex(errors, r"long\.wav: interrupted after \d+:\d\d of 9:58; its transcript is incomplete")
        self.assertIn("not begun: 1 more", errors)

    def test_what_was_decoded_is_written(self):
        recording = self.long_recording()
        process = self.start(recording, "--format", "json,txt", "--output-dir", self.folder / "out")
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("incomplete", errors)
        document = json.loads((self.folder / "out" / "long.json").read_text())
        self.assertAlmostEqual(document["duration"], 597.8, delta=0.1)
        self.assertEqual(sorted(os.listdir(self.folder / "out")), ["long.json", "long.txt"])

    def test_while_waiting_for_standard_input(self):
        process = self.start("-", stdin=subprocess.PIPE)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        try:
            self.assertEqual(process.wait(timeout=60), 130)
        finally:
            process.stdin.close()

    def test_termination_is_as_clean(self):
        process = self.start(self.long_recording())
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertIn("incomplete", errors)


class Terminal(EarshotTest):

    def run_on_terminal(self, *arguments, columns=100, stdout_too=False):
        """What the terminal got, and standard output where it is not the terminal."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
        process = subprocess.Popen(command("transcribe", "--model", TINY, *arguments), stdin=subprocess.DEVNULL,
                                   stdout=follower if stdout_too else subprocess.PIPE, stderr=follower,
                                   env={**os.environ, "TERM": "xterm"})
        os.close(follower)
        seen = b""
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:  # how Linux says that nobody has the terminal open any more
                break
            if not piece:
                break
            seen += piece
        os.close(leader)
        output = "" if stdout_too else process.stdout.read().decode()
        if process.stdout:
            process.stdout.close()
        self.assertEqual(process.wait(timeout=60), 0, seen)
        return seen.decode(), output

    @staticmethod
    def visible(seen):
        """The lines that stay on the screen: a line is what was written since the last erasure."""
        return [re.split(r"\r\x1b\[K|\r(?!$)", line.rstrip("\r"))[-1] for line in seen.split("\n")]

    def test_progress_is_shown_and_erased(self):
        seen, output = self.run_on_terminal(CITIES, columns=400)
        self.assertRegex(seen, r"two_cities\.wav  0%  0:00 of 0:44")
        self.assertRegex(seen, r"two_cities\.wav  \d\d%  0:\d\d of 0:44  [\d.]+x real time  0:\d\d left")
        last, empty = self.visible(seen)
        self.assertRegex(last, r"^[^\r]*two_cities\.wav: 44\.4 s in [\d.]+ s \([\d.]+x real time\), peak memory [\d.]+ MB$")
        self.assertEqual(empty, "")
        self.assertNotIn("%", output)

    def test_a_long_path_does_not_hide_the_time_left(self):
        folder = self.folder / "a folder with a name of some length" / "and another one that is even longer than that"
        folder.mkdir(parents=True)
        link = folder / "two_cities.wav"
        link.symlink_to(CITIES)
        seen, _ = self.run_on_terminal(link, columns=80)
        self.assertRegex(seen, r"\r\.\.\.[^\r]*cities\.wav  \d\d%  0:\d\d of 0:44  [\d.]+x real time  0:\d\d left\x1b")

    def test_progress_is_no_wider_than_the_terminal(self):
        seen, _ = self.run_on_terminal(CITIES, columns=20)
        for line in re.findall(r"\r([^\r\n\x1b]*)\x1b\[K", seen):
            self.assertLess(len(line), 20)

    def test_results_on_the_same_terminal_are_not_mixed_with_progress(self):
        seen, _ = self.run_on_terminal(BECKETT, stdout_too=True)
        lines = self.visible(seen)
        text = " ".join(line for line in lines if "peak memory" not in line)
        self.assertNotIn("%", text)
        self.assert_has_words(text, BECKETT_WORDS)

    def test_quiet_shows_none(self):
        seen, output = self.run_on_terminal(BECKETT, "--quiet")
        self.assertEqual(seen, "")
        self.assert_has_words(output, BECKETT_WORDS)


if __name__ == "__main__":
    unittest.main()
