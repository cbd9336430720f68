#!/usr/bin/env bash
# eetcd 0.3.6, the Erlang client that rabbitmq-server 3.10.8 of Debian 12 comes with, and etcd 3.4.23.
#
# Guess: eetcd_lease:keep_alive/2 sends KeepAliveHalted to its caller at the latest when the etcd lease has run out without
#        an answer to a renewal; its documentation speaks of a disconnection of "0 to ttl seconds".
# Seen:  on a connection that has gone silent, without being closed, it comes seconds after another client has got the lock,
#        and both are at work for more than a TTL. eetcd does not look at the time of the last answer. It notices the
#        silence by a check of the connection, every 15 seconds and with 9 seconds for an answer, or by seven renewals
#        without one, and then tries to connect again for one more TTL before it says anything.
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
    ok = logger:set_primary_config(level, none),
    {ok, _} = application:ensure_all_started(eetcd),
    Etcd = list_to_integer(atom_to_list(Port)),
    [{ok, _} = eetcd:open(Name, ["127.0.0.1:" ++ integer_to_list(At)], [{connect_timeout, 20000}], tcp, [])
        || {Name, At} <- [{etcd, Etcd}, {proxied, proxy(Etcd)}]],
    Lease = grant(6),
    {ok, _} = eetcd_lease:keep_alive(proxied, Lease),
    {ok, _} = eetcd_lock:lock(etcd, <<"job">>, Lease),
    timer:sleep(12000),
    {ok, _} = eetcd_lease:time_to_live(etcd, Lease, false),
    io:format("after 12 seconds the lease of 6 seconds is alive~n"),
    persistent_term:put(silent, true),
    Next = eetcd_lock:with_timeout(eetcd_lock:new(etcd), 40000),
    {ok, _} = eetcd_lock:lock(Next, <<"job">>, grant(60)),
    Taken = erlang:monotonic_time(millisecond),
    io:format("the connection is silent; the next one gets the lock~n"),
    Told = receive #{event := 'KeepAliveHalted', lease_id := Lease} -> erlang:monotonic_time(millisecond) after 60000 -> never end,
    io:format("KeepAliveHalted comes more than 3 seconds later: ~w~n", [Told - Taken > 3000]).

%% proxy returns the port of a proxy for etcd that passes nothing on any more once "silent" is set.
proxy(Etcd) ->
    Options = [binary, {active, false}],
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}} | Options]),
    spawn(fun() ->
        {ok, Client} = gen_tcp:accept(Listener),
        {ok, Server} = gen_tcp:connect({127, 0, 0, 1}, Etcd, Options),
        spawn(fun() -> forward(Client, Server) end),
        spawn(fun() -> forward(Server, Client) end),
        receive never -> ok end
    end),
    {ok, Port} = inet:port(Listener),
    Port.

forward(From, To) ->
    case gen_tcp:recv(From, 0) of
        {ok, Data} ->
            persistent_term:get(silent, false) orelse gen_tcp:send(To, Data),
            forward(From, To);
        {error, closed} -> gen_tcp:close(To)
    end.

grant(Seconds) ->
    {ok, #{'ID' := Lease}} = eetcd_lease:grant(etcd, Seconds),
    Lease.
END
erlc run.erl
ERL_LIBS=$plugins timeout 100 erl -noshell -s run main "$port" -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
after 12 seconds the lease of 6 seconds is alive
the connection is silent; the next one gets the lock
KeepAliveHalted comes more than 3 seconds later: true
END
echo "as found: eetcd 0.3.6 of rabbitmq-server 3.10.8"
