#!/usr/bin/env bash
# eetcd 0.3.6, the Erlang client that rabbitmq-server 3.10.8 of Debian 12 comes with, and etcd 3.4.23.
#
# Guess: eetcd_lock:lock/3 that returns {error, timeout}, after the time of with_timeout/2 or the default of 9 seconds, has
#        given up: the lock goes to the next one when it is released.
# Seen:  the request stays in etcd's queue and gets the lock when it is released. Its caller does not know, never unlocks,
#        and keeps all others out for as long as its etcd lease lives; the answer is left in its mailbox. eetcd stops
#        waiting and does not cancel the stream, which is what would make etcd take the request back.
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
    {ok, #{key := Key}} = eetcd_lock:lock(etcd, <<"job">>, grant(60)),
    io:format("the first one has the lock~n"),
    Lease = grant(60),
    io:format("the second one: ~w~n", [lock(Lease, 2000)]),
    {ok, _} = eetcd_lock:unlock(etcd, Key),
    io:format("the first one has unlocked~n"),
    io:format("the third one: ~w~n", [lock(grant(60), 8000)]),
    {ok, #{keys := [Its]}} = eetcd_lease:time_to_live(etcd, Lease, true),
    {ok, #{kvs := [#{key := Oldest} | Waiting]}} =
        eetcd_kv:get(eetcd_kv:with_sort(eetcd_kv:with_prefix(eetcd_kv:with_key(eetcd_kv:new(etcd), <<"job/">>)), 'CREATE', 'ASCEND')),
    io:format("the holder is the second one: ~w, behind it: ~b~n", [Oldest =:= Its, length(Waiting)]),
    {messages, Messages} = process_info(self(), messages),
    io:format("left in the mailbox: ~w~n", [[element(1, Message) || Message <- Messages]]).

lock(Lease, Milliseconds) -> eetcd_lock:lock(eetcd_lock:with_timeout(eetcd_lock:new(etcd), Milliseconds), <<"job">>, Lease).

grant(Seconds) ->
    {ok, #{'ID' := Lease}} = eetcd_lease:grant(etcd, Seconds),
    Lease.
END
erlc run.erl
ERL_LIBS=$plugins timeout 80 erl -noshell -s run main "$port" -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
the first one has the lock
the second one: {error,timeout}
the first one has unlocked
the third one: {error,timeout}
the holder is the second one: true, behind it: 1
left in the mailbox: [gun_response,gun_data,gun_trailers]
END
echo "as found: eetcd 0.3.6 of rabbitmq-server 3.10.8"
