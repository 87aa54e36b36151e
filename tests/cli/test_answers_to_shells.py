"""What commands answer to a shell that completes a line, by click's protocol."""

from __future__ import annotations

import shlex

import pytest
from harness import PYTHON_COMMANDS, Commands, Result

FORMATS = {"combined", "common", "w3c", "caddy", "haproxy", "lighttpd"}
KEYS = {"client", "path", "duration", "extra", "file"}
#: Lines, and what is offered for the last word: words, or the names that begin so.
ANSWERS = {
    "w3c-gen --format ca": {"plain,caddy"},
    "w3c-gen --scenario deploy-500 --rotate ''": {"plain,rename", "plain,copytruncate"},
    "w3c-stats -o ''": {"plain,text", "plain,json", "plain,csv", "plain,prometheus"},
    "w3c-stats --interval ''": set(),
    "w3c-stats --by=us": {"plain,user", "plain,user_agent"},
    "w3c-parse --drop client,us": {"plain,client,user", "plain,client,user_agent"},
    "w3c-parse --where pat": {"plain,path"},
    "w3c-parse --where 'status > 1 and not (pat": {"plain,status > 1 and not (path"},
    "w3c-parse --where 'path == pat": set(),
    "w3c-tail my": {"file,my"},
    "w3c-tail --state ''": {"file,"},
    "w3c-tail --config x": {"file,x"},
    "w3c-parse --from-config x": {"file,x"},
    "w3c-spark --out x": {"dir,x"},
    "w3c-alert ''": {"plain,check", "plain,history", "plain,try"},
    "w3c-alert -t 1 hi": {"plain,history"},
    "w3c-alert check x": {"file,x"},
    "w3c-alert history --d": {"plain,--db"},
    "w3c-alert try --by ''": {"plain,section", "plain,vhost", "plain,client"},
    "w3c-store re": {"plain,read", "file,re"},
    "w3c-store --keep 30d re": {"file,re"},
    "w3c-store read --un": {"plain,--until"},
    "w3c-store read re": {"file,re"},
    # Lines that are wrong otherwise
    "w3c-alert nonsense --th": {"plain,--threshold"},
    "w3c-stats --interval never --by us": {"plain,user", "plain,user_agent"},
    "w3c-parse --list-formats --exp": {"plain,--explain"},
    "w3c-tail --no-such-option --st": {"plain,--state"},
}


def ask(commands: Commands, line: str) -> Result:
    """What a command answers to bash."""
    words = shlex.split(line if line.count("'") % 2 == 0 else f"{line}'")
    variable = f"_{words[0].upper().replace('-', '_')}_COMPLETE"
    env = {variable: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return commands.run(words[0], env=env)


@pytest.mark.parametrize("line", ANSWERS)
def test_words_and_names_of_files_are_offered(commands: Commands, line: str) -> None:
    result = ask(commands, line)
    assert (result.status, result.stderr) == (0, b"")
    assert {word for word in result.stdout.decode().splitlines() if word} == ANSWERS[line]


@pytest.mark.parametrize(("line", "some"), [("w3c-parse --format ''", FORMATS), ("w3c-stats --by ''", KEYS)])
def test_all_formats_and_keys_are_offered(commands: Commands, line: str, some: set[str]) -> None:
    offered = ask(commands, line).stdout.decode().splitlines()
    assert {f"plain,{word}" for word in some} < set(offered)


@pytest.mark.parametrize("name", PYTHON_COMMANDS)
def test_wrong_settings_spoil_nothing(commands: Commands, name: str) -> None:
    commands.write("w3ctools.ini", b"[nonsense\n\xff")
    (commands.folder / "w3ctools.ini").chmod(0o666)
    alone = ask(commands, f"{name} --con")
    commands.env |= {"W3CTOOLS_CONFIG": "missing", f"{name.upper().replace('-', '_')}_SUMMARY": "nonsense"}
    assert alone == ask(commands, f"{name} --con") == Result(0, b"plain,--config\n", b"")
