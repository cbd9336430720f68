#!/usr/bin/env bash
# erlang-p1-cache-tab 1.0.30 of Debian 12, module ets_cache (the cache of ejabberd), Erlang/OTP 25.
#
# Guess: a cache of ets_cache that has reached max_size, "used to limit number of entries" in its documentation, lets an
#        old entry go for a new one, or does not take the new one.
# Seen:  it lets all of them go, the new one included, and whoever keeps sessions in it starts from nothing. insert finds
#        the table full, has a message sent to the process of the cache and inserts; at that message the process deletes
#        every entry. It logs "Shrinking cache" as a warning.
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
    ok = ets_cache:new(sessions, [{max_size, 100}]),
    [true = ets_cache:insert(sessions, Number, here) || Number <- lists:seq(1, 100)],
    timer:sleep(2000),
    io:format("sessions after 100: ~b~n", [ets_cache:info(sessions, size)]),
    io:format("one more is inserted: ~w~n", [ets_cache:insert(sessions, 101, here)]),
    timer:sleep(2000),
    io:format("sessions after 101: ~b, the last one: ~w~n", [ets_cache:info(sessions, size), ets_cache:lookup(sessions, 101)]).
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | grep -v -i -e "WARNING REPORT" -e "Shrinking cache" -e "^$" | tee seen
diff seen - <<'END'
sessions after 100: 100
one more is inserted: true
sessions after 101: 0, the last one: error
END
echo "as found: erlang-p1-cache-tab 1.0.30"
