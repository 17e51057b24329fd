# shellcheck shell=bash
# What stands in for AWS around the machine, on a network of its own, 10.0.0.0/24.
#
#   10.0.0.1           the VPC's router, which gives out addresses, by dnsmasq
#   10.0.0.10          Parameter Store, Secrets Manager and S3, by moto
#   10.0.0.20          the private server behind the gateway, an nginx
#   10.0.0.50          the machine, by DHCP
#   169.254.169.254    the metadata service, by deploy/image/emulator
#   169.254.169.123    the clock, by the image's own chrony
# In: COUNTERSIGN, `root`, `work`, and the words. Out: `in_aws`, what a gateway needs in `material`, and
# `tell_instance NAME`, which gives the instance user data with the configuration NAME: `gateway`,
# `mistaken`, or `strict`, which wants a synchronised clock.

aws=countersign-aws-$$
machine_net=countersign-machine-$$
# By which the router knows the machine.
mac=06:00:0a:00:00:32
material=$work/material
imds_log=$work/imds

in_aws() { ip netns exec "$aws" "$@"; }
starts_in_aws() { background ip netns exec "$aws" "$@"; }

make_network() {
    local address
    ip netns add "$aws"
    ip netns add "$machine_net"
    in_aws ip link set lo up
    in_aws ip link add vpc type bridge
    for address in 10.0.0.{1,10,20}/24 169.254.169.{254,123}/32; do
        in_aws ip address add $address dev vpc
    done
    in_aws ip link set vpc up
    # For the container; named as EC2's are, so that the image takes it for its own.
    in_aws ip link add to-container master vpc type veth \
        peer name ens5 address $mac netns "$machine_net"
    in_aws ip link set to-container up
    # For the emulated machine.
    in_aws ip tuntap add dev to-emulated mode tap
    in_aws ip link set to-emulated master vpc up
}

drop_network() {
    local one
    for one in "$aws" "$machine_net"; do
        ip netns delete "$one" 2>/dev/null || true
    done
}

# --- What a gateway needs

issue() {
    local name=$1 subject=$2
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$material/$name.key" \
        -subj "/CN=$subject" -addext "subjectAltName=DNS:$subject" -out "$material/$name.csr"
    openssl x509 -req -in "$material/$name.csr" -CA "$material/ca.pem" -CAkey "$material/ca.key" \
        -days 2 -copy_extensions copy -out "$material/$name.pem"
}

keys_and_a_configuration_are_made() {
    local credential
    mkdir "$material"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Authority' \
        -keyout "$material/ca.key" -out "$material/ca.pem"
    issue server gateway.example
    issue client client.partner.example
    chmod 600 "$material"/*.key
    cp tests/machine/gateway.toml "$material/gateway.toml"
    "$COUNTERSIGN" credentials new --config "$material/gateway.toml" --consumer partner >"$material/new"
    credential=$(grep -o 'CS[0-9A-Z]*' "$material/new" | head -n 1)
    sed -i "s/credentials = \[\]/credentials = [\"$credential\"]/" "$material/gateway.toml"
    "$COUNTERSIGN" check --config "$material/gateway.toml"
    sed 's/integration = "orders"/integration = "odrers"/' "$material/gateway.toml" >"$material/mistaken.toml"
    sed 's/^\[gateway\]/&\nrequire_synchronized_clock = true/' "$material/gateway.toml" >"$material/strict.toml"
}

# --- AWS

give_out_addresses() {
    starts_in_aws dnsmasq --keep-in-foreground --no-resolv --no-hosts --bind-interfaces --interface vpc \
        --conf-file=/dev/null --pid-file="" --user=root --dhcp-leasefile="$work/leases" --no-ping \
        --dhcp-range=10.0.0.50,10.0.0.50,255.255.255.0,1h --dhcp-host=$mac,10.0.0.50 2>"$work/dnsmasq"
}

serve_metadata() {
    starts_in_aws deploy/image/emulator --user-data "$work/user-data" --log "$imds_log"
}

serve_time() {
    # It writes who it is below /run, and nothing is to be written there.
    starts_in_aws unshare --mount sh -c 'mount -t tmpfs tmpfs "$1/run" && shift && exec chroot "$@"' - "$root" \
        "$root" chronyd -x -d 'local stratum 1' 'allow' 'bindaddress 169.254.169.123' \
        'bindcmdaddress /' 'cmdport 0' 'pidfile /run/chronyd' 'user root' 2>"$work/chronyd"
}

serve_services() {
    starts_in_aws target/venv/bin/moto_server --host 10.0.0.10 --port 5000 >"$work/moto" 2>&1
    until_it_holds in_aws curl --silent http://10.0.0.10:5000/
    in_aws target/venv/bin/python -W ignore tests/machine/fill_aws.py "$material"
}

serve_behind() {
    mkdir -p "$work/nginx"
    cp tests/machine/nginx.conf "$work/nginx/"
    starts_in_aws nginx -p "$work/nginx/" -c nginx.conf -e error.log
    until_it_holds in_aws curl --silent http://10.0.0.20/
}

start_aws() {
    make_network
    it keys_and_a_configuration_are_made
    give_out_addresses
    serve_metadata
    serve_time
    serve_services
    serve_behind
}

tell_instance() { sed "s|/countersign/gateway.toml|/countersign/$1.toml|" tests/machine/user-data.toml >"$work/user-data"; }

# --- A caller

# With a signature by `countersign sign`, which the caller gives, perhaps for another path than is asked.
call() {
    "$COUNTERSIGN" sign --config "$material/gateway.toml" GET "https://gateway.example$1" >"$work/signature"
    ask "$2" --cert "$material/client.pem" --key "$material/client.key" --config "$work/signature"
}

ask() {
    local path=$1
    shift
    in_aws curl --silent --show-error --output "$work/answer" --write-out '%{http_code}' \
        --max-time 20 --cacert "$material/ca.pem" --resolve gateway.example:443:10.0.0.50 \
        "$@" "https://gateway.example$path"
}

answers() { [ "$(call "$1" "${2:-$1}")" = "${3:-200}" ]; }
serves() { answers /orders/7 && grep 'The private server was asked for /orders/7' "$work/answer"; }
