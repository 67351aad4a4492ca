"""A tiny Whisper as a Hugging Face directory, made without any library: for tests of the converter."""

import array
import json
import math
import struct

WIDTH, MELS, FFN, HEADS = 32, 80, 64, 2
FRAMES, TOKENS = 200, 32  # of the longest window and text
TEXT_TOKENS = 30
SPECIAL_TOKENS = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>",
                  "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")
VOCABULARY = TEXT_TOKENS + len(SPECIAL_TOKENS) + FRAMES + 1


def config():
    return {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "activation_function": "gelu",
            "vocab_size": VOCABULARY, "num_mel_bins": MELS, "d_model": WIDTH,
            "encoder_layers": 1, "encoder_attention_heads": HEADS, "encoder_ffn_dim": FFN,
            "decoder_layers": 1, "decoder_attention_heads": HEADS, "decoder_ffn_dim": FFN,
            "max_source_positions": FRAMES, "max_target_positions": TOKENS}


def tokenizer():
    added = [{"id": TEXT_TOKENS + i, "content": token, "special": True} for i, token in enumerate(SPECIAL_TOKENS)]
    vocabulary = {"\u0120" * (i // 26) + chr(ord("a") + i % 26): i for i in range(TEXT_TOKENS)}
    return {"added_tokens": added, "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": vocabulary}}


def shapes():
    """Names of all tensors and their shapes."""
    shapes = {"encoder.conv1.weight": (WIDTH, MELS, 3), "encoder.conv1.bias": (WIDTH,),
              "encoder.conv2.weight": (WIDTH, WIDTH, 3), "encoder.conv2.bias": (WIDTH,),
              "encoder.embed_positions.weight": (FRAMES, WIDTH), "decoder.embed_positions.weight": (TOKENS, WIDTH),
              "decoder.embed_tokens.weight": (VOCABULARY, WIDTH)}
    norms, matrices = ["encoder.layer_norm", "decoder.layer_norm"], {}
    for layer, attentions in (("encoder.layers.0.", ["self_attn"]), ("decoder.layers.0.", ["self_attn", "encoder_attn"])):
        norms += [f"{layer}{name}" for name in ["final_layer_norm", *(name + "_layer_norm" for name in attentions)]]
        matrices |= {f"{layer}{name}.{part}_proj": (WIDTH, WIDTH) for name in attentions for part in ("q", "k", "v", "out")}
        matrices |= {f"{layer}fc1": (FFN, WIDTH), f"{layer}fc2": (WIDTH, FFN)}
    for norm in norms:
        shapes |= {f"{norm}.weight": (WIDTH,), f"{norm}.bias": (WIDTH,)}
    for name, shape in matrices.items():
        shapes[f"{name}.weight"] = shape
        if not name.endswith("k_proj"):
            shapes[f"{name}.bias"] = shape[:1]
    return {f"model.{name}": shape for name, shape in shapes.items()}


def safetensors(changed=()):
    """The bytes of the weights; `changed` holds a number for the first element of some tensors."""
    header, data = {}, array.array("f")
    for name, shape in shapes().items():
        begin = len(data)
        data.extend(math.sin(i) * 0.1 for i in range(math.prod(shape)))
        if name in dict(changed):
            data[begin] = dict(changed)[name]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [4 * begin, 4 * len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data.tobytes()


def write(folder, weights=None):
    """Makes the directory and the three files in it."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config()))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (folder / "model.safetensors").write_bytes(weights or safetensors())
    return folder
