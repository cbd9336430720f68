#!/usr/bin/env bash
# erlang-p1-cache-tab 1.0.30 of Debian 12, module ets_cache (the cache of ejabberd), Erlang/OTP 25.
#
# Guess: ets_cache:insert/3 puts a value in the place of the one that is there, and insert_new/3 alone leaves that.
# Seen:  insert/3 says false and leaves the old value too, unless that is past its life time: each of the two inserts only
#        if there is nothing, and a cache without a life_time keeps its first value for ever. Within the module insert/3
#        asks for "replace", but what is there already is checked before that is looked at. It takes delete/2, or
#        update/4, to change a value.
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
    ok = ets_cache:new(owners),
    io:format("insert host-1: ~w~n", [ets_cache:insert(owners, job, 'host-1')]),
    io:format("insert host-2: ~w~n", [ets_cache:insert(owners, job, 'host-2')]),
    io:format("lookup: ~w~n", [ets_cache:lookup(owners, job)]),
    io:format("insert_new host-3: ~w~n", [ets_cache:insert_new(owners, job, 'host-3')]),
    io:format("update host-4: ~w~n", [ets_cache:update(owners, job, {ok, 'host-4'}, fun() -> ok end)]),
    io:format("lookup: ~w~n", [ets_cache:lookup(owners, job)]),
    ok = ets_cache:delete(owners, job),
    io:format("after delete, insert host-5: ~w~n", [ets_cache:insert(owners, job, 'host-5')]).
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
insert host-1: true
insert host-2: false
lookup: {ok,'host-1'}
insert_new host-3: false
update host-4: {ok,'host-4'}
lookup: {ok,'host-4'}
after delete, insert host-5: true
END
echo "as found: erlang-p1-cache-tab 1.0.30"
