#!/usr/bin/env bash
# erlang-p1-cache-tab 1.0.30 of Debian 12, module cache_tab, Erlang/OTP 25.
#
# Guess: cache_tab:lookup/3 of an entry that is older than the table's life_time, which is "used to define cache entry
#        expiration" in the documentation, calls its function for the value of now.
# Seen:  by default it returns the old value, however old, and the entry counts as new from then on; one that is asked for
#        often enough is never read again. With the option lru, which is on by default and means to keep what is in use,
#        lookup/3 does not look at the time; entries that are too old go only when another one is inserted or deleted.
#        With {lru, false} it is as one would guess.
set -euo pipefail
command -v erl >/dev/null && [ "$(erl -noshell -eval 'io:format("~w", [code:which(cache_tab) =/= non_existing]), halt().')" = true ] ||
	{ echo "install the Debian packages erlang-base and erlang-p1-cache-tab" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.erl <<'END'
-module(run).
-export([main/0]).

main() ->
    {ok, _} = application:ensure_all_started(cache_tab),
    ok = cache_tab:new(default, [{life_time, 1}]),
    ok = cache_tab:new(other, [{life_time, 1}, {lru, false}]),
    io:format("default: ~s", [owner(default, "host-1")]),
    timer:sleep(5000),
    io:format(", five seconds later ~s", [owner(default, "host-2")]),
    timer:sleep(5000),
    io:format(", ten seconds later ~s~n", [owner(default, "host-3")]),
    io:format("with {lru, false}: ~s", [owner(other, "host-1")]),
    timer:sleep(5000),
    io:format(", five seconds later ~s~n", [owner(other, "host-2")]).

%% owner returns who holds the job, from the cache or else from where it is known now.
owner(Table, Now) ->
    {ok, Owner} = cache_tab:lookup(Table, job, fun() -> {ok, Now} end),
    Owner.
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
default: host-1, five seconds later host-1, ten seconds later host-1
with {lru, false}: host-1, five seconds later host-2
END
echo "as found: erlang-p1-cache-tab 1.0.30"
