#!/bin/sh
# All commands of w3ctools in one file: link w3c-tail, w3c-parse, ... to it, or call it as `w3ctools tail`.
# Behind this script is a folder with programs and libraries. It is unpacked at the first start, into the
# user's cache, and then run from there: one process for each command, nothing in /tmp.
cache=${XDG_CACHE_HOME:-${HOME:-/dev/null}/.cache}/w3ctools
folder=$cache/@VERSION@-@HASH@
name=${0##*/}

is_ready() { [ -O "$folder" ] && [ -x "$folder/w3ctools" ]; }

is_running() { readlink /proc/[0-9]*/exe | grep -qF "/${1##*/}/w3ctools"; }

unpack() {
    PATH=/usr/bin:/bin:$PATH
    umask 077
    mkdir -p -- "$cache" && exec 9>"$cache/lock" && flock 9 || exit # all commands of a pipe start at once
    ! is_ready || exit
    for old in "$cache"/*-*; do # other versions, and what was not finished
        is_running "$old" || rm -rf -- "$old"
    done
    mkdir -- "$folder.new" || exit
    if tail -n +@LINES@ -- "$file" | tar -xzf - -C "$folder.new" && sync -f -- "$folder.new"; then
        mv -- "$folder.new" "$folder"
        is_ready || echo 'programs there may not be run'
    else
        rm -rf -- "$folder.new"
    fi
}

case $0 in */*) file=$0 ;; *) file=./$0 ;; esac
if ! is_ready; then
    problem=$(unpack 2>&1 | PATH=/usr/bin:/bin:$PATH sed '/./!d')
    if ! is_ready; then
        echo "$name: cannot unpack into $folder: ${problem%%
*}: XDG_CACHE_HOME names another place" >&2
        exit 1
    fi
fi
[ -e "$folder/bin/$name" ] || name=w3ctools
exec "$folder/bin/$name" "$@"
