#!/usr/bin/env python3
"""Checks the sources against the layout rules: who may include whom, file sizes, #if, machine paths.

Prints one line per offence, then a summary; exit status 1 if there is any. Run from anywhere: tests/check_includes.py
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What each module points to (ARCHITECTURE.md, "Who may include whom"). It may include those and whatever they point to.
# "graph" stands for the graph builders of models/<family>/, which only the host has; "family" for the rest of it.
ARROWS = {
    "runtime/core": [],
    "runtime/memory": ["runtime/core"],
    "runtime/schema": ["runtime/memory"],
    "runtime/kernels": ["runtime/core"],
    "runtime/attention": ["runtime/kernels", "runtime/memory"],
    "runtime/xnnpack": ["runtime/kernels", "runtime/memory"],
    "runtime/ops": ["runtime/attention", "runtime/kernels", "runtime/xnnpack", "runtime/schema"],
    "runtime/engine": ["runtime/ops"],
    "models/common": ["runtime/kernels", "runtime/memory"],
    "models/loops": ["models/common", "runtime/engine"],
    "models/blocks": ["converter/ir"],
    "models/family": ["models/common", "models/loops", "runtime/engine"],
    "models/graph": ["models/family", "models/blocks", "converter/ir"],
    "platform/files": ["runtime/core"],
    "platform/threads": ["platform/cpu"],
    "platform/cpu": ["runtime/core"],
    "platform/audio": ["platform/files"],
    "platform/api": ["models/family", "platform/files", "platform/threads"],
    "platform/api/examples": ["platform/api", "platform/audio"],
    "platform/cli": ["models/family", "platform/files", "platform/threads", "platform/cpu", "platform/audio"],
    "converter/ir": ["runtime/schema", "runtime/kernels"],  # kernels.h names the activations
    "converter/import": ["models/graph", "platform/files"],
    "converter/passes": ["converter/ir"],
    "converter/patterns": ["converter/ir"],
    "converter/quantize": ["converter/ir", "runtime/kernels"],
    "converter/plan": ["converter/ir"],
    "converter/emit": ["converter/plan", "converter/quantize", "platform/files"],
    # Runs the model that is being converted on speech.
    "converter/calibrate": ["converter/passes", "converter/patterns", "converter/emit", "models/family", "platform/audio"],
    "converter": ["converter/import", "converter/passes", "converter/patterns", "converter/emit", "converter/calibrate",
                  "models/graph", "platform/cli"],
}

# Folders of models/ that are no family: device code, loops of device code, and building blocks of graphs (host).
SHARED_BY_FAMILIES = {"common", "loops", "blocks"}

# Libraries that few modules wrap for all others. Highway wants its own headers in quotes.
WRAPPED_HEADERS = {
    re.compile(r"xnnpack\.h"): ["runtime/xnnpack", "tests/bench"],
    re.compile(r"miniaudio\.h"): ["platform/audio"],
    re.compile(r"hwy/.*"): ["runtime/kernels", "runtime/attention", "tests"],
}

SOURCES = {".cc", ".h"}
TEXTS = SOURCES | {".py", ".sh", ".cmake", ".fbs", ".txt", ".md", ".json"}
SKIPPED_FOLDERS = {".git", ".deps", "build", "dist", "downloads"}
MAX_LINES = 600
# Written in pieces, so that this file does not offend.
MACHINE_PATH = re.compile(r"(?<![\w.}>*-])/(" + "|".join(["home", "root", "Users", "work", "farm", "tmp"]) + r")/\w")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b(.*)")


def reachable(module):
    """The module itself and everything down the arrows."""
    seen = {module}
    todo = [module]
    while todo:
        for below in ARROWS[todo.pop()]:
            if below not in seen:
                seen.add(below)
                todo.append(below)
    return seen


def module_of(path):
    """The key in ARROWS of a file or an included path; None for tests, and for what belongs to no module."""
    parts = path.split("/")
    if parts[0] == "models" and len(parts) > 2 and parts[1] not in SHARED_BY_FAMILIES:
        return "models/graph" if parts[2].startswith("graph") else "models/family"
    for length in (3, 2, 1):
        key = "/".join(parts[:length])
        if len(parts) > length and key in ARROWS:
            return key
    return None


def family_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "models" and len(parts) > 2 and parts[1] not in SHARED_BY_FAMILIES else None


def check_quoted_include(path, target):
    if not (ROOT / target).exists() and not target.endswith("_generated.h"):
        return f'"{target}" is not a path from the project root'
    if path.startswith("tests/"):
        return None
    source, used = module_of(path), module_of(target)
    if source is None or used is None:
        return f'"{target}": {path if source is None else target} belongs to no module (see ARROWS)'
    if used not in reachable(source):
        return f'{source} may not include {used} ("{target}")'
    if family_of(path) and family_of(target) and family_of(path) != family_of(target):
        return f'one model family may not include another ("{target}")'
    return None


def check_conditions(path, lines):
    """In what we ship: #if only under platform/, as an include guard, or about Highway's targets (its preamble)."""
    if path.startswith(("platform/", "tests/")):
        return
    guard = "EARSHOT_" + re.sub(r"\W", "_", path).upper() + "_"
    for number, line in enumerate(lines, 1):
        found = CONDITION.match(line)
        if found and "HWY_" not in line and found.group(2).split() != [guard]:
            yield number, f"conditional compilation outside platform/: {line.strip()}"


def check_includes(path, lines):
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        target = found.group(2)
        owners = next((owners for header, owners in WRAPPED_HEADERS.items() if header.fullmatch(target)), None)
        offence = None
        if owners is not None:
            if not path.startswith(tuple(owner + "/" for owner in owners)):
                offence = f"only {' and '.join(owners)} may include {target}"
        elif found.group(1) == '"':
            offence = check_quoted_include(path, target)
        if offence:
            yield number, offence


def check_text(path, lines):
    if len(lines) > MAX_LINES and not path.endswith((".md", ".json")):
        yield MAX_LINES, f"{len(lines)} lines; at most {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield number, f"path of one machine: {line.strip()[:100]}"


def project_files():
    folders = [ROOT]
    while folders:
        for entry in sorted(folders.pop().iterdir()):
            if entry.is_dir() and not entry.is_symlink() and entry.name not in SKIPPED_FOLDERS:
                folders.append(entry)
            elif entry.is_file() and (entry.suffix in TEXTS or entry.parent.name == ".ci"):
                yield entry


def main():
    offences = 0
    files = 0
    for file in project_files():
        path = file.relative_to(ROOT).as_posix()
        lines = file.read_text(encoding="utf-8").splitlines()
        checks = [check_text(path, lines)]
        if file.suffix in SOURCES:
            checks += [check_includes(path, lines), check_conditions(path, lines)]
        files += 1
        for check in checks:
            for number, offence in check:
                print(f"{path}:{number}: {offence}")
                offences += 1
    print(f"{files} files, {offences} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
