# Completion in fish for all commands of w3ctools: each command is asked what may follow.

function __w3ctools_command
    string replace -r '^~/' $HOME/ -- (commandline -opc)[1]
end

# Asks, and keeps the answer, which two rules below need: lines of `plain,WORD<TAB>HELP`, `file,` or `dir,`.
function __w3ctools_ask
    set -l line (commandline -cp | string collect)
    test "$line" = "$__w3ctools_line"; and return
    set -g __w3ctools_line $line
    set -l command (__w3ctools_command)
    set -l name (string split / -- $command)[-1]
    set -l variable _(string upper -- $name | string replace -a - _)_COMPLETE
    set -g __w3ctools_answer (env COMP_WORDS=$line COMP_CWORD=(commandline -ct | string collect -a) \
        $variable=fish_complete $command 2>/dev/null)
end

function __w3ctools_words
    __w3ctools_ask
    set -l option (string match -r -- '^--[a-z-]*=' (commandline -ct))
    string replace -rf -- '^plain,' "$option" $__w3ctools_answer
end

function __w3ctools_wants -a kind
    __w3ctools_ask
    string match -q -- "$kind,*" $__w3ctools_answer
end

for name in w3c-alert w3c-gen w3c-parse w3c-report w3c-spark w3c-stats w3c-store w3c-tail
    complete -c $name -f -a '(__w3ctools_words)'
    complete -c $name -F -n '__w3ctools_wants file'
    complete -c $name -n '__w3ctools_wants dir' -a '(__fish_complete_directories (commandline -ct) "")'
end

# Shell scripts, which say no more than their help.
function __w3ctools_options_of_help
    string match -q -- '-*' (commandline -ct); or return
    set -l command (__w3ctools_command)
    $command --help 2>/dev/null | string replace -rf '^  (?:-h, )?(--[a-z]+)[A-Z ]*  +(.*)' '$1\t$2'
end

complete -c w3c-monitor -a '(__w3ctools_options_of_help)'
complete -c w3c-simulation -f -a '(__w3ctools_options_of_help)'

# `w3ctools tail` is w3c-tail.
function __w3ctools_of_launcher
    set -l words (commandline -opc)
    if set -q words[2]
        complete -C (commandline -cp | string collect | string replace -r 'w3ctools\s+' w3c-)
    else
        __w3ctools_options_of_help
        set -l command (__w3ctools_command)
        $command --help 2>/dev/null | sed '1,/^Commands:/d; s/^ *//'
    end
end

complete -c w3ctools -f -a '(__w3ctools_of_launcher)'
