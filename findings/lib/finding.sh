# Shared by the findings. Each sources it, installs pinned packages, runs them, and compares what it saw with what it expects.
#
#   python_with PACKAGE==VERSION …   installs into a fresh virtual environment; then $python runs it
#   node_with PACKAGE@VERSION …      installs into a fresh folder; then `node` runs modules from $folder
#   java_with GROUP:NAME:VERSION …   fetches the jars and what they need; then `java -cp "$jars"` runs them
#   expect                           compares $folder/seen with standard input, and ends with 1 if they differ

set -eu
folder=$(mktemp -d)
trap 'finding_ends' EXIT
trap 'exit 130' INT TERM

finding_ends() {
    if [ -n "${broker_process:-}" ]; then kill "$broker_process" 2>/dev/null || true; wait "$broker_process" 2>/dev/null || true; fi
    rm -rf "$folder"
}

python_with() {
    python3 -m venv "$folder/python"
    python="$folder/python/bin/python"
    "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

node_with() {
    printf '{"private": true, "type": "module"}\n' > "$folder/package.json"
    (cd "$folder" && npm install --silent --no-audit --no-fund "$@" >/dev/null)
}

java_with() {
    {
        echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        echo '<groupId>finding</groupId><artifactId>finding</artifactId><version>1</version><dependencies>'
        for package in "$@"; do
            echo "$package" | sed 's,\(.*\):\(.*\):\(.*\),<dependency><groupId>\1</groupId><artifactId>\2</artifactId><version>\3</version></dependency>,'
        done
        echo '</dependencies></project>'
    } > "$folder/pom.xml"
    (cd "$folder" && mvn -B -q -Dstyle.color=never dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$folder/jars")
    jars="$folder/jars/*"
}

expect() {
    cat > "$folder/expected"
    diff -u "$folder/expected" "$folder/seen" || { echo "This is not what was found before." >&2; exit 1; }
    cat "$folder/seen"
}
