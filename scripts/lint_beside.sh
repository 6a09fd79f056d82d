#!/usr/bin/env bash
# Runs the given command with lint and types beside it, so that two processors are busy from the beginning.
# Lint's output comes first and the command's last. Fails if either fails.
set -uo pipefail
cd "$(dirname "$0")/.."
if [ -t 1 ]; then set -- "$@" --color=yes; fi
"$@" 2>&1 | {
    "${MAKE:-make}" --no-print-directory lint
    lint=$?
    cat
    exit "$lint"
}
ended=("${PIPESTATUS[@]}")
exit "$((ended[0] != 0 ? ended[0] : ended[1]))"
