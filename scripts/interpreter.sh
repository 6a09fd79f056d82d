#!/bin/sh
# Prints the Python that .venv is made with: python3 of the path, or the system's of the same version where that one was compiled
# without profiles. pyenv does so unless told otherwise, and everything then takes a quarter more of a processor.
system=${1:-/usr/bin/python3}
about='import ensurepip, sys, sysconfig, venv
profiles = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
print(*sys.version_info[:2], "with" if profiles else "without")'
of_path=$(python3 -c "$about" 2>/dev/null)
of_system=
# Not on macOS: without Apple's tools, to start /usr/bin/python3 there opens a dialog that installs them.
if [ "${of_path##* }" = without ] && [ "$(uname 2>/dev/null)" != Darwin ]; then
    of_system=$("$system" -c "$about" 2>/dev/null)  # its distributor has profiles, whatever it says
fi
if [ -n "$of_system" ] && [ "${of_path% *}" = "${of_system% *}" ]; then
    echo "$system"
else
    echo python3
fi
