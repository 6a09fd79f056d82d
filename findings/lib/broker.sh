# A standalone Pulsar broker of version 4.0.8 for one finding: source this after finding.sh, and call `broker`.
#
# Maven fetches the distribution (245 MB, once for its own cache). The broker listens on free ports of the loopback address, which
# $broker_url and $admin_url name, and ends with the finding. `secured_broker` starts one that asks for tokens and looks at permissions;
# $folder/tokens.py makes the tokens, and the role admin may do everything.

broker() {
    (cd "$folder" && mvn -B -q -Dstyle.color=never dependency:copy -DoutputDirectory="$folder/archive" \
        -Dartifact=org.apache.pulsar:pulsar-server-distribution:4.0.8:tar.gz:bin)
    mkdir "$folder/pulsar"
    tar -xzf "$folder"/archive/*.tar.gz -C "$folder/pulsar" --strip-components 1
    set -- $(python3 -c 'import socket; s = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]; print(*(x.getsockname()[1] for x in s))')
    broker_url="pulsar://127.0.0.1:$1" admin_url="http://127.0.0.1:$2"
    sed -i.bak "s/^brokerServicePort=.*/brokerServicePort=$1/; s/^webServicePort=.*/webServicePort=$2/; s/^bindAddress=.*/bindAddress=127.0.0.1/" \
        "$folder/pulsar/conf/standalone.conf"
    if [ -f "$folder/more.conf" ]; then { echo; cat "$folder/more.conf"; } >> "$folder/pulsar/conf/standalone.conf"; fi
    (cd "$folder/pulsar" && PULSAR_MEM="-Xmx1g -XX:MaxDirectMemorySize=1g" exec bin/pulsar standalone --no-functions-worker \
        --no-stream-storage --advertised-address 127.0.0.1 --bookkeeper-port "$3") > "$folder/broker.log" 2>&1 &
    broker_process=$!
    for _ in $(seq 120); do
        case "$(curl -s -H "Authorization: Bearer ${admin_token:-}" "$admin_url/admin/v2/namespaces/public" || true)" in *public/default*) return ;; esac
        kill -0 "$broker_process" 2>/dev/null || break
        sleep 1
    done
    tail -15 "$folder/broker.log" >&2
    echo "The broker did not start." >&2
    exit 1
}

secured_broker() {
    head -c 32 /dev/urandom > "$folder/secret.key"
    cat > "$folder/tokens.py" <<'PY'
import base64
import hmac
import json
import pathlib

SECRET = pathlib.Path(__file__).with_name("secret.key").read_bytes()


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(role, ends=None, secret=SECRET):
    claims = {"sub": role} if ends is None else {"sub": role, "exp": int(ends)}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


if __name__ == "__main__":
    print(token("admin"))
PY
    admin_token=$(python3 "$folder/tokens.py")
    cat > "$folder/more.conf" <<CONF
authenticationEnabled=true
authorizationEnabled=true
superUserRoles=admin
authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken
tokenSecretKey=file://$folder/secret.key
brokerClientAuthenticationPlugin=org.apache.pulsar.client.impl.auth.AuthenticationToken
brokerClientAuthenticationParameters=token:$admin_token
CONF
    broker
}
