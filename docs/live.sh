#!/bin/sh
# Makes docs/live.svg, the picture in README.md: what w3c-stats --live shows of a simulated site after five minutes.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
terminal() { TMUX_TMPDIR=$folder tmux -f /dev/null "$@"; }
trap 'terminal kill-server 2>/dev/null; rm -rf "$folder"' EXIT

PATH=$root/bin:$PATH
pipe='w3c-parse | w3c-alert --pass-through -t 70 | w3c-stats --live --percentiles --color always'
site='{ w3c-gen --format caddy --rate 50 --scenario burst --start -6m --duration 6m --fast
        w3c-gen --format caddy --rate 50 --seed 2; }'
terminal new-session -d -x 100 -y 30 "$site | $pipe"
sleep "${1:-12}" # until the live part has seconds of its own
terminal capture-pane -ep >"$folder/screen"

"$root/.venv/bin/python" - "$folder/screen" "$root/docs/live.svg" <<'PYTHON'
import io
import re
import sys

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

lines = open(sys.argv[1], encoding="utf-8").read().rstrip("\n").split("\n")
console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
for line in lines:
    console.print(Text.from_ansi(line), no_wrap=True, overflow="crop")
svg = console.export_svg(title="w3c-stats --live", theme=MONOKAI, unique_id="live")
# No font from the network: any monospaced one will do.
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S).replace("Fira Code, monospace", "monospace")
open(sys.argv[2], "w", encoding="utf-8").write(svg)
PYTHON
