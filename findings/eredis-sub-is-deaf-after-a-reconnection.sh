#!/usr/bin/env bash
# erlang-redis-client 1.2.0 (eredis) and redis-server 7.0.15 of Debian 12.
#
# Guess: eredis_sub keeps the names of its channels, connects again by itself when the connection is lost, and says so
#        with eredis_connected: it is then subscribed again.
# Seen:  it is subscribed to nothing, and hears nothing, for ever: one that waits for a lock to be released misses it. The
#        list of its channels, which eredis_sub:channels/1 returns, still has all of them, but the code for a new
#        connection does not use it. Its process has to subscribe again at each eredis_connected.
set -euo pipefail
for command in erl redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages erlang-base, erlang-redis-client and redis-server" >&2; exit 1; }
done
erl -noshell -eval 'halt(case code:which(eredis_sub) of non_existing -> 1; _ -> 0 end).' ||
	{ echo "install the Debian package erlang-redis-client" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
port=$(perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(0, INADDR_LOOPBACK)); print((unpack_sockaddr_in(getsockname(S)))[0])')
redis-server --bind 127.0.0.1 --port "$port" --save '' --notify-keyspace-events Eg --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.erl <<'END'
-module(run).
-export([main/1]).

%% heard returns what comes, each message acknowledged, until one of the kind Last has come or five seconds are over.
heard(Sub, Last) ->
    receive
        Message when element(1, Message) =:= Last -> eredis_sub:ack_message(Sub), [Last];
        Message -> eredis_sub:ack_message(Sub), [element(1, Message) | heard(Sub, Last)]
    after 5000 -> [nothing]
    end.

main([Port]) ->
    Number = list_to_integer(atom_to_list(Port)),
    {ok, Client} = eredis:start_link("127.0.0.1", Number),
    {ok, Sub} = eredis_sub:start_link("127.0.0.1", Number, "", 100, infinity, drop),
    eredis_sub:controlling_process(Sub),
    Release = fun() ->
        {ok, _} = eredis:q(Client, ["SET", "lock", "holder"]),
        {ok, _} = eredis:q(Client, ["DEL", "lock"]),
        heard(Sub, pmessage)
    end,
    eredis_sub:psubscribe(Sub, [<<"__keyevent@0__:del">>]),
    heard(Sub, subscribed),
    io:format("a lock is released: ~w~n", [Release()]),
    {ok, <<"1">>} = eredis:q(Client, ["CLIENT", "KILL", "TYPE", "pubsub"]),
    io:format("the connection is lost: ~w~n", [heard(Sub, eredis_connected)]),
    io:format("a lock is released: ~w~n", [Release()]),
    {ok, Channels} = eredis_sub:channels(Sub),
    {ok, Patterns} = eredis:q(Client, ["PUBSUB", "NUMPAT"]),
    io:format("channels of eredis_sub: ~b, of the server: ~s~n", [length(Channels), Patterns]),
    eredis_sub:psubscribe(Sub, [<<"__keyevent@0__:del">>]),
    heard(Sub, subscribed),
    io:format("after psubscribe, a lock is released: ~w~n", [Release()]).
END
erlc run.erl
timeout 60 erl -noshell -s run main "$port" -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
a lock is released: [pmessage]
the connection is lost: [eredis_disconnected,eredis_reconnect_attempt,eredis_connected]
a lock is released: [nothing]
channels of eredis_sub: 1, of the server: 0
after psubscribe, a lock is released: [pmessage]
END
echo "as found: erlang-redis-client 1.2.0"
