"""Writes a CTranslate2 Whisper checkpoint as the ggml file that whisper.cpp reads, so that all engines run the same weights.

The layout is whisper.cpp's documented one: magic, eleven sizes, mel filters, vocabulary, tensors. `f16` keeps matrices in
half precision as OpenAI's own conversion does; `q8_0` stores blocks of 32 as a half scale and 32 int8.
"""
import json
import struct
from pathlib import Path

import numpy as np

MAGIC = 0x67676D6C
F32, F16, Q8_0 = 0, 1, 8
FILE_TYPES = {"f16": 1, "q8_0": 2007}  # ftype 7, quantization version 2


def byte_of_unicode():
    """GPT-2's printable stand-ins for bytes, inverted."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            table[chr(byte)] = byte
        else:
            table[chr(256 + extra)] = byte
            extra += 1
    return table


def vocabulary(directory, size):
    """Raw bytes of the text tokens; whisper.cpp makes up the names of the special ones itself."""
    tokens = json.loads((directory / "tokenizer.json").read_text())["model"]["vocab"]
    table = byte_of_unicode()
    ordered = sorted(tokens.items(), key=lambda item: item[1])
    return [bytes(table[c] for c in token) for token, index in ordered if index < size and all(c in table for c in token)]


def read_ctranslate2(path):
    """Tensors of a CTranslate2 model.bin (version 6, see its documentation) as {name: float32 array}; scalars are left out."""
    data, at = Path(path).read_bytes(), 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    def take_string():
        nonlocal at
        (length,) = take("H")
        text = data[at:at + length - 1].decode()
        at += length
        return text

    take("I"), take_string(), take("I")
    tensors = {}
    for _ in range(take("I")[0]):
        name = take_string()
        (rank,) = take("B")
        shape = take(f"{rank}I")
        kind, num_bytes = take("BI")
        if rank > 0 and kind in (0, 4):
            values = np.frombuffer(data, "<f4" if kind == 0 else "<f2", offset=at, count=num_bytes // (4 if kind == 0 else 2))
            tensors[name] = values.astype(np.float32).reshape(shape)
        at += num_bytes
    return tensors


# CTranslate2's name of a part of a layer -> OpenAI's names of the pieces that are stacked in it.
LAYER_PARTS = {
    "self_attention/layer_norm": ["attn_ln"], "self_attention/linear_0": ["attn.query", "attn.key", "attn.value"],
    "self_attention/linear_1": ["attn.out"], "attention/layer_norm": ["cross_attn_ln"],
    "attention/linear_0": ["cross_attn.query"], "attention/linear_1": ["cross_attn.key", "cross_attn.value"],
    "attention/linear_2": ["cross_attn.out"], "ffn/layer_norm": ["mlp_ln"], "ffn/linear_0": ["mlp.0"], "ffn/linear_1": ["mlp.2"],
}
TOP_PARTS = {
    "encoder/conv1": "encoder.conv1", "encoder/conv2": "encoder.conv2", "encoder/layer_norm": "encoder.ln_post",
    "decoder/layer_norm": "decoder.ln",
}
WHOLE_NAMES = {
    "encoder/position_encodings/encodings": "encoder.positional_embedding",
    "decoder/position_encodings/encodings": "decoder.positional_embedding",
    "decoder/embeddings/weight": "decoder.token_embedding.weight",
}
ENDINGS = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}


def openai_tensors(tensors):
    """CTranslate2's tensors under OpenAI's names, stacked projections taken apart."""
    for name, values in tensors.items():
        if name in WHOLE_NAMES:
            yield WHOLE_NAMES[name], values
            continue
        part, ending = name.rsplit("/", 1)
        if ending not in ENDINGS:
            continue
        if part in TOP_PARTS:
            yield f"{TOP_PARTS[part]}.{ENDINGS[ending]}", values
            continue
        side, layer, rest = part.split("/", 2)
        pieces = LAYER_PARTS.get(rest)
        if pieces is None:
            continue
        for piece, rows in zip(pieces, np.split(values, len(pieces))):
            if not (piece.endswith("key") and ending == "bias"):
                yield f"{side}.blocks.{layer.removeprefix('layer_')}.{piece}.{ENDINGS[ending]}", rows


def encode_q8_0(matrix):
    blocks = matrix.astype(np.float32).reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1) / 127).astype(np.float32)
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    out = np.empty(len(blocks), dtype=[("scale", "<f2"), ("values", "i1", 32)])
    out["scale"] = scale
    out["values"] = np.rint(blocks * inverse[:, None])
    return out.tobytes()


def write_tensor(file, name, values, weights):
    if name.endswith("conv1.bias") or name.endswith("conv2.bias"):
        values = values.reshape(-1, 1)
    kind = F32
    if values.ndim >= 2 and not name.endswith("bias") and not name.endswith("positional_embedding"):
        kind = Q8_0 if weights == "q8_0" and values.ndim == 2 else F16
    encoded = name.encode()
    file.write(struct.pack("<3i", values.ndim, len(encoded), kind))
    file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)))
    file.write(encoded)
    if kind == Q8_0:
        file.write(encode_q8_0(values))
    else:
        file.write(values.astype("<f2" if kind == F16 else "<f4").tobytes())


def write(directory, path, mel_filters, weights):
    """`directory`: a CTranslate2 Whisper directory; `mel_filters`: [mels, 201] float32."""
    directory = Path(directory)
    source = read_ctranslate2(directory / "model.bin")
    tensors = dict(openai_tensors(source))
    vocab_size, width = tensors["decoder.token_embedding.weight"].shape
    layers = {side: len({name.split(".")[2] for name in tensors if name.startswith(f"{side}.blocks.")})
              for side in ("encoder", "decoder")}
    heads = width // 64
    sizes = [vocab_size, len(tensors["encoder.positional_embedding"]), width, heads, layers["encoder"],
             len(tensors["decoder.positional_embedding"]), width, heads, layers["decoder"], len(mel_filters)]
    pieces = vocabulary(directory, vocab_size)
    with open(path, "wb") as file:
        file.write(struct.pack("<12i", MAGIC, *sizes, FILE_TYPES[weights]))
        file.write(struct.pack("<2i", *mel_filters.shape))
        file.write(mel_filters.astype("<f4").tobytes())
        file.write(struct.pack("<i", len(pieces)))
        for piece in pieces:
            file.write(struct.pack("<i", len(piece)) + piece)
        for name, values in tensors.items():
            write_tensor(file, name, values, weights)
