#!/usr/bin/env bash
# The programs that the tests start for themselves: installed by apt where this is root, named where it is not.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || missing+=(maven)

# Debian 12 and Ubuntu have Java 17, Debian 13 has 21.
with_known_java() {
    local version
    for version in 17 21; do
        apt-cache show "openjdk-$version-jre-headless" >/dev/null 2>&1 || continue
        missing=("${missing[@]/#openjdk-17-jre-headless/openjdk-$version-jre-headless}")
        return
    done
}

# systemd looks at the units of examples/production; nothing of it is started. Where it cannot be had, that test is left out (in CI it fails).
add_systemd() {
    command -v systemd-analyze >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && command -v timeout >/dev/null || return 0
    echo "Installing systemd ..."
    timeout 120 sh -c 'install="apt-get install -y -qq --no-install-recommends systemd"
        $install || { apt-get update -qq && $install; }' >/dev/null 2>&1 ||
        echo "It cannot be installed: systemd looks at no unit of examples/production."
}

# Chromium without what belongs to windows takes half of the processor time. Where it cannot be had, the tests use the other one.
add_quick_browser() {
    command -v chromium-headless-shell >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && command -v timeout >/dev/null || return 0
    echo "Installing chromium-headless-shell ..."
    timeout 120 apt-get install -y -qq --no-install-recommends chromium-headless-shell >/dev/null 2>&1 ||
        echo "It cannot be installed: the tests use Chromium as it is."
}

if [ ${#missing[@]} -eq 0 ]; then
    add_quick_browser
    add_systemd
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests need these programs, which are not here: ${missing[*]}" >&2
    echo "Install them first (Debian, Ubuntu: sudo apt-get install ${missing[*]})." >&2
    exit 1
fi
echo "Installing ${missing[*]} ..."
apt-get update -qq
with_known_java
# A server that the package would start is none of ours: the tests start their own.
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
add_quick_browser
add_systemd
