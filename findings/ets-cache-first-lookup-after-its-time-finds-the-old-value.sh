#!/usr/bin/env bash
# erlang-p1-cache-tab 1.0.30 of Debian 12, module ets_cache (the cache of ejabberd), Erlang/OTP 25.
#
# Guess: ets_cache:lookup/2 and lookup/3 find no entry that is older than the cache's life_time: lookup/3 then calls its
#        function for the value of now.
# Seen:  the first lookup after that time, however late, returns the old value, and lookup/3 does not call its function;
#        only the second one does. lookup removes an entry that is too old and returns its value all the same. A key that
#        is asked for less often than once in life_time has an old value nearly each time, until the cache is cleaned,
#        every one to five minutes. fold/3 leaves such entries out.
set -euo pipefail
command -v erl >/dev/null && [ "$(erl -noshell -eval 'io:format("~w", [code:which(ets_cache) =/= non_existing]), halt().')" = true ] ||
	{ echo "install the Debian packages erlang-base and erlang-p1-cache-tab" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.erl <<'END'
-module(run).
-export([main/0]).

main() ->
    {ok, _} = application:ensure_all_started(cache_tab),
    ok = ets_cache:new(owners, [{life_time, 1000}]),
    io:format("first: ~s~n", [owner('host-1')]),
    true = ets_cache:insert(owners, lock, 'host-1'),
    timer:sleep(5000),
    io:format("lookup/3 after five times the life time: ~s~n", [owner('host-2')]),
    io:format("lookup/3 after it: ~s~n", [owner('host-2')]),
    io:format("lookup/2 after five times the life time: ~p~n", [ets_cache:lookup(owners, lock)]),
    io:format("lookup/2 after it: ~p~n", [ets_cache:lookup(owners, lock)]).

%% owner returns who holds the job, from the cache or else from where it is known now.
owner(Now) ->
    {ok, Owner} = ets_cache:lookup(owners, job, fun() -> {ok, Now} end),
    Owner.
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
first: host-1
lookup/3 after five times the life time: host-1
lookup/3 after it: host-2
lookup/2 after five times the life time: {ok,'host-1'}
lookup/2 after it: error
END
echo "as found: erlang-p1-cache-tab 1.0.30"
