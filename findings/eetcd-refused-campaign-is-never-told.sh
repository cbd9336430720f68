#!/usr/bin/env bash
# eetcd 0.3.6, the Erlang client that rabbitmq-server 3.10.8 of Debian 12 comes with, and etcd 3.4.23.
#
# Guess: eetcd_election:campaign_response/2 makes {error, Reason} of the message that a campaign of campaign_request/4 was
#        refused, as its documentation has it and as campaign/4 does for the same campaign.
# Seen:  it says "unknown", as for a message that has to do with something else, and nothing comes after it: the candidate
#        whose etcd lease has just expired waits to be elected for ever. etcd sends such a refusal as headers alone, which
#        gun gives with "fin"; campaign_response knows headers only with "nofin", before an answer.
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
    Lease = grant(60),
    {ok, _} = eetcd_lease:revoke(etcd, Lease),
    {error, {grpc_error, #{'grpc-message' := Refusal}}} = eetcd_election:campaign(etcd, <<"job">>, Lease, <<"me">>),
    io:format("campaign with a lease that has ended: ~s~n", [Refusal]),
    {ok, Refused} = eetcd_election:campaign_request(etcd, <<"job">>, Lease, <<"me">>),
    io:format("campaign_request with it: ~w~n", [responses(Refused, 15000)]),
    {ok, Good} = eetcd_election:campaign_request(etcd, <<"job">>, grant(60), <<"me">>),
    [{gun_response, {ok, #{campaign := #{name := Name}}}}] = responses(Good, 5000),
    io:format("campaign_request with another lease: leader of ~s~n", [Name]).

%% responses returns what campaign_response makes of each message, until none has come for so many milliseconds.
responses(Campaign, Milliseconds) ->
    receive Message ->
        Response = eetcd_election:campaign_response(Campaign, Message),
        [{element(1, Message), Response} | responses(Campaign, Milliseconds)]
    after Milliseconds -> []
    end.

grant(Seconds) ->
    {ok, #{'ID' := Lease}} = eetcd_lease:grant(etcd, Seconds),
    Lease.
END
erlc run.erl
ERL_LIBS=$plugins timeout 80 erl -noshell -s run main "$port" -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
campaign with a lease that has ended: etcdserver: requested lease not found
campaign_request with it: [{gun_response,unknown}]
campaign_request with another lease: leader of job
END
echo "as found: eetcd 0.3.6 of rabbitmq-server 3.10.8"
