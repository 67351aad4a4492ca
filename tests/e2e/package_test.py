#!/usr/bin/env python3
"""A project outside of the tree that finds the installed libearshot, builds against it and transcribes."""

import array
import os
import pathlib
import shutil
import subprocess
import unittest

from support import BECKETT, BECKETT_WORDS, EMULATOR, TINY, EarshotTest, read_wav

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "platform" / "api" / "examples"
BUILD = pathlib.Path(os.environ["EARSHOT_BUILD_DIR"])
TOOLCHAIN = os.environ.get("EARSHOT_TOOLCHAIN_FILE", "")


def run(*command, **options):
    return subprocess.run(list(map(str, command)), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
                          **options)


class Package(EarshotTest):

    def test_a_project_of_its_own_finds_the_library_and_transcribes(self):
        prefix, project, build = (self.folder / name for name in ("prefix", "project", "build"))
        self.assert_runs(run("cmake", "--install", BUILD, "--prefix", prefix))
        project.mkdir()
        for file in (EXAMPLES / "transcribe.c", EXAMPLES / "transcribe.cc", EXAMPLES / "installed" / "CMakeLists.txt"):
            shutil.copy(file, project)
        toolchain = [f"-DCMAKE_TOOLCHAIN_FILE={TOOLCHAIN}"] if TOOLCHAIN else []
        self.assert_runs(run("cmake", "-G", "Ninja", "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", *toolchain))
        self.assert_runs(run("cmake", "--build", build))

        self.assert_has_words(self.assert_runs(run(*EMULATOR, build / "transcribe_cc", TINY, BECKETT)), BECKETT_WORDS)
        rate, samples = read_wav(BECKETT)
        self.assertEqual(rate, 16000)
        floats = array.array("f", (sample / 32768 for sample in samples)).tobytes()
        self.assert_has_words(self.assert_runs(run(*EMULATOR, build / "transcribe_c", TINY, input=floats)), BECKETT_WORDS)

    def test_what_is_installed_has_its_licences(self):
        prefix = self.folder / "prefix"
        self.assert_runs(run("cmake", "--install", BUILD, "--prefix", prefix))
        documents = prefix / "share" / "doc" / "earshot"
        self.assertTrue((documents / "LICENSE").is_file())
        for library in ("xnnpack", "pthreadpool", "cpuinfo", "highway", "kissfft"):
            self.assertTrue(any((documents / "licences" / library).iterdir()), library)

    def assert_runs(self, result):
        """Its output, if it ended well."""
        output = result.stdout.decode()
        self.assertEqual(result.returncode, 0, output)
        return output


if __name__ == "__main__":
    unittest.main()
