#!/usr/bin/env python3
"""A project of its own with Earshot as a subdirectory, as README.md shows it: it can be configured and links our libraries."""

import pathlib
import shutil
import subprocess
import unittest

from support import EarshotTest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "platform" / "api" / "examples"


class Embedding(EarshotTest):

    def test_the_examples_can_be_a_project(self):
        for file in filter(pathlib.Path.is_file, EXAMPLES.iterdir()):
            shutil.copy(file, self.folder)
        (self.folder / "earshot").symlink_to(ROOT)
        result = subprocess.run(["cmake", "-G", "Ninja", "-S", self.folder, "-B", self.folder / "build"], check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        self.assertEqual(result.returncode, 0, result.stdout)
        # What is no target would be taken for a library of the system.
        for program, library in (("transcribe_c", "earshot/platform/api/libearshot_api.a"),
                                 ("transcribe_cc", "earshot/platform/audio/libearshot_audio.a")):
            query = subprocess.run(["ninja", "-C", self.folder / "build", "-t", "query", program], check=True,
                                   stdout=subprocess.PIPE, text=True, timeout=60)
            self.assertIn(library, query.stdout)
            self.assertNotIn("-learshot", (self.folder / "build" / "build.ninja").read_text())


if __name__ == "__main__":
    unittest.main()
