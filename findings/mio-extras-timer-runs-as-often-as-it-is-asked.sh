#!/usr/bin/env bash
# The crate mio-extras 2.0.5 of Debian 12 (librust-mio-extras-dev), Rust 1.95.
#
# Guess: Timer::poll says nothing until a timeout has passed, however often it is called: it is to "poll for an expired
#        timer", and what it has "is associated with the first expired timer, if any".
# Seen:  two calls of poll end a timeout of 100 ms, and some 6000 calls one of ten minutes, with no time gone by. A
#        program that asks on each turn of its loop, and not only when mio reports the timer, lets its leases run out at once.
#        If the tick is ahead of the clock, poll takes the tick for the time, and each call that finds nothing moves it on.
set -euo pipefail
command -v cargo >/dev/null || { echo "install the Debian package cargo, or a Rust toolchain" >&2; exit 1; }
registry=/usr/share/cargo/registry
for crate in mio-extras-2.0.5; do
	[ -d "$registry/$crate" ] || { echo "install the Debian 12 packages librust-mio-extras-dev" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir .cargo src
cat >.cargo/config.toml <<END
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "$registry"
END
cat >Cargo.toml <<'END'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"
[profile.dev]
debug = false
[dependencies]
mio-extras = "=2.0.5"
END
cat >src/main.rs <<'END'
use mio_extras::timer::Builder;
use std::time::{Duration, Instant};

fn main() {
    for (seconds, name) in [(10u64, "ten seconds"), (600, "ten minutes")] {
        let mut timer = Builder::default().build::<&str>();
        timer.set_timeout(Duration::from_secs(seconds), "the lease has ended");
        let begin = Instant::now();
        let mut calls = 0;
        let seen = loop {
            calls += 1;
            if let Some(seen) = timer.poll() {
                break seen;
            }
            if calls > 1_000_000 {
                break "nothing";
            }
        };
        // A call goes on by one tick of 100 ms.
        let ticks = seconds * 10;
        println!(
            "timeout of {name}: {seen}; within a third of the time: {}; in about as many calls as ticks: {}",
            begin.elapsed() < Duration::from_secs(seconds / 3),
            calls <= ticks + 5
        );
    }
}
END
CARGO_TARGET_DIR="$dir/target" timeout 500 cargo build --quiet --offline -j 1 2>err || { cat err; exit 1; }
timeout 30 target/debug/finding | tee seen
diff seen - <<'END'
timeout of ten seconds: the lease has ended; within a third of the time: true; in about as many calls as ticks: true
timeout of ten minutes: the lease has ended; within a third of the time: true; in about as many calls as ticks: true
END
echo "as found: mio-extras 2.0.5"
