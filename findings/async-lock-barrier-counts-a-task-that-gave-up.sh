#!/usr/bin/env bash
# The crate async-lock 2.6.0 with futures-lite 1.12.0, of Debian 12 (librust-async-lock-dev), Rust 1.95.
#
# Guess: a task that gives up its wait at a Barrier, by a timeout or because it is cancelled, is no longer counted:
#        "a barrier will block n-1 tasks", and a dropped future of the crate's other locks leaves no trace.
# Seen:  it stays counted, so one task goes through a barrier for two, alone and as its leader, and the one that comes
#        later waits for ever. wait adds one to the count at its first poll and nothing takes it off; so do the
#        sources of version 3.
set -euo pipefail
command -v cargo >/dev/null || { echo "install the Debian package cargo, or a Rust toolchain" >&2; exit 1; }
registry=/usr/share/cargo/registry
for crate in async-lock-2.6.0 futures-lite-1.12.0; do
	[ -d "$registry/$crate" ] || { echo "install the Debian 12 packages librust-async-lock-dev" >&2; exit 1; }
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
async-lock = "=2.6.0"
futures-lite = "=1.12.0"
END
cat >src/main.rs <<'END'
use async_lock::{Barrier, RwLock};
use futures_lite::future::{block_on, poll_once};

fn main() {
    // poll_once lets a wait begin, and drops it unless it is over at once.
    let wait = |barrier: &Barrier| match block_on(poll_once(barrier.wait())) {
        Some(result) => format!("is through, as the leader: {}", result.is_leader()),
        None => "waits and gives up".to_string(),
    };
    let barrier = Barrier::new(2);
    println!("first task: {}", wait(&barrier));
    println!("second task, alone: {}", wait(&barrier));
    println!("third task: {}", wait(&barrier));

    let lock = RwLock::new(());
    let reader = block_on(lock.read());
    println!("a writer that gives up: {}", block_on(poll_once(lock.write())).is_none());
    println!("a reader after it: {}", lock.try_read().is_some());
    drop(reader);
}
END
CARGO_TARGET_DIR="$dir/target" timeout 500 cargo build --quiet --offline -j 1 2>err || { cat err; exit 1; }
timeout 30 target/debug/finding | tee seen
diff seen - <<'END'
first task: waits and gives up
second task, alone: is through, as the leader: true
third task: waits and gives up
a writer that gives up: true
a reader after it: true
END
echo "as found: async-lock 2.6.0"
