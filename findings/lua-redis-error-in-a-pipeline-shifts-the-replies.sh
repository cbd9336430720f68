#!/usr/bin/env bash
# lua-redis 2.0.5~git20141117 (redis-lua 2.0.5-dev), Lua 5.1 and redis-server 7.0.15 of Debian 12.
#
# Guess: if a command of a pipeline or a transaction fails, as an INCR of a text, the call raises an error, and the client
#        can be used further: each later command has its own reply.
# Seen:  the call raises the error where it reads the failed reply, and the replies behind it are left in the connection.
#        Each later command has the reply of an earlier one, without an error: SET NX of a lock that another holds says
#        true, the OK of a SET of the pipeline, and GET says that a key is missing that is there. It stays so for the life
#        of the connection. An error of a single command does no harm.
set -euo pipefail
for command in redis-server lua5.1; do
	command -v "$command" >/dev/null || { echo "install the Debian packages redis-server, lua5.1 and lua-redis" >&2; exit 1; }
done
lua5.1 -e 'require "redis"' 2>/dev/null || { echo "install the Debian package lua-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
port=$(perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(0, INADDR_LOOPBACK)); print((unpack_sockaddr_in(getsockname(S)))[0])')
redis-server --bind 127.0.0.1 --port "$port" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.lua <<'END'
local redis = require 'redis'

local function connect() return redis.connect('127.0.0.1', tonumber(arg[1])) end

local other = connect()
other:set('text', 'x')
print('another takes the lock:', other:set('lock', 'other', 'NX', 'PX', 600000))

local function fail(call)
  local ok, err = pcall(call)
  return ok and 'no error' or 'error'
end

local function try(what, fails)
  local client = connect()
  print(what .. ':', fail(function() fails(client) end))
  for _ = 1, 2 do print('  SET NX of the lock:', client:set('lock', 'me', 'NX', 'PX', 600000)) end
  for _ = 1, 2 do print('  GET of the lock:', client:get('lock')) end
end

local function commands(client)
  client:incr('text')
  client:set('state', 'at work')
end
try('single command', function(client) client:incr('text') end)
try('pipeline', function(client) client:pipeline(commands) end)
try('transaction', function(client) client:transaction(commands) end)
END
timeout 30 lua5.1 run.lua "$port" | tr '\t' ' ' | tee seen
diff seen - <<'END'
another takes the lock: true
single command: error
  SET NX of the lock: nil
  SET NX of the lock: nil
  GET of the lock: other
  GET of the lock: other
pipeline: error
  SET NX of the lock: true
  SET NX of the lock: nil
  GET of the lock: nil
  GET of the lock: other
transaction: error
  SET NX of the lock: true
  SET NX of the lock: nil
  GET of the lock: nil
  GET of the lock: other
END
echo "as found: redis-lua 2.0.5-dev"
