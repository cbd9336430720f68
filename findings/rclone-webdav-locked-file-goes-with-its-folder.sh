#!/usr/bin/env bash
# Debian 12: rclone 1.60.1 (rclone serve webdav).
#
# Guess: a file that somebody has locked stays where it is: moving or deleting the folder that it is in needs the token of
#        the lock too, as RFC 4918 has it, and is refused without it, as moving or deleting the file is.
# Seen:  the folder can be moved and deleted, with the locked file in it and by anybody. The file is then free at its new
#        place; the lock stays at the old one, where there is nothing, and the holder's own write is an error. (The server
#        asks for locks of the path itself and of the folders above it, not of what is below it.)
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
for change in move delete; do
	echo "$change:"
	folder=$change
	[ "$change" = move ] && options=(-X MOVE -H "Destination: $url/moved") || options=(-X DELETE)
	status -X MKCOL "$url/$folder" >/dev/null
	status -T text "$url/$folder/file" >/dev/null
	lock "$folder/file" Second-600 >/dev/null
	echo "  without the token, a write: $(status -T text "$url/$folder/file"), the same with the file: $(status "${options[@]/moved/elsewhere}" "$url/$folder/file")"
	echo "  with the folder: $(status "${options[@]}" "$url/$folder")"
	echo "  the holder reads: $(status "$url/$folder/file"), and writes: $(status -T text -H "If: (<$token>)" "$url/$folder/file")"
	[ "$change" = delete ] || echo "  a write without the token at the new place: $(status -T text "$url/moved/file")"
done | tee seen
diff seen - <<'END'
move:
  without the token, a write: 423, the same with the file: 423
  with the folder: 201
  the holder reads: 404, and writes: 404
  a write without the token at the new place: 201
delete:
  without the token, a write: 423, the same with the file: 423
  with the folder: 204
  the holder reads: 404, and writes: 404
END
echo "as found: rclone 1.60.1"
