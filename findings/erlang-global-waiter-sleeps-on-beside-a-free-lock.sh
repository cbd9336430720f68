#!/usr/bin/env bash
# Erlang/OTP 25 (25.2.3 of Debian 12), module global.
#
# Guess: those who wait for a lock of global in set_lock/1 or trans/2 get it when it is deleted, the one that has waited
#        longest first; the module has one process a node that all requests go through.
# Seen:  nobody is woken. Each waiter sleeps for a random time between its tries, of up to eight seconds from the sixth
#        try on, so a free lock stays free for seconds; and one that comes just now has it before all that have waited.
#        (The documentation says "sleeps for a while".)
set -euo pipefail
command -v erl >/dev/null || { echo "install the Debian package erlang-base" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.erl <<'END'
-module(run).
-export([main/0]).

main() ->
    Main = self(),
    Locks = lists:seq(1, 6),
    [true = lock(Number) || Number <- Locks],
    [spawn(fun() ->
        Main ! {asks, Number},
        true = lock(Number),
        Main ! {got, Number, now_ms()}
    end) || Number <- Locks],
    [receive {asks, Number} -> ok end || Number <- Locks],
    timer:sleep(20000),
    Free = now_ms(),
    [true = global:del_lock({Number, self()}, [node()]) || Number <- Locks],
    Longest = lists:max([receive {got, Number, Time} -> Time - Free end || Number <- Locks]),
    io:format("six locks, each with one that has waited for 20 seconds: one is taken more than a second after its deletion: ~w~n",
        [Longest > 1000]),
    Waiters = [true || _ <- lists:seq(1, 12), passed_by()],
    io:format("a newcomer passed by one that had waited, in twelve tries: ~w~n", [length(Waiters) > 0]).

%% passed_by says whether one that comes when the lock is deleted has it before one that has waited for it since.
passed_by() ->
    Main = self(),
    Id = make_ref(),
    true = lock(Id),
    spawn(fun() -> Main ! {waits, Id}, true = lock(Id), Main ! {first, Id, waiter} end),
    receive {waits, Id} -> ok end,
    timer:sleep(1500),
    true = global:del_lock({Id, self()}, [node()]),
    Got = global:set_lock({Id, self()}, [node()], 0),
    Got andalso global:del_lock({Id, self()}, [node()]),
    Got.

lock(Name) -> global:set_lock({Name, self()}, [node()]).

now_ms() -> erlang:monotonic_time(millisecond).
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
six locks, each with one that has waited for 20 seconds: one is taken more than a second after its deletion: true
a newcomer passed by one that had waited, in twelve tries: true
END
echo "as found: Erlang/OTP $(erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().')"
