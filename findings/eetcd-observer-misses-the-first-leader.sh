#!/usr/bin/env bash
# eetcd 0.3.6, the Erlang client that rabbitmq-server 3.10.8 of Debian 12 comes with, and etcd 3.4.23.
#
# Guess: eetcd_election:observe/3 of an election without a leader returns election_no_leader after its timeout, and then
#        observe_stream/2 finds the first leader in the messages that come, and each one after it.
# Seen:  the first leader is lost: observe_stream/2 takes its message out of the mailbox, waits two seconds, in which the
#        caller stands still, for the end of the stream, which does not come, and returns "unknown". Who observes learns
#        of a leader only when the next one is elected. The cause is that the clause for a first answer is shared with
#        campaign_response/2, whose stream ends with it.
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
    {ok, #{leader := None} = Observer} = eetcd_election:observe(etcd, <<"job">>, 2000),
    io:format("observe before there is a leader: ~s~n", [None]),
    First = elect(<<"first">>),
    io:format("the first leader: ~w~n", [observed(Observer)]),
    {ok, #{kv := #{value := Value}}} = eetcd_election:leader(etcd, <<"job">>),
    io:format("leader as etcd has it: ~s~n", [Value]),
    {ok, _} = eetcd_election:resign(etcd, First),
    elect(<<"second">>),
    [{ok, #{leader := #{value := Second}}}] = observed(Observer),
    io:format("the second leader: ~s~n", [Second]).

elect(Value) ->
    {ok, #{leader := Leader}} = eetcd_election:campaign(etcd, <<"job">>, grant(60), Value),
    Leader.

%% observed returns what observe_stream makes of each message, until none has come for eight seconds.
observed(Observer) ->
    receive Message -> [eetcd_election:observe_stream(Observer, Message) | observed(Observer)]
    after 8000 -> []
    end.

grant(Seconds) ->
    {ok, #{'ID' := Lease}} = eetcd_lease:grant(etcd, Seconds),
    Lease.
END
erlc run.erl
ERL_LIBS=$plugins timeout 80 erl -noshell -s run main "$port" -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
observe before there is a leader: election_no_leader
the first leader: [unknown]
leader as etcd has it: first
the second leader: second
END
echo "as found: eetcd 0.3.6 of rabbitmq-server 3.10.8"
