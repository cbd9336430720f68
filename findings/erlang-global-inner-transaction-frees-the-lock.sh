#!/usr/bin/env bash
# Erlang/OTP 25 (25.2.3 of Debian 12), module global.
#
# Guess: a process that has a lock may set it again, which says true, and has it until it has deleted it as often; so a
#        global:trans/4 within another one of the same id leaves the lock with the outer one until that ends.
# Seen:  the inner trans takes the lock away: for the rest of the outer one everybody else gets it. Each node keeps which
#        processes hold a lock, not how often: the second set_lock changes nothing and the first del_lock removes the
#        process. (The documentation has the processes that share a lock each delete it, and says nothing of one that
#        sets it twice.)
set -euo pipefail
command -v erl >/dev/null || { echo "install the Debian package erlang-base" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.erl <<'END'
-module(run).
-export([main/0]).

main() ->
    Id = {job, self()},
    done = global:trans(Id, fun() ->
        io:format("in the outer transaction, another process gets the lock: ~w~n", [other()]),
        done = global:trans(Id, fun() -> done end, [node()], 0),
        io:format("after an inner one, another process gets the lock: ~w~n", [other()]),
        done
    end, [node()], 0),
    true = global:set_lock(Id, [node()], 0),
    true = global:set_lock(Id, [node()], 0),
    true = global:del_lock(Id, [node()]),
    io:format("set twice and deleted once, another process gets the lock: ~w~n", [other()]).

other() ->
    Main = self(),
    spawn(fun() -> Main ! {got, global:set_lock({job, self()}, [node()], 0)} end),
    receive {got, Got} -> Got end.
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
in the outer transaction, another process gets the lock: false
after an inner one, another process gets the lock: true
set twice and deleted once, another process gets the lock: true
END
echo "as found: Erlang/OTP $(erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().')"
