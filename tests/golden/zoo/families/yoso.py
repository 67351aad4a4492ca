"""Attention by the probability of equal hashes."""

from tensors import stack


def yoso(case, check):
    check.compare("last_hidden_state", stack([case.run("encode", row)["last_hidden_state"] for row in case.batch()]))


CLASSES = {
    ("transformers", "YosoModel"): yoso,
}
