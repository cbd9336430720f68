#!/usr/bin/env bash
# eetcd 0.3.6, the Erlang client that rabbitmq-server 3.10.8 of Debian 12 comes with, and etcd 3.4.23.
#
# Guess: eetcd_watch:watch/3 with the connection of a watch adds a second one to its stream. A change for the first that
#        comes meanwhile waits in the mailbox for watch_stream/2.
# Seen:  the call fails with stream_error, and the change is in that error and nowhere else: who goes on with the
#        connection never gets it from watch_stream/2. The second watch is at work all the same: tried again, there are
#        two, and each of its changes comes twice. eetcd takes the next message of the stream for the answer, whatever
#        it is.
set -euo pipefail
for command in erl etcd curl perl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages rabbitmq-server (it has eetcd), etcd-server, curl and perl" >&2; exit 1; }
done
plugins=$(dirname "$(find /usr/lib/rabbitmq/lib -maxdepth 3 -name 'eetcd-0.3.6' 2>/dev/null | head -n 1)")
[ -d "$plugins/eetcd-0.3.6" ] || { echo "install the Debian package rabbitmq-server 3.10.8, which has eetcd 0.3.6" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
read -r port peer < <(perl -MIO::Socket::INET -e '@s = map { IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") } 1, 2; print join(" ", map { $_->sockport } @s), "\n"')
etcd --data-dir data --log-level error --listen-client-urls "http://127.0.0.1:$port" \
	--advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$peer" \
	--initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer" \
	>/dev/null 2>&1 & server=$!
for _ in {1..150}; do curl -fs "http://127.0.0.1:$port/health" >/dev/null && break; sleep 0.2; done
cat >run.erl <<'END'
-module(run).
-export([main/1]).

main([Port]) ->
    {ok, _} = application:ensure_all_started(eetcd),
    {ok, _} = eetcd:open(etcd, ["127.0.0.1:" ++ atom_to_list(Port)], [{connect_timeout, 20000}], tcp, []),
    {ok, Connection, 0} = eetcd_watch:watch(etcd, request(<<"lock">>)),
    {ok, _} = eetcd_kv:put(etcd, <<"lock">>, <<"taken">>),
    timer:sleep(3000),
    {error, {stream_error, #{events := Events}}} = eetcd_watch:watch(etcd, request(<<"task">>), Connection),
    io:format("second watch: stream_error with ~s~n", [texts(Events)]),
    timer:sleep(3000),
    {messages, Messages} = process_info(self(), messages),
    io:format("messages that wait: ~b~n", [length(Messages)]),
    read(Connection, 1000),
    {ok, Both, Id} = eetcd_watch:watch(etcd, request(<<"task">>), Connection),
    io:format("second watch, tried again: ~b~n", [Id]),
    {ok, _} = eetcd_kv:put(etcd, <<"task">>, <<"new">>),
    {ok, _} = eetcd_kv:put(etcd, <<"lock">>, <<"free">>),
    io:format("watch_stream: ~s~n", [lists:join(", ", lists:sort([Text || Text <- read(Both, 5000), Text =/= ""]))]).

request(Key) -> eetcd_watch:with_key(eetcd_watch:new(), Key).

texts(Events) -> lists:append([io_lib:format("~s=~s", [Key, Value]) || #{kv := #{key := Key, value := Value}} <- Events]).

read(Connection, Milliseconds) ->
    receive Message ->
        {ok, Next, #{events := Events}} = eetcd_watch:watch_stream(Connection, Message),
        [lists:flatten(texts(Events)) | read(Next, Milliseconds)]
    after Milliseconds -> []
    end.
END
erlc run.erl
ERL_LIBS=$plugins timeout 80 erl -noshell -s run main "$port" -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
second watch: stream_error with lock=taken
messages that wait: 1
second watch, tried again: 2
watch_stream: lock=free, task=new, task=new
END
echo "as found: eetcd 0.3.6 of rabbitmq-server 3.10.8"
