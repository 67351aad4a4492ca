"""What has to be run to make the outputs of a case: one file for each family, found by the class that it names."""

import importlib
import pkgutil


def find(reference):
    """The function (case, check) for a reference {"package", "class"}: modules list theirs in CLASSES, by how the class
    begins."""
    for module in pkgutil.iter_modules(__path__):
        for (package, begin), function in importlib.import_module(f"families.{module.name}").CLASSES.items():
            if reference["package"] == package and reference["class"].startswith(begin):
                return function
    raise SystemExit(f"nothing is known about {reference['class']} of {reference['package']}")
