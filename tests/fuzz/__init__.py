"""Random blocks of lines against everything that w3c-parse promises of any input.

``python -m fuzz --seconds 600 --seed 1``, with tests on the path, is the long run: `make fuzz`.
"""
