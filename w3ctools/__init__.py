"""w3ctools: small commands, chained with pipes, that watch a live HTTP access log.

    w3c-tail ──bytes──▶ w3c-parse ──JSON lines──▶ w3c-alert ──▶ w3c-stats        w3c-gen

The folder of a file says what it may touch, and imports run one way only:

    cli ──▶ edge ──▶ core

``core``  pure: values in, values out. No files, clocks, signals, terminals, environment.
``edge``  the world, one outside thing per file: streams, files, clocks, signals, configuration.
``cli``   one file per command: options -> core objects -> one loop.
"""

__version__ = "0.1.0"
