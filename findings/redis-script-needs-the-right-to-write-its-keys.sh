#!/usr/bin/env bash
# redis-server of Debian 12 (7.0.15).
#
# Guess: a script with the flag no-writes needs of its keys the right to read, as the commands in it do.
# Seen:  EVAL and EVALSHA count every key as written, whatever the script's flags say: a user with %R on a
#        key is refused before the script runs. EVAL_RO of the same script is not.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis" --save '' --dir "$dir" >/dev/null &
redis() { redis-cli -s "$dir/redis" "$@"; }
until redis ping >/dev/null 2>&1; do sleep 0.1; done
redis --raw info server | grep redis_version
redis set app:1 value >/dev/null
redis acl setuser reader on '>secret' '%R~app:*' -@all +eval +eval_ro +get >/dev/null
script=$'#!lua flags=no-writes\nreturn redis.call("get", KEYS[1])'
as_reader() { redis --user reader --pass secret --no-auth-warning "$@" 2>&1; }
seen="get:     $(as_reader get app:1)
eval:    $(as_reader eval "$script" 1 app:1)
eval_ro: $(as_reader eval_ro "$script" 1 app:1)"
echo "$seen"
[ "$seen" = "get:     value
eval:    NOPERM this user has no permissions to access one of the keys used as arguments
eval_ro: value" ] || { echo "this has changed" >&2; exit 1; }
