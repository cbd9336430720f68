#!/usr/bin/env bash
# ruby-lockfile 2.1.3 of Debian 12 (gem lockfile).
#
# Guess: a holder whose lock file was removed, as by an admin or by one that found it stale, hears of it within `refresh`
#        by a StolenLockError, and nothing else comes of it: the lock is free, or the next one's.
# Seen:  it makes the file anew: its refresh touches the path before it reads whose the lock is. The holder gets the
#        StolenLockError and does not remove the file, which is empty and nobody's: all others are kept out for max_age,
#        an hour by default.
set -euo pipefail
ruby -e 'require "lockfile"' 2>/dev/null || { echo "install the Debian package ruby-lockfile" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'lockfile'

def wait_for
  600.times { return if yield; sleep 0.05 }
  abort 'nothing happens'
end

def try
  Lockfile.new('job', retries: 0, poll_retries: 1).lock { 'succeeds' }
rescue Lockfile::LockError => error
  "fails with #{error.class}"
end

def holder
  fork do
    Lockfile.new('job', refresh: 4) do
      File.write('held', '')
      sleep 60
    end
  rescue Lockfile::StolenLockError => error
    File.write('heard', error.class)
  end
end

[true, false].each do |loses|
  pid = holder
  wait_for { File.exist?('held') }
  if loses
    sleep 1
    File.unlink('job')
    puts "the file is removed, a lock #{try}"
    wait_for { File.size?('heard') }
    puts "the holder hears #{File.read('heard')}"
  else
    Process.kill('TERM', pid)
  end
  Process.wait(pid)
  lost = loses ? '' : ', not having lost the lock'
  file = File.exist?('job') ? "is there with #{File.size('job')} bytes" : 'is gone'
  puts "the holder has ended#{lost}: the file #{file}, a lock #{try}"
  ['job', 'held', 'heard'].each { |name| File.delete(name) if File.exist?(name) }
end
END
timeout 80 ruby -W0 run.rb | tee seen
diff seen - <<'END'
the file is removed, a lock succeeds
the holder hears Lockfile::StolenLockError
the holder has ended: the file is there with 0 bytes, a lock fails with Lockfile::MaxTriesLockError
the holder has ended, not having lost the lock: the file is gone, a lock succeeds
END
echo "as found: ruby-lockfile 2.1.3"
