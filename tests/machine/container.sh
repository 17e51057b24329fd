# shellcheck shell=bash
# The image's root file system as a machine: systemd as PID 1 in a container, on the host's kernel.
# In: `work`, `machine_net` and the words. Out: `inside`, for what is to run in it.

nspawn=
machine=

inside() {
    nsenter --target "$machine" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}

# A disk over what was built, in memory, with what only an attempt needs.
fresh_disk() {
    mkdir -p "$work/disk"
    mount -t tmpfs tmpfs "$work/disk"
    mkdir "$work/disk"/{upper,work,root}
    mount -t overlay overlay "$work/disk/root" \
        -o "lowerdir=target/image/root,upperdir=$work/disk/upper,workdir=$work/disk/work"
    mkdir -p "$work/disk/root/etc/systemd/system/countersign-provision.service.d"
    cp tests/machine/provision.conf "$work/disk/root/etc/systemd/system/countersign-provision.service.d/"
}

find_machine() {
    local child children
    read -ra children <"/proc/$nspawn/task/$nspawn/children"
    for child in "${children[@]}"; do
        [ "$(cat "/proc/$child/comm")" = systemd ] && machine=$child && return
    done
    return 1
}

is_up() { [[ $(inside systemctl is-system-running) =~ running|degraded ]]; }

start_container() {
    fresh_disk
    background systemd-nspawn --quiet --boot --directory="$work/disk/root" --register=no --keep-unit \
        --network-namespace-path="/run/netns/$machine_net" --capability=CAP_NET_ADMIN \
        --console=pipe --link-journal=no </dev/null >"$work/console" 2>&1
    nspawn=${started[-1]}
    until_it_holds find_machine
    until_it_holds is_up
}

stop_container() {
    [ -z "$machine" ] || kill -KILL "$machine" 2>/dev/null || true
    [ -z "$nspawn" ] || wait "$nspawn" 2>/dev/null || true
    machine=
    # Its interface and address go with it.
    ip netns delete "$machine_net" 2>/dev/null || true
    ! mountpoint -q "$work/disk/root" || umount "$work/disk/root"
    ! mountpoint -q "$work/disk" || umount "$work/disk"
}
