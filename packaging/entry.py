"""What the executable runs: the command by whose name it was called."""

import os
import sys
from importlib import import_module

# PyInstaller's loader has set variables. A program that a command starts must not be given the libraries of
# this one, and one that comes from the same loader must not take this folder for its own.
for name in [name for name in os.environ if name.startswith("_PYI_")]:
    del os.environ[name]
before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if before is None:
    os.environ.pop("LD_LIBRARY_PATH", None)
else:
    os.environ["LD_LIBRARY_PATH"] = before

import_module("w3ctools.cli." + os.path.basename(sys.argv[0]).removeprefix("w3c-")).main()
