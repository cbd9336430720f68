#!/usr/bin/env bash
# eetcd 0.3.6, the Erlang client that rabbitmq-server 3.10.8 of Debian 12 comes with, and etcd 3.4.23.
#
# Guess: eetcd_lease:keep_alive/2 keeps an etcd lease alive for the process that calls it, which is also the one that it
#        sends KeepAliveHalted to. When that process dies, the renewals end, and a lock on the lease is free after its TTL.
# Seen:  the renewals go on for as long as the virtual machine lives, and nobody else gets the lock. They are made by a
#        process under a supervisor of eetcd's, which neither links to its caller nor monitors it; it uses the caller's
#        pid only to send to. eetcd_lease:close/0 ends them, and with them those of all others in the virtual machine.
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
    Main = self(),
    {Holder, Monitor} = spawn_monitor(fun() ->
        Lease = grant(6),
        {ok, _} = eetcd_lease:keep_alive(etcd, Lease),
        {ok, #{key := _}} = eetcd_lock:lock(etcd, <<"job">>, Lease),
        Main ! {locked, Lease},
        receive never -> ok end
    end),
    Lease = receive {locked, Its} -> Its end,
    exit(Holder, kill),
    receive {'DOWN', Monitor, process, Holder, Why} -> io:format("the holder of the lock has ended: ~w~n", [Why]) end,
    timer:sleep(18000),
    {ok, #{'TTL' := Left, keys := Keys}} = eetcd_lease:time_to_live(etcd, Lease, true),
    io:format("18 seconds later its lease of 6 seconds is alive: ~w, with ~b key~n", [Left >= 0, length(Keys)]),
    Patient = eetcd_lock:with_timeout(eetcd_lock:new(etcd), 4000),
    io:format("another one asks for the lock for 4 seconds: ~w~n", [eetcd_lock:lock(Patient, <<"job">>, grant(60))]),
    io:format("closed: ~b~n", [eetcd_lease:close()]),
    io:format("after close() the lease: ~s~n", [ended(Lease, 40)]).

ended(_, 0) -> "alive";
ended(Lease, Tries) ->
    timer:sleep(1000),
    case eetcd_lease:time_to_live(etcd, Lease, true) of
        {error, #{'grpc-message' := Message}} -> Message;
        _ -> ended(Lease, Tries - 1)
    end.

grant(Seconds) ->
    {ok, #{'ID' := Lease}} = eetcd_lease:grant(etcd, Seconds),
    Lease.
END
erlc run.erl
ERL_LIBS=$plugins timeout 100 erl -noshell -s run main "$port" -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
the holder of the lock has ended: killed
18 seconds later its lease of 6 seconds is alive: true, with 1 key
another one asks for the lock for 4 seconds: {error,timeout}
closed: 1
after close() the lease: etcdserver: requested lease not found
END
echo "as found: eetcd 0.3.6 of rabbitmq-server 3.10.8"
