"""Learned attention weights."""

from tensors import stack


def synthesizer(case, check):
    for variant in sorted({name.split(".")[0] for name in case.expected}):
        made = [case.run(variant, row) for row in case.batch()]
        check.compare(f"{variant}.out", stack([m["out"] for m in made]))
        count = case.expected[f"{variant}.attention"].shape[0]  # one for all where it does not depend on the input
        check.compare(f"{variant}.attention", stack([m["attention"] for m in made[:count]]))


CLASSES = {("leaderj1001/Synthesizer (public repository)", "Synthesizer"): synthesizer}
