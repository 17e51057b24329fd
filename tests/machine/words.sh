# shellcheck shell=bash
# The words in which tests/package and tests/image speak. In: `work`, a directory for what a test leaves.

# Runs a test; its name is the sentence. Who has `tell_more` says more about a failure.
it() {
    local log=$work/log failed
    # In a shell of its own, which the first failure ends: within an `if` it would not.
    set +e
    (set -ex; "$@") >"$log" 2>&1
    failed=$?
    set -e
    local sentence="${1//_/ }"
    shift
    if [ $failed = 0 ]; then
        echo "ok      $sentence${*:+ ($*)}"
        return
    fi
    echo "FAILED  $sentence${*:+ ($*)}"
    cat "$log"
    tell_more || true
    exit 1
}

# Waits for a condition; gives up only on what hangs. How many tenths of a second: `patience`.
until_it_holds() {
    local tries=${patience:-600}
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ]
        sleep 0.1
    done
}

refused() { ! "$@"; }

# Runs in the background and ends with this shell, however that ends.
background() {
    setpriv --pdeathsig KILL "$@" &
    started+=($!)
}
started=()

end_what_was_started() {
    [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true
    [ ${#started[@]} = 0 ] || wait "${started[@]}" 2>/dev/null || true
    started=()
}
