# shellcheck shell=bash
# The image's disk as a machine: firmware, boot loader, kernel and all, in an emulated machine with
# NVMe, as EC2's are. In: `image`, and aws.sh.

qemu=
serial=

# A copy on a larger volume, with AWS's place, and a unit that tells how the machine is.
make_volume() {
    local volume=$work/volume root_at=68
    cp --sparse=always "$image" "$volume"
    truncate --size 3G "$volume"
    debugfs -w -f - "$volume?offset=$((root_at * 1024 * 1024))" <<'COMMANDS' >"$work/debugfs" 2>&1
mkdir /etc/systemd/system/countersign-provision.service.d
write tests/machine/provision.conf /etc/systemd/system/countersign-provision.service.d/attempt.conf
write tests/machine/report.service /etc/systemd/system/report.service
symlink /etc/systemd/system/multi-user.target.wants/report.service /etc/systemd/system/report.service
write tests/machine/report /usr/local/sbin/report
sif /usr/local/sbin/report mode 0100755
COMMANDS
    if grep -v -e '^debugfs' -e '^Allocated inode' "$work/debugfs"; then return 1; fi
}

# SeaBIOS is what QEMU starts unless it is told otherwise. Of UEFI, the one that starts only what
# Microsoft's keys have signed.
choose_firmware() {
    firmware=()
    [ "$1" = UEFI ] || return 0
    cp /usr/share/OVMF/OVMF_VARS_4M.ms.fd "$work/variables"
    firmware=(
        -global driver=cfi.pflash01,property=secure,value=on
        -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.ms.fd
        -drive "if=pflash,format=raw,file=$work/variables"
    )
}

# Each line of the serial port, with the seconds since the start before it.
with_times() {
    local start=${EPOCHREALTIME/[^0-9]/} line now
    while IFS= read -r line; do
        now=$((${EPOCHREALTIME/[^0-9]/} - start))
        printf '%4d.%d %s\n' $((now / 1000000)) $((now / 100000 % 10)) "${line%$'\r'}"
    done >"$serial"
}

start_emulated() {
    local firmware
    choose_firmware "$1"
    # Never KVM: where there is one, it may be none that starts a firmware. The processor as it is: QEMU
    # 7.2 without a feature of it (svm=off) loses mounts.
    starts_in_aws qemu-system-x86_64 -machine q35,smm=on -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
        "${firmware[@]}" -nodefaults -display none -no-reboot -monitor none -serial stdio \
        -drive "file=$work/volume,format=raw,if=none,id=volume,snapshot=on" \
        -device nvme,drive=volume,serial=vol0123456789abcdef,bootindex=1 \
        -netdev tap,id=network,ifname=to-emulated,script=no,downscript=no \
        -device virtio-net-pci,netdev=network,mac=$mac,romfile= -device virtio-rng-pci \
        </dev/null > >(with_times) 2>&1
    qemu=${started[-1]}
}

stop_emulated() {
    kill "$qemu"
    wait "$qemu" || true
    until_it_holds ended "$qemu"
}
ended() { ! kill -0 "$1"; }

at() { grep --text -m 1 -e "$1" "$serial" | sed 's/^ *\([0-9.]*\).*/\1 s/'; }
tell_marks() {
    echo "        boot loader $(at 'Booting .Countersign'), kernel $(at 'Linux version')," \
        "systemd $(at 'systemd 252'), the gateway had started by $(at 'report: begins')"
}

reported() { grep --text -e "report: $1" "$serial"; }

# --- What is tried

it_starts_by() {
    # Five minutes: on a busy machine an emulated one is slow.
    patience=3000 until_it_holds reported end
}

a_request_with_certificate_and_signature_is_answered_by_the_private_server() { serves; }
a_wrong_signature_is_refused() { answers /orders/8 /orders/7 403; }
a_caller_without_certificate_is_refused_in_the_handshake() { refused ask /orders/7; }

no_unit_failed() { reported 'failed units:$'; }

nothing_but_the_gateway_listens_to_the_network() {
    reported 'listens: tcp .*:443 .*"countersign"'
    # And who asked for the machine's address, where its answer comes.
    refused grep -v -e '"countersign"' -e 'udp .*10\.0\.0\.50%en[a-z0-9]*:68 .*"systemd-network"' \
        <(reported 'listens: ')
}

the_kernel_is_told_what_the_image_says() {
    reported 'sysctl: .* is as said'
    refused reported 'sysctl: .* not '
    reported 'lockdown: none \[integrity\]'
}

the_gateway_has_the_machine_for_itself() {
    reported 'open files: Max open files 1048576 1048576'
    reported 'out of memory: -500'
    reported 'LogRateLimitIntervalUSec=0'
    reported 'nftables: 2 rules'
    reported 'journal: is kept'
}

the_root_file_system_has_grown_with_the_volume() { reported 'root: *2[89][0-9][0-9]MiB'; }
the_machine_has_an_id_of_its_own() { reported 'machine id: 33'; }

the_clock_is_set_by_amazons() {
    reported 'clock: Reference ID .*A9FEA97B (169.254.169.123)'
    reported 'clock: NTPSynchronized=yes'
}

secure_boot_is_enforced() { reported 'secure boot: SecureBoot enabled'; }

starts_in_an_emulated_machine() {
    local firmware
    make_volume
    # The container's clock is the host's, which may be anything; here it is the image's own.
    tell_instance strict
    for firmware in UEFI BIOS; do
        : >"$imds_log"
        serial=target/image/serial-$firmware.log
        start_emulated $firmware
        it it_starts_by $firmware
        tell_marks
        it a_request_with_certificate_and_signature_is_answered_by_the_private_server
        it a_wrong_signature_is_refused
        it a_caller_without_certificate_is_refused_in_the_handshake
        it no_unit_failed
        it nothing_but_the_gateway_listens_to_the_network
        it the_kernel_is_told_what_the_image_says
        it the_gateway_has_the_machine_for_itself
        it the_root_file_system_has_grown_with_the_volume
        it the_machine_has_an_id_of_its_own
        it the_clock_is_set_by_amazons
        [ $firmware = BIOS ] || it secure_boot_is_enforced
        it only_version_2_of_the_metadata_service_was_asked
        stop_emulated
    done
}
