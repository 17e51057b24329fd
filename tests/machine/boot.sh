# shellcheck shell=bash
starts_in_an_emulated_machine() { :; }
