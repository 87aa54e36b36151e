"""Random inputs: blocks of lines made of seeds, and the chunks in which they arrive."""

from __future__ import annotations

from random import Random

from fuzz.corpus import BLANK_LINES, DIRECTIVES, PREFIXES, SEEDS, TOKENS

NAMES = tuple(SEEDS)
_LONGEST_RUN = 2000
#: As many lines of one format as make a log change its format.
_MANY_LINES = 17


def make_block(random: Random, name: str) -> bytes:
    """Lines of the format `name`, with others between, most of them damaged."""
    lines: list[bytes] = []
    for _ in range(random.randint(1, 6)):
        seed = random.choice(SEEDS[name])
        chance = random.random()
        if chance < 0.1:
            seed = random.choice(SEEDS[random.choice(NAMES)])
        elif chance < 0.14:
            seed = _splice(random, seed, random.choice(SEEDS[random.choice(NAMES)]))
        elif chance < 0.2:
            seed = random.choice(DIRECTIVES)
        elif chance < 0.24:
            seed = random.choice(BLANK_LINES)
        elif chance < 0.26:
            seed = random.randbytes(random.randint(1, 30))
        for line in seed.split(b"\n"):
            if random.random() < 0.07:
                line = random.choice(PREFIXES).replace(b"%b", line)
            if random.random() < 0.6:
                line = _damage(random, line)
            lines.append(line)
    if random.random() < 0.04:  # another format takes over, and lines of the first one come again
        other = random.choice(SEEDS[random.choice(NAMES)]).split(b"\n")
        lines += [*other * _MANY_LINES, *random.choice(SEEDS[name]).split(b"\n"), *lines]
    data = random.choice((b"\n", b"\n", b"\n", b"\r\n")).join(lines)
    return data if random.random() < 0.2 else data + b"\n"


def cut(random: Random, data: bytes) -> list[bytes]:
    """The same bytes in random chunks."""
    most = random.choice((1, 7, 40, 300, len(data) + 1))
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = random.randint(0 if chunks else 1, most)
        chunks.append(data[at : at + size])
        at += size
    return chunks


def _splice(random: Random, one: bytes, other: bytes) -> bytes:
    return one[: random.randint(0, len(one))] + other[random.randint(0, len(other)) :]


def _damage(random: Random, line: bytes) -> bytes:
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at = random.randint(0, len(line))
        end = min(len(line), at + random.choice((0, 1, 1, 2, 5, 20)))
        chance = random.random()
        if chance < 0.45:  # put in
            line = line[:at] + random.choice(TOKENS) + line[at:]
        elif chance < 0.6:  # put in place of something
            line = line[:at] + random.choice(TOKENS) + line[end:]
        elif chance < 0.75:
            line = line[:at] + line[end:]
        elif chance < 0.87 and at < len(line):
            line = line[:at] + bytes([line[at] ^ 1 << random.randrange(8)]) + line[at + 1 :]
        elif chance < 0.94:
            line = line[:at] + line[at:end] * random.randint(2, 4) + line[end:]
        elif chance < 0.97:
            line = line[:at] + random.choice(TOKENS) * random.randint(2, 60) + line[at:]
        elif chance < 0.972:
            line = line[:at] + random.choice(TOKENS) * random.randint(60, _LONGEST_RUN) + line[at:]
        else:
            line = line[:at]
    return line
