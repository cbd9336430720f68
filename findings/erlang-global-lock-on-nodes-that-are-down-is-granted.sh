#!/usr/bin/env bash
# Erlang/OTP 25 (25.2.3 of Debian 12), module global.
#
# Guess: global:set_lock/3 on nodes of which none can be reached says false, or raises an error: nobody can have noted the
#        lock.
# Seen:  it says true, to all who ask, also when the holder was told so while the node was up and is still at work. Only
#        refusals count: global asks the nodes, ignores those that do not answer, and takes no answer at all for consent.
#        Who keeps the locks on chosen nodes has no mutual exclusion while these are away, and no sign of it.
set -euo pipefail
for command in erl epmd perl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages erlang-base and perl" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${mapper:-}" ] || kill "$mapper" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
export HOME=$dir ERL_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1
ERL_EPMD_PORT=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
epmd & mapper=$!
for _ in {1..100}; do epmd -names >/dev/null 2>&1 && break; sleep 0.2; done
cat >run.erl <<'END'
-module(run).
-export([main/0, hold/2, trylock/2]).

main() ->
    {Peer, Far} = start(far),
    Main = self(),
    Pids = [spawn(fun() -> hold([Far], Main) end), spawn(fun() -> receive go -> hold([Far], Main) end end),
        spawn(fun() -> receive go -> hold([Far], Main) end end)],
    [First, Second, Third] = Pids,
    io:format("the first process asks for the lock on the node far: ~w~n", [answer(First)]),
    spawn(fun() -> trylock([Far], Main) end),
    receive {tried, Got} -> io:format("another would get it: ~w~n", [Got]) end,
    peer:stop(Peer),
    pang = net_adm:ping(Far),
    io:format("the node far is stopped~n"),
    Second ! go,
    io:format("the second process asks: ~w~n", [answer(Second)]),
    Third ! go,
    io:format("the third process asks: ~w~n", [answer(Third)]),
    io:format("at work: ~b~n", [length([Pid || Pid <- Pids, is_process_alive(Pid)])]).

answer(Pid) -> receive {held, Pid, Answer} -> Answer end.

start(Name) ->
    Cookie = atom_to_list(erlang:get_cookie()),
    {ok, Peer, Node} = peer:start(#{name => Name, host => "127.0.0.1", args => ["-setcookie", Cookie, "-start_epmd", "false",
        "-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-pa", "."]}),
    {Peer, Node}.

%% hold has the lock held by another process, which says so and lives on.
hold(Nodes, Main) ->
    Main ! {held, self(), global:set_lock({job, self()}, Nodes, 0)},
    receive never -> ok end.

%% trylock says whether another process would get the lock.
trylock(Nodes, Main) ->
    Main ! {tried, global:set_lock({job, self()}, Nodes, 0)}.
END
erlc run.erl
timeout 80 erl -noshell -name main@127.0.0.1 -setcookie "finding$$" -start_epmd false \
	-kernel inet_dist_use_interface '{127,0,0,1}' -s run main -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
the first process asks for the lock on the node far: true
another would get it: false
the node far is stopped
the second process asks: true
the third process asks: true
at work: 3
END
echo "as found: Erlang/OTP $(erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().')"
