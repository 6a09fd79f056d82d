#!/bin/sh
# Installs what these files pin, four packages at a time: pip asks the registry for one after another, and a processor waits.
# Usage: install_side_by_side.sh PYTHON FILE... Succeeds if all of it is there and nothing that it needs is missing. If not, that
# is left to who installs the files as they are.
python=$1
shift
installing=
# What runs in the background of a script takes no notice of Ctrl-C.
trap 'kill $installing 2>/dev/null; wait; exit 130' INT TERM
pins=$(sed -n 's/^\([A-Za-z0-9][^ #]*==[^ #]*\).*/\1/p' "$@" | sort -u)
for part in 0 1 2 3; do
    wanted=$(echo "$pins" | awk "NR % 4 == $part")
    # shellcheck disable=SC2086 # one word for each package
    "$python" -m pip install --disable-pip-version-check -q --no-compile --no-deps $wanted >/dev/null 2>&1 &
    installing="$installing $!"
done
complete=0
# Two versions of one package: pip refuses that, and says so.
[ -z "$(echo "$pins" | sed 's/\[[^]]*\]//; s/==.*//' | tr '[:upper:]' '[:lower:]' | sort | uniq -d)" ] || complete=1
for part in $installing; do
    wait "$part" || complete=1
done
# Whatever is not pinned is pip's to find.
awk '!/^(#|-r |$)/ && !/==/ { exit 1 }' "$@" || complete=1
[ "$complete" = 0 ] && "$python" -m pip --disable-pip-version-check check >/dev/null
