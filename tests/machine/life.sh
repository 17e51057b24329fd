# shellcheck shell=bash
# The life of the machine, in a container. In: container.sh and aws.sh.

is_active() { [ "$(inside systemctl is-active "$1")" = active ]; }
gateway_pid() { inside systemctl show --property MainPID --value countersign; }
journal_says() { inside journalctl --no-pager --unit "$1" | grep "$2"; }

a_mistaken_configuration_is_told_and_keeps_the_gateway_from_starting() {
    until_it_holds journal_says countersign-provision \
        'gateway.toml:[0-9]*: .*"odrers".*did you mean "orders"'
    refused is_active countersign
    refused inside test -e /etc/countersign/server.key
    refused grep -F -v '10.0.0.50%ens5:68 ' <(listeners)
}

mended_it_is_fetched_by_itself_and_the_gateway_serves() {
    tell_instance gateway
    until_it_holds serves
}

every_unit_runs_but_what_a_container_has_not() {
    # The container's root is mounted from outside.
    inside systemctl list-units --failed --plain --no-legend | cut -d ' ' -f 1 >"$work/failed"
    refused grep -v -x 'systemd-remount-fs.service' "$work/failed"
    local unit
    for unit in countersign countersign-provision countersign-signal nftables systemd-networkd systemd-resolved; do
        is_active $unit
    done
}

listeners() { inside ss --no-header --listening --tcp --udp --numeric --process; }

nothing_listens_but_the_gateway() {
    listeners >"$work/listeners"
    grep ':443 ' "$work/listeners"
    # And who asked for the machine's address, where its answer comes.
    refused grep -v -e '"countersign"' -e '^udp .*10\.0\.0\.50%ens5:68 .*"systemd-network"' "$work/listeners"
}

files_are_their_readers_alone() {
    [ "$(inside stat --format '%U %a' /etc/countersign/server.key)" = 'countersign 600' ]
    [ "$(inside stat --format '%U %a' /etc/countersign/credentials.toml)" = 'countersign 600' ]
    inside grep -x 'Put here by tests/image.' /etc/countersign/note.txt
}

no_secret_is_in_the_journal() {
    local secret
    secret=$(grep 'secret access key' "$material/new" | sed 's/.* //')
    [ ${#secret} -ge 40 ]
    inside journalctl --no-pager >"$work/journal"
    refused grep --fixed-strings -e "$secret" -e "$(sed -n 2p "$material/server.key")" -e not-a-secret "$work/journal"
}

asks_for_metadata() {
    inside runuser --user "$1" -- python3 -c 'import socket; socket.create_connection(("169.254.169.254", 80), 5)'
}

only_root_and_the_gateway_may_ask_for_credentials() {
    asks_for_metadata root
    asks_for_metadata countersign
    refused asks_for_metadata nobody
    refused asks_for_metadata _chrony
}

fetching_again_takes_up_what_changed_without_a_restart() {
    local pid
    pid=$(gateway_pid)
    sed -i 's/Put here by/Put here again by/' "$work/user-data"
    inside systemctl restart countersign-provision
    inside systemctl reload countersign
    inside grep 'Put here again by' /etc/countersign/note.txt
    serves
    [ "$(gateway_pid)" = "$pid" ]
}

fetching_that_fails_leaves_the_gateway_and_its_files_alone() {
    local pid
    pid=$(gateway_pid)
    tell_instance mistaken
    refused inside systemctl restart countersign-provision
    inside grep 'Put here again by' /etc/countersign/note.txt
    serves
    [ "$(gateway_pid)" = "$pid" ]
}

a_gateway_that_ends_unexpectedly_comes_back() {
    local pid
    pid=$(gateway_pid)
    inside systemctl kill --signal KILL countersign
    until_it_holds serves
    [ "$(gateway_pid)" != "$pid" ]
}

only_version_2_of_the_metadata_service_was_asked() {
    grep 'PUT /latest/api/token v2' "$imds_log"
    grep 'GET /latest/user-data v2' "$imds_log"
    refused grep 'v1$' "$imds_log"
}

lives_in_a_container() {
    tell_instance mistaken
    start_container
    it a_mistaken_configuration_is_told_and_keeps_the_gateway_from_starting
    it mended_it_is_fetched_by_itself_and_the_gateway_serves
    it every_unit_runs_but_what_a_container_has_not
    it nothing_listens_but_the_gateway
    it files_are_their_readers_alone
    it no_secret_is_in_the_journal
    it only_root_and_the_gateway_may_ask_for_credentials
    it fetching_again_takes_up_what_changed_without_a_restart
    it fetching_that_fails_leaves_the_gateway_and_its_files_alone
    it a_gateway_that_ends_unexpectedly_comes_back
    it only_version_2_of_the_metadata_service_was_asked
    stop_container
}
