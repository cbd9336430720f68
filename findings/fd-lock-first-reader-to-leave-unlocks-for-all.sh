#!/usr/bin/env bash
# The crate fd-lock 3.0.6 of Debian 12 (librust-fd-lock-dev), Rust 1.95, Linux.
#
# Guess: an RwLock of fd-lock has two read guards at once, since read and try_read take &self, and the file is locked
#        until the last of them is dropped, as with a std RwLock. A guard "will release this thread's shared access".
# Seen:  the first guard that is dropped unlocks the file for all: another holder's try_write gets the lock while the
#        other reader reads on with its guard. A mere `try_read().is_ok()` beside a guard is enough. A flock belongs to
#        the open file and does not count, and each guard's drop calls flock(LOCK_UN); so do the sources of version 4.
set -euo pipefail
command -v cargo >/dev/null || { echo "install the Debian package cargo, or a Rust toolchain" >&2; exit 1; }
registry=/usr/share/cargo/registry
for crate in fd-lock-3.0.6; do
	[ -d "$registry/$crate" ] || { echo "install the Debian 12 packages librust-fd-lock-dev" >&2; exit 1; }
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
fd-lock = "=3.0.6"
END
cat >src/main.rs <<'END'
use fd_lock::RwLock;
use std::fs::{File, OpenOptions};

fn open() -> RwLock<File> {
    RwLock::new(OpenOptions::new().create(true).read(true).write(true).open("lock").unwrap())
}

fn main() {
    let readers = open();
    let mut writer = open();
    let first = readers.read().unwrap();
    let second = readers.read().unwrap();
    println!("two guards: a writer gets the lock: {}", writer.try_write().is_ok());
    drop(first);
    println!("one of two dropped: a writer gets the lock: {}", writer.try_write().is_ok());
    drop(second);

    let guard = readers.read().unwrap();
    println!("one guard: a writer gets the lock: {}", writer.try_write().is_ok());
    println!("can be read beside it: {}", readers.try_read().is_ok());
    println!("after that question: a writer gets the lock: {}", writer.try_write().is_ok());
    drop(guard);
}
END
CARGO_TARGET_DIR="$dir/target" timeout 500 cargo build --quiet --offline -j 1 2>err || { cat err; exit 1; }
timeout 30 target/debug/finding | tee seen
diff seen - <<'END'
two guards: a writer gets the lock: false
one of two dropped: a writer gets the lock: true
one guard: a writer gets the lock: false
can be read beside it: true
after that question: a writer gets the lock: true
END
echo "as found: fd-lock 3.0.6"
