#!/usr/bin/env bash
# Runs the given command with lint and types beside it, so that two processors are busy from the beginning. BESIDE names other
# targets of the Makefile. Their output comes first and the command's last. Fails if anything fails.
set -uo pipefail
cd "$(dirname "$0")/.."
if [ -t 1 ]; then set -- "$@" --color=yes; fi
"$@" 2>&1 | {
    # shellcheck disable=SC2086 # one word for each target
    "${MAKE:-make}" --no-print-directory --keep-going ${BESIDE:-lint}
    beside=$?
    cat
    exit "$beside"
}
ended=("${PIPESTATUS[@]}")
exit "$((ended[0] != 0 ? ended[0] : ended[1]))"
