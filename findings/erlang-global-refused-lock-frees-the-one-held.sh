#!/usr/bin/env bash
# Erlang/OTP 25 (25.2.3 of Debian 12), module global.
#
# Guess: a process that holds a lock on one node and asks for the same on more nodes, where another has it on one of them,
#        is told false and has what it had before.
# Seen:  it is told false and has lost the lock that it held: the next process gets it while the first one is at work.
#        After a refusal global deletes the lock on all nodes that said true to this request, and a node says true also
#        to the process that held the lock there already.
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
    {_, Far} = start(far),
    Here = node(),
    Main = self(),
    spawn(Far, run, hold, [[Far], Main]),
    receive {held, _, Other} -> io:format("another process holds the lock on the node far: ~w~n", [Other]) end,
    io:format("this process holds the lock on its own node: ~w~n", [global:set_lock({job, self()}, [Here], 0)]),
    io:format("a third one would get it there: ~w~n", [tried(Here)]),
    io:format("this process asks for both nodes: ~w~n", [global:set_lock({job, self()}, [Here, Far], 0)]),
    io:format("a third one would get it on this node: ~w~n", [tried(Here)]).

tried(Node) ->
    spawn(Node, run, trylock, [[Node], self()]),
    receive {tried, Got} -> Got end.

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
another process holds the lock on the node far: true
this process holds the lock on its own node: true
a third one would get it there: false
this process asks for both nodes: false
a third one would get it on this node: true
END
echo "as found: Erlang/OTP $(erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().')"
