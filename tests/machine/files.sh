# shellcheck shell=bash
# What is on the image, and what is not. In: `image`, the disk; `root`, its files.

its_shell_scripts_are_sound() {
    # With what it sources.
    shellcheck --external-sources tests/image
    shellcheck tests/machine/report deploy/image/{build,base,disk,prepare,packer/check} \
        deploy/image/provision/* deploy/image/files/usr/local/lib/countersign/*
}

the_same_packages_make_the_same_disk() {
    # By somebody with other habits.
    (umask 077; TZ=Asia/Tokyo LC_ALL=C DEB=$DEB deploy/image/build "$work/again")
    cmp "$image" "$work/again/$(basename "$image")"
    cmp "${image%.raw}.packages" "$work/again/$(basename "${image%.raw}.packages")"
    rm -r "$work/again"
}

its_disk_has_the_partitions_that_both_ways_of_starting_need() {
    [ "$(stat --format %s "$image")" = $((2 * 1024 * 1024 * 1024)) ]
    sfdisk --verify "$image"
    sfdisk --dump "$image" >"$work/partitions"
    [ "$(grep -c 'name="\(root\|bios\|esp\)"' "$work/partitions")" = 3 ]
}

nobody_can_log_in() {
    refused test -e "$root/usr/sbin/sshd"
    # A lock is a ! or a *; an empty field would be a password that everybody knows.
    refused grep -v '^[^:]*:[!*]' "$root/etc/shadow"
    local unit
    for unit in getty@ serial-getty@ console-getty container-getty@; do
        [ "$(readlink "$root/etc/systemd/system/$unit.service")" = /dev/null ]
    done
    refused test -e "$root/home/admin"
}

nothing_on_it_is_a_secret_or_of_one_machine_only() {
    refused test -s "$root/etc/machine-id"
    refused test -e "$root/var/lib/dbus/machine-id"
    refused test -e "$root/var/lib/systemd/random-seed"
    refused test -e "$root/var/lib/systemd/credential.secret"
    [ -z "$(find "$root/etc" -name 'ssh_host_*')" ]
    refused grep --recursive --files-with-matches --devices=skip --binary-files=text \
        --exclude-dir=python3 --exclude-dir=perl 'BEGIN [A-Z ]*PRIVATE KEY-----$' \
        "$root"/{etc,home,opt,root,srv,usr/local,var}
    [ -z "$(find "$root/root" "$root/var/log" "$root/var/lib/apt/lists" "$root/tmp" -type f -size +0 ! -name '.*')" ]
}

nothing_on_it_is_of_who_built_it() {
    refused grep --recursive --quiet --fixed-strings "$PWD" "$root/etc"
    # Which proxy or mirror the builder's apt goes through.
    refused grep --recursive --ignore-case 'proxy' "$root/etc/apt"
    grep -x 'deb http://deb.debian.org/debian-security bookworm-security main' "$root/etc/apt/sources.list"
    refused test -e "$root/usr/sbin/policy-rc.d"
    [ "$(cat "$root/etc/hostname")" = countersign ]
}

systemd_finds_no_fault_with_its_units() {
    local unit
    for unit in countersign-provision countersign-signal countersign-grow countersign; do
        chroot "$root" systemd-analyze verify --man=no --recursive-errors=no "$unit.service"
    done
}

what_fetches_and_tells_is_hardened() {
    chroot "$root" systemd-analyze security --offline=true --threshold=25 \
        /etc/systemd/system/countersign-provision.service
    chroot "$root" systemd-analyze security --offline=true --threshold=15 \
        /etc/systemd/system/countersign-signal.service
}

its_security_updates_are_debians_and_do_not_restart_it() {
    chroot "$root" apt-config dump >"$work/apt"
    [ "$(grep -c '^Unattended-Upgrade::Origins-Pattern::' "$work/apt")" = 1 ]
    grep -F 'label=Debian-Security' "$work/apt"
    grep -Fx 'Unattended-Upgrade::Automatic-Reboot "false";' "$work/apt"
    grep -Fx 'APT::Periodic::Unattended-Upgrade "1";' "$work/apt"
    chroot "$root" unattended-upgrade --dry-run --debug >"$work/upgrade" 2>&1
    grep "Allowed origins are: .*codename=bookworm-security,label=Debian-Security" "$work/upgrade"
}

its_clock_is_amazons() {
    chroot "$root" chronyd -p >"$work/chrony"
    grep -x 'server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4' "$work/chrony"
    grep -x rtcsync "$work/chrony"
    grep -x 'port 0' "$work/chrony"
    grep -x 'cmdport 0' "$work/chrony"
}

the_image_that_packer_makes_is_made_by_the_same_steps() {
    grep -F 'for step in /tmp/countersign-image/provision/*' deploy/image/packer/countersign.pkr.hcl
    deploy/image/packer/check
}

its_snapshot_is_the_disk_and_its_ami_says_how_it_starts() {
    target/venv/bin/python -W ignore tests/machine/register_into_moto.py deploy/image/register "$work"
}

an_agent_is_installed_when_it_is_given() {
    # AWS's own cannot be had here: one of the same form.
    mkdir -p "$work/agent/DEBIAN" "$work/agent/usr/lib/systemd/system"
    printf '%s\n' 'Package: amazon-ssm-agent' 'Version: 1' 'Architecture: amd64' \
        'Maintainer: Nobody <nobody@countersign.example>' 'Description: Stands in for the agent' \
        >"$work/agent/DEBIAN/control"
    touch "$work/agent/usr/lib/systemd/system/amazon-ssm-agent.service"
    dpkg-deb --root-owner-group --build "$work/agent" "$work/agent.deb"
    NO_DISK=1 SSM_AGENT=$work/agent.deb deploy/image/build "$work/with-agent"
    grep amazon-ssm-agent "$work/with-agent"/*.packages
    test -e "$work/with-agent/root/usr/lib/systemd/system/amazon-ssm-agent.service"
    rm -r "$work/with-agent"
}
