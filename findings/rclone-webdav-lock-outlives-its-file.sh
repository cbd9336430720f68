#!/usr/bin/env bash
# Debian 12: rclone 1.60.1 (rclone serve webdav).
#
# Guess: a lock ends with its file: once the holder has deleted it, with the token, anybody may make it anew and lock it,
#        as RFC 4918 has it. A lock that was asked for with an infinite time is said to have one, or a finite one.
# Seen:  the lock stays for its whole time; the new file cannot be made without the old token. And a lock with an infinite
#        time is said to last "Second-0", and is there all the same. (DELETE asks for the token and
#        takes nothing off the list of locks; an infinite time is a negative number, which is written as 0.)
set -euo pipefail
for command in rclone curl perl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages rclone, curl and perl" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
mkdir data
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
url=http://127.0.0.1:$port
rclone --config "$dir/rclone.conf" serve webdav --addr "127.0.0.1:$port" data >/dev/null 2>&1 & server=$!
for _ in {1..100}; do curl -fs "$url/" >/dev/null && break; sleep 0.2; done
echo text >text

status() { curl -s -m 20 -o /dev/null -w '%{http_code}\n' "$@"; }

lock() { # path timeout: prints the status, the time that the server says, and keeps the token
	curl -s -m 20 -D headers -o body -X LOCK -H "Timeout: $2" --data-binary '<?xml version="1.0"?><lockinfo xmlns="DAV:">
<lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>me</owner></lockinfo>' "$url/$1"
	token=$(sed -n 's/^Lock-Token: <\(.*\)>.*/\1/Ip' headers)
	echo "$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' headers) $(grep -o 'Second-[0-9]*' body || true)"
}
{
	status -T text "$url/file" >/dev/null
	lock file Second-600
	echo "the holder deletes the file: $(status -X DELETE -H "If: (<$token>)" "$url/file"), it is there: $(status "$url/file")"
	old=$token
	echo "another makes it: $(status -T text "$url/file"), or locks it: $(lock file Second-600)"
	echo "UNLOCK with the old token: $(status -X UNLOCK -H "Lock-Token: <$old>" "$url/file"), another makes it: $(status -T text "$url/file")"
	lock file Infinite
	sleep 3
	echo "after 3 s a write without the token: $(status -T text "$url/file")"
} | tee seen
diff seen - <<'END'
200 Second-600
the holder deletes the file: 204, it is there: 404
another makes it: 423, or locks it: 423 
UNLOCK with the old token: 204, another makes it: 201
200 Second-0
after 3 s a write without the token: 423
END
echo "as found: rclone 1.60.1"
