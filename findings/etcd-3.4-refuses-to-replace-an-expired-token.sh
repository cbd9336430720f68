#!/usr/bin/env bash
# etcd 3.4.23 (Debian's package etcd-server), curl.
#
# Guess: a request with a user's name and password gets a new token, whatever token comes
#        with it.
# Seen:  with a token that the server does not know any more, the request is refused with
#        "invalid auth token". etcd 3.7.3 answers it.
set -euo pipefail
dir=$(mktemp -d)
(cd "$dir" && apt-get download -qq etcd-server=3.4.23* && dpkg -x etcd-server_*.deb .)
url=http://127.0.0.1:${PORT:=23790}
"$dir/usr/bin/etcd" --data-dir "$dir/data" --listen-client-urls "$url" --advertise-client-urls "$url" \
	--listen-peer-urls http://127.0.0.1:$((PORT + 1)) --initial-advertise-peer-urls http://127.0.0.1:$((PORT + 1)) \
	--initial-cluster default=http://127.0.0.1:$((PORT + 1)) --auth-token-ttl 1 2>/dev/null &
trap 'kill $!; rm -rf "$dir"' EXIT
until curl -fs "$url/health" >/dev/null; do sleep 0.1; done
ask() { curl -s "$url/v3/auth/$1" -d "$2" "${@:3}"; }
ask user/add '{"name":"root","password":"secret"}' >/dev/null
ask role/add '{"name":"root"}' >/dev/null
ask user/grant '{"user":"root","role":"root"}' >/dev/null
ask enable '{}' >/dev/null
token=$(ask authenticate '{"name":"root","password":"secret"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
sleep 4
ask authenticate '{"name":"root","password":"secret"}' -H "Authorization: $token" | grep 'invalid auth token'
echo "as found: etcd 3.4.23"
