# A standalone Pulsar broker of version 4.0.8 for one finding: source this after finding.sh, and call `broker`.
#
# Maven fetches the distribution (245 MB, once for its own cache). The broker listens on free ports of the loopback address, which
# $broker_url and $admin_url name, and ends with the finding.

broker() {
    (cd "$folder" && mvn -B -q -Dstyle.color=never dependency:copy -DoutputDirectory="$folder/archive" \
        -Dartifact=org.apache.pulsar:pulsar-server-distribution:4.0.8:tar.gz:bin)
    mkdir "$folder/pulsar"
    tar -xzf "$folder"/archive/*.tar.gz -C "$folder/pulsar" --strip-components 1
    set -- $(python3 -c 'import socket; s = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]; print(*(x.getsockname()[1] for x in s))')
    broker_url="pulsar://127.0.0.1:$1" admin_url="http://127.0.0.1:$2"
    sed -i.bak "s/^brokerServicePort=.*/brokerServicePort=$1/; s/^webServicePort=.*/webServicePort=$2/; s/^bindAddress=.*/bindAddress=127.0.0.1/" \
        "$folder/pulsar/conf/standalone.conf"
    (cd "$folder/pulsar" && PULSAR_MEM="-Xmx1g -XX:MaxDirectMemorySize=1g" exec bin/pulsar standalone --no-functions-worker \
        --no-stream-storage --advertised-address 127.0.0.1 --bookkeeper-port "$3") > "$folder/broker.log" 2>&1 &
    broker_process=$!
    for _ in $(seq 120); do
        case "$(curl -s "$admin_url/admin/v2/namespaces/public" || true)" in *public/default*) return ;; esac
        kill -0 "$broker_process" 2>/dev/null || break
        sleep 1
    done
    tail -15 "$folder/broker.log" >&2
    echo "The broker did not start." >&2
    exit 1
}
