"""Translation without an order of tokens."""

import re
import struct

from tensors import Tensor, stack

PAD = 1


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def cut(tokens):
    """Without the padding at the end."""
    return tokens.rows(0, len(tokens) - tokens.values.count(PAD))


def copied_rows(length, source):
    step = f32(f32(source - 1) / f32(length - 1))
    return Tensor([round(f32(step * i)) for i in range(length)], [length], "I32")


def translate(case, check):
    copies = case.hparams.get("src_embedding_copy", False)
    rows = [{**row, "src_tokens": cut(row["src_tokens"])} for row in case.batch()]
    sources = [{"src_tokens": row["src_tokens"]} for row in rows]
    expected = case.expected

    def padded(name, parts, value=0):
        width = expected[name].shape[1]
        return stack([part.padded(width, value) for part in parts])

    def keep(name, parts):
        return [t < len(part) for part in parts for t in range(expected[name].shape[1])]

    first = [case.run("refine", source, {"max_iterations": 0, "length_beam": 1}) for source in sources]
    made = [m["encoder_out"] for m in first]
    check.compare("encoder_out", padded("encoder_out", made), keep("encoder_out", made))
    check.compare("length_logprobs", stack([m["length_logprobs"][0] for m in first]))
    check.compare("length_pred", Tensor([m["length_pred"].values[0] for m in first], [len(rows)], "I64"))
    check.compare("init_tokens", padded("init_tokens", [m["init_tokens"] for m in first], PAD))
    if copies:
        made = [case.run("given_copied", {**source, "copied_rows": copied_rows(len(m["init_tokens"]), len(source["src_tokens"]))})
                for source, m in zip(sources, first)]
    else:
        made = [case.run("given", {**source, "tokens": m["init_tokens"]}) for source, m in zip(sources, first)]
    made = [m["logprobs"] for m in made]
    check.compare("decoder_logprobs_step0", padded("decoder_logprobs_step0", made), keep("decoder_logprobs_step0", made))
    made = [case.run("given", {**source, "tokens": cut(row["prev_output_tokens"])})["logprobs"] for source, row in zip(sources, rows)]
    check.compare("decoder_logprobs_given", padded("decoder_logprobs_given", made), keep("decoder_logprobs_given", made))
    for run in sorted({name.split(".")[0] for name in expected if name.startswith("iter")}):
        iterations, beam, mode = re.fullmatch(r"iter(\d+)_beam(\d+)_(\w+)", run).groups()
        settings = {"max_iterations": iterations, "length_beam": beam, "adaptive": int(mode == "adaptive")}
        made = [case.run("refine", source, settings) for source in sources]
        check.compare(f"{run}.tokens", padded(f"{run}.tokens", [m["tokens"] for m in made], PAD))
        check.compare(f"{run}.positional_scores", padded(f"{run}.positional_scores", [m["scores"] for m in made]))
        for name in ("score", "steps"):
            dtype = expected[f"{run}.{name}"].dtype
            check.compare(f"{run}.{name}", Tensor([m[name].values[0] for m in made], [len(rows)], dtype))
        for name in expected:
            if name.startswith(run + ".history"):
                # A row that has stopped keeps its last tokens.
                number = int(name[len(run + ".history"):])
                history = [m.get(f"history{number}", m["tokens"]) for m in made]
                check.compare(name, padded(name, history, PAD))


CLASSES = {
    ("fairseq", "NATransformerModel"): translate,
    ("fairseq", "CMLMNATransformerModel"): translate,
}
