#!/usr/bin/env python3
"""Trains a pointer network (Vinyals et al. 2015) to sort: it points at the numbers of a sequence, the smallest one first.

usage: train_sorting.py OUTPUT_DIR TEST_TSV [--steps N] [--threads N]

Numbers are drawn at random, as in the paper; the test sequences come from another seed. A number x is the point (x, 1).
"""
import argparse
import random
import time

import torch
from torch import nn

import checkpoint

SEED, TEST_SEED = 21, 22
MIN_LENGTH, MAX_LENGTH = 5, 12
BATCH, RATE = 128, 1e-3
WIDTH, CLIPPING = 64, 10.0
NUM_TEST = 1000


class Pointer(nn.Module):
    """tanh(W1 reference + W2 query) . v for each reference (Bahdanau et al. 2015)."""

    def __init__(self):
        super().__init__()
        self.project_query = nn.Linear(WIDTH, WIDTH)
        self.project_ref = nn.Conv1d(WIDTH, WIDTH, 1)
        self.v = nn.Parameter(torch.empty(WIDTH).uniform_(-WIDTH ** -0.5, WIDTH ** -0.5))

    def forward(self, query, references):
        projected = references @ self.project_ref.weight[..., 0].T + self.project_ref.bias
        return projected, torch.tanh(self.project_query(query)[:, None] + projected) @ self.v


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTMCell(WIDTH, WIDTH)
        self.glimpse, self.pointer = Pointer(), Pointer()


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)


class PointerNetwork(nn.Module):
    """Names of parameters are those of rl4co's pointer network, which earshot-convert reads."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(2, WIDTH).uniform_(-1, 1))
        self.decoder_in_0 = nn.Parameter(torch.empty(WIDTH).uniform_(-0.1, 0.1))
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, points, forced=None):
        """Choices [B, N] and logarithms of the probabilities of all choices [B, N, N]."""
        embedded = points @ self.embedding
        references, (hidden, cell) = self.encoder.lstm(embedded)
        state, given = (hidden[0], cell[0]), self.decoder_in_0.expand(len(points), -1)
        is_free = torch.ones(points.shape[:2], dtype=torch.bool)
        rows, choices, all_logs = torch.arange(len(points)), [], []
        for step in range(points.shape[1]):
            state = self.decoder.lstm(given, state)
            projected, scores = self.decoder.glimpse(state[0], references)
            weights = scores.masked_fill(~is_free, -torch.inf).softmax(-1)
            query = (weights[:, None] @ projected)[:, 0]
            _, scores = self.decoder.pointer(query, references)
            logs = (CLIPPING * torch.tanh(scores)).masked_fill(~is_free, -torch.inf).log_softmax(-1)
            choice = logs.argmax(-1) if forced is None else forced[:, step]
            is_free = is_free.clone()
            is_free[rows, choice] = False
            given = embedded[rows, choice]
            choices.append(choice)
            all_logs.append(logs)
        return torch.stack(choices, 1), torch.stack(all_logs, 1)


def batch_of(numbers):
    points = torch.stack([numbers, torch.ones_like(numbers)], -1)
    return points, numbers.argsort(-1)


def train(model, num_steps):
    generator = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE * 4, num_steps)
    begin = time.time()
    for step in range(num_steps):
        length = MIN_LENGTH + int(torch.randint(MAX_LENGTH - MIN_LENGTH + 1, (1,), generator=generator))
        points, order = batch_of(torch.rand(BATCH, length, generator=generator))
        _, logs = model(points, order)
        loss = -logs.gather(2, order[..., None]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 500 == 499:
            print(f"step {step + 1} of {num_steps}: loss {loss.item():.4f}, {time.time() - begin:.0f} s", flush=True)


def test_sequences():
    generator = random.Random(TEST_SEED)
    lengths = [generator.randint(MIN_LENGTH, MAX_LENGTH) for _ in range(NUM_TEST)]
    return [[round(generator.random(), 4) for _ in range(length)] for length in lengths]


def evaluate(model, sequences):
    loss = tokens = wrong = 0
    with torch.no_grad():
        for sequence in sequences:
            points, order = batch_of(torch.tensor([sequence]))
            _, logs = model(points, order)
            loss, tokens = loss - logs.gather(2, order[..., None]).sum().item(), tokens + len(sequence)
            wrong += not torch.equal(model(points)[0], order)
    return {"cross_entropy": loss / tokens, "wrong_sequences": wrong, "sequences": len(sequences)}


def write_test(path, sequences):
    with open(path, "w", encoding="utf-8") as file:
        file.write("source\ttarget\n")
        for sequence in sequences:
            order = sorted(range(len(sequence)), key=sequence.__getitem__)
            file.write(" ".join(f"{x:g},1" for x in sequence) + "\t" + " ".join(map(str, order)) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output")
    parser.add_argument("test")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    model, sequences = PointerNetwork(), test_sequences()
    print(f"sorting {MIN_LENGTH} to {MAX_LENGTH} numbers, {sum(p.numel() for p in model.parameters())} parameters, seed {SEED}")
    train(model, args.steps)
    checkpoint.rounded_to_f16(model)
    write_test(args.test, sequences)
    checkpoint.write_checkpoint(
        args.output, model.state_dict(), {"package": "rl4co", "version": "layout", "class": "PointerNetworkPolicy"},
        {"embed_dim": WIDTH, "hidden_dim": WIDTH, "tanh_clipping": CLIPPING, "mask_inner": True, "num_glimpses": 1},
        "numbers drawn at random", evaluate(model, sequences), vocabulary=False)


if __name__ == "__main__":
    main()
