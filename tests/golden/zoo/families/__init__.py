"""What has to be run to make the outputs of a case: one file for each family, found by the class that it names."""

import importlib
import pkgutil


def _entries(table, reference):
    for module in pkgutil.iter_modules(__path__):
        for (package, begin), entry in getattr(importlib.import_module(f"families.{module.name}"), table, {}).items():
            if reference["package"] == package and reference["class"].startswith(begin):
                yield entry


def find(reference):
    """The function (case, check) for a reference {"package", "class"}: modules list theirs in CLASSES, by how the class
    begins."""
    for function in _entries("CLASSES", reference):
        return function
    raise SystemExit(f"nothing is known about {reference['class']} of {reference['package']}")


def pinned(reference, hparams):
    """Names of inputs or expected outputs that are part of the model, such as random choices that the reference makes once:
    modules list functions of the settings in PINNED."""
    return [name for function in _entries("PINNED", reference) for name in function(hparams)]
