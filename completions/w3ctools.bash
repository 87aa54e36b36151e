# Completion in bash for all commands of w3ctools: each command is asked what may follow.

_w3ctools() {
    local command=${1/#\~\//$HOME/} name=${1##*/} variable words=("$1") word i kind value
    COMPREPLY=()
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == *[\<\>]* ]]; then # a redirection
        compopt -o default
        return
    fi
    # bash makes three words of --format=combined.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word != = || ${COMP_WORDS[i - 1]} != --* ]]; then
            words+=("$word")
        elif ((i == COMP_CWORD)); then
            words+=('')
        fi
    done
    if [[ $name == w3ctools ]] && ((${#words[@]} > 2)); then # `w3ctools tail` is w3c-tail
        name=w3c-${words[1]} command=${command%w3ctools}$name
        words=("$command" "${words[@]:2}")
    fi
    variable=_${name//-/_}_COMPLETE
    while IFS=, read -r kind value; do
        case $kind in
        plain) COMPREPLY+=("$value") ;;
        file) _w3ctools_files -f "$value" ;;
        dir) _w3ctools_files -d "$value" ;;
        esac
    done < <(_w3ctools_ask)
}

# What the command of the calling function says: lines of `plain,WORD`, `file,BEGINNING` or `dir,BEGINNING`.
_w3ctools_ask() {
    local IFS=$'\n' last=${words[${#words[@]} - 1]}
    case $name in
    w3ctools | w3c-monitor | w3c-simulation) # shell scripts, which say no more than their help
        if [[ $last == -* ]]; then
            compgen -P plain, -W "$("$command" --help 2>/dev/null |
                sed -n 's/^  \(-h, \)\{0,1\}\(--[a-z-]*\).*/\2/p')" -- "$last"
        elif [[ $name == w3c-monitor ]]; then
            printf 'file,%s\n' "$last"
        elif [[ $name == w3ctools ]]; then
            compgen -P plain, -W "$("$command" --help 2>/dev/null | sed '1,/^Commands:/d; s/^ *//')" -- "$last"
        fi
        ;;
    *)
        env COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) \
            "${variable^^}=bash_complete" "$command" 2>/dev/null
        ;;
    esac
}

_w3ctools_files() {
    local found
    compopt -o filenames
    mapfile -t found < <(compgen "$1" -- "$2")
    COMPREPLY+=("${found[@]}")
}

complete -F _w3ctools \
    w3ctools w3c-alert w3c-gen w3c-monitor w3c-parse w3c-report w3c-simulation w3c-spark w3c-stats w3c-store \
    w3c-tail
