"""Speed, latency and size of the real commands, beside their peers; README.md says what the figures mean.

``python -m benchmarks`` measures everything, ``python -m benchmarks latency`` one part.
"""
