#!/usr/bin/env python3
"""Trains grapheme to phoneme: an encoder-decoder plainly or with scheduled sampling, or a CTC model of either kind.

usage: train_g2p.py plain|scheduled|ctc|convolution OUTPUT_DIR [--epochs N] [--threads N]
"""
import argparse
import math
import random
import time

import torch
from torch.nn import functional as F

import checkpoint
import pronunciations as g2p
from ctc_models import CtcConvolution, CtcTransformer
from pronunciations import END, GAP, PAD
from transformer import EncoderDecoder

SEED = 20
BATCH_WORDS = 256
PEAK_RATE, WARM_UP_STEPS = 2e-3, 400
MAX_SAMPLED = 0.3  # share of the decoder's inputs that are the model's own, at the end of training (Bengio et al. 2015)

SIZES = {
    "plain": {"vocabulary": len(g2p.VOCABULARY), "width": 128, "heads": 4, "ffn": 256, "encoder_layers": 3, "decoder_layers": 2,
              "positions": 48, "dropout": 0.1},
    "ctc": {"vocabulary": len(g2p.VOCABULARY), "width": 128, "heads": 4, "ffn": 256, "layers": 4, "positions": 48, "dropout": 0.1},
    "convolution": {"vocabulary": len(g2p.VOCABULARY), "width": 128, "kernel": 5, "layers": 5, "dropout": 0.1},
}
SIZES["scheduled"] = SIZES["plain"]


def padded(rows):
    length = max(map(len, rows))
    return torch.tensor([row + [PAD] * (length - len(row)) for row in rows])


def with_gaps(ids):
    return [x for letter in ids for x in (letter, GAP)]


def batches(pairs, generator):
    """Words of about the same length together."""
    order = sorted(pairs, key=lambda pair: (len(pair[0]) + generator.random() * 2, generator.random()))
    groups = [order[begin:begin + BATCH_WORDS] for begin in range(0, len(order), BATCH_WORDS)]
    generator.shuffle(groups)
    return groups


class EncoderDecoderTask:
    def __init__(self, kind):
        self.kind, self.model = kind, EncoderDecoder(SIZES[kind])

    @staticmethod
    def tensors(pairs):
        source = padded([g2p.letter_ids(word) + [END] for word, _ in pairs])
        target = padded([g2p.phoneme_ids(phonemes) + [END] for _, phonemes in pairs])
        return source, F.pad(target[:, :-1], (1, 0), value=PAD), target

    def loss(self, pairs, progress):
        source, given, target = self.tensors(pairs)
        encoded, mask = self.model.encode(source)
        if self.kind == "scheduled":
            # The first pass says what the model itself would have put there (Mihaylova and Martins 2019).
            with torch.no_grad():
                own = self.model.decode(encoded, mask, given).argmax(-1)
            own = F.pad(own[:, :-1], (1, 0), value=PAD)
            is_own = (torch.rand(given.shape) < MAX_SAMPLED * progress) & (given != PAD)
            given = torch.where(is_own, own, given)
        logits = self.model.decode(encoded, mask, given)
        return F.cross_entropy(logits.flatten(0, 1), masked(target).flatten(), label_smoothing=0.05)

    def figures(self, pairs):
        """Cross-entropy per token with the right words before it, and what greedy decoding makes of the words."""
        source, given, target = self.tensors(pairs)
        encoded, mask = self.model.encode(source)
        logits = self.model.decode(encoded, mask, given)
        loss = F.cross_entropy(logits.flatten(0, 1), masked(target).flatten(), reduction="sum")
        tokens = torch.full((len(pairs), 1), PAD)
        for _ in range(g2p.MAX_PHONEMES + 4):
            tokens = torch.cat([tokens, self.model.decode(encoded, mask, tokens)[:, -1:].argmax(-1)], 1)
        made = [row[1:row.index(END)] if END in row else row[1:] for row in tokens.tolist()]
        return loss.item(), (target != PAD).sum().item(), made

    def tensors_by_name(self):
        return {name if name == "final_logits_bias" else f"model.{name}": tensor
                for name, tensor in self.model.state_dict().items()}

    def settings(self):
        size = SIZES[self.kind]
        return {"package": "transformers", "version": "layout", "class": "MarianMTModel"}, {
            "vocab_size": size["vocabulary"], "d_model": size["width"], "encoder_layers": size["encoder_layers"],
            "decoder_layers": size["decoder_layers"], "encoder_attention_heads": size["heads"],
            "decoder_attention_heads": size["heads"], "encoder_ffn_dim": size["ffn"], "decoder_ffn_dim": size["ffn"],
            "activation_function": "relu", "max_position_embeddings": size["positions"], "scale_embedding": True,
            "share_encoder_decoder_embeddings": True, "pad_token_id": PAD, "eos_token_id": END, "decoder_start_token_id": PAD}


class CtcTask:
    def __init__(self, kind):
        self.kind = kind
        self.model = CtcTransformer(SIZES[kind]) if kind == "ctc" else CtcConvolution(SIZES[kind])

    def nll(self, pairs):
        """Negative log-likelihood of each pair, and the logits."""
        source = padded([with_gaps(g2p.letter_ids(word)) for word, _ in pairs])
        targets = [g2p.phoneme_ids(phonemes) for _, phonemes in pairs]
        logits = self.model(source)
        lengths = torch.tensor([2 * len(word) for word, _ in pairs])
        loss = F.ctc_loss(logits.log_softmax(-1).transpose(0, 1), padded(targets), lengths, torch.tensor(list(map(len, targets))),
                          blank=PAD, reduction="none", zero_infinity=True)
        return loss, logits, lengths

    def loss(self, pairs, progress):
        del progress
        return self.nll(pairs)[0].sum() / sum(len(phonemes) for _, phonemes in pairs)

    def figures(self, pairs):
        loss, logits, lengths = self.nll(pairs)
        made = []
        for row, length in zip(logits.argmax(-1).tolist(), lengths.tolist()):
            collapsed = [x for i, x in enumerate(row[:length]) if i == 0 or x != row[i - 1]]
            made.append([x for x in collapsed if x != PAD])
        return loss.sum().item(), sum(len(phonemes) for _, phonemes in pairs), made

    def tensors_by_name(self):
        return self.model.state_dict()

    def settings(self):
        size = SIZES[self.kind]
        settings = {"vocab_size": size["vocabulary"], "width": size["width"], "layers": size["layers"], "blank": PAD, "gap": GAP}
        if self.kind == "ctc":
            settings.update({"heads": size["heads"], "ffn": size["ffn"], "max_positions": size["positions"], "body": "transformer"})
        else:
            settings.update({"kernel": size["kernel"], "max_positions": 48, "body": "convolution"})
        return {"package": "earshot", "version": "1", "class": "CtcText"}, settings


def masked(target):
    """What cross_entropy is to leave out marked as it expects."""
    return torch.where(target == PAD, -100, target)


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def evaluate(task, pairs):
    task.model.eval()
    loss = tokens = errors = phonemes = wrong = 0
    with torch.no_grad():
        for begin in range(0, len(pairs), 250):
            part = sorted(pairs, key=lambda pair: len(pair[0]))[begin:begin + 250]
            part_loss, part_tokens, made = task.figures(part)
            loss, tokens = loss + part_loss, tokens + part_tokens
            for (_, expected), result in zip(part, made):
                edits = distance(g2p.phoneme_ids(expected), result)
                errors, phonemes, wrong = errors + edits, phonemes + len(expected), wrong + (edits > 0)
    task.model.train()
    return {"cross_entropy": loss / tokens, "phoneme_errors": errors, "phonemes": phonemes, "wrong_words": wrong, "words": len(pairs)}


def rate(step, num_steps):
    if step < WARM_UP_STEPS:
        return (step + 1) / WARM_UP_STEPS
    return 0.5 * (1 + math.cos(math.pi * (step - WARM_UP_STEPS) / max(1, num_steps - WARM_UP_STEPS)))


def train(task, pairs, epochs):
    generator = random.Random(SEED)
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    num_steps = epochs * math.ceil(len(pairs) / BATCH_WORDS)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, num_steps))
    step, begin = 0, time.time()
    for epoch in range(epochs):
        total = 0.0
        for batch in batches(pairs, generator):
            loss = task.loss(batch, step / num_steps)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(task.model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step, total = step + 1, total + loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total * epochs / num_steps:.4f}, {time.time() - begin:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=SIZES)
    parser.add_argument("output")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    pairs, test = g2p.split()
    task = CtcTask(args.kind) if args.kind in ("ctc", "convolution") else EncoderDecoderTask(args.kind)
    count = sum(parameter.numel() for parameter in task.model.parameters())
    print(f"{args.kind}: {len(pairs)} words to learn, {len(test)} to test, {count} parameters, seed {SEED}")
    train(task, pairs, args.epochs)
    figures = evaluate(task, test)
    print("test:", figures)
    checkpoint.rounded_to_f16(task.model)
    reference, settings = task.settings()
    checkpoint.write_checkpoint(args.output, task.tensors_by_name(), reference, settings,
                                "CMU Pronouncing Dictionary, words whose hash is not among the 2,000 smallest", evaluate(task, test))


if __name__ == "__main__":
    main()
