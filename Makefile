# The two commands that a newcomer needs, and the ones that CI runs before the tests.
.PHONY: run test lint package package-test image image-test bench bench-smoke bench-aws-check production-check bench-stages bench-handshakes fuzz clean

# A gateway with certificates, a credential and a stand-in for the private server.
run:
	cargo run --release -- demo

# Everything: unit tests, golden files, and the gateway against real nginx, curl, openssl, Redis,
# Prometheus and signers that others wrote. Installs those from Debian, PyPI and npm when they are missing.
test:
	tests/prepare
	cargo test --workspace --exclude countersign-fuzz

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo deny check bans licenses sources
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# The Debian package and its bill of materials, in target/package. Linking takes minutes.
package:
	deploy/package/prepare
	deploy/package/build

# The package, of the program that tests use, through its life on a Debian in a container. As root.
package-test:
	tests/prepare
	tests/package

# The disk of a machine that is a gateway, for EC2, in target/image. As root.
image: package
	deploy/image/prepare
	deploy/image/build

# The image, of the program that tests use: what is on it, its life, and its starts. As root.
image-test:
	tests/prepare
	tests/image

# The comparison of 2017 with the gateway in it: three quarters of an hour, on a machine that is quiet.
bench:
	benches/prepare
	cargo build --release -p countersign -p countersign-bench -p countersign-local-lambda
	target/release/countersign-bench local --duration 5

# The same in no time, to see that every part of it works.
bench-smoke:
	benches/prepare
	cargo build -p countersign -p countersign-bench -p countersign-local-lambda
	COUNTERSIGN=target/debug/countersign target/debug/countersign-bench local \
		--duration 0.2 --rounds 1 --rates 200 --strict --out target/bench-smoke

# The stack of the comparison on AWS, as far as that can be checked elsewhere.
bench-aws-check:
	benches/prepare
	deploy/infra/bench/check

# The stacks of production, likewise.
production-check:
	benches/prepare
	deploy/infra/production/check

# Single stages.
bench-stages:
	cargo bench -p countersign-bench

# The gateway beside nginx and HAProxy.
bench-handshakes:
	cargo build --release
	cargo bench -p countersign-bench --bench handshakes

# Each parser of network bytes, for a few seconds.
fuzz:
	fuzz/run 10

clean:
	cargo clean
