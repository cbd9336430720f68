#!/usr/bin/env bash
# Erlang/OTP 25 (25.2.3 of Debian 12), module dets.
#
# Guess: dets:open_file/2 of a file that another virtual machine has open fails, or waits; at least insert_new/2 says true
#        to one of the two alone.
# Seen:  it says {ok, Table} and takes the file away: it finds it "not properly closed", repairs it, and puts the repaired
#        copy in its place. The first machine goes on with the old file, which has no name any more: insert_new says true
#        to both, sync and close say ok, and all that the first one has written since is gone. Nothing locks the file; the
#        mark for one that is open is the same as for one that was left by a crash.
set -euo pipefail
command -v erl >/dev/null || { echo "install the Debian package erlang-base" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.erl <<'END'
-module(run).
-export([main/0, open/0, close/0]).

main() ->
    {ok, First, _} = peer:start(#{connection => standard_io}),
    {ok, Second, _} = peer:start(#{connection => standard_io}),
    io:format("the first opens: ~w~n", [peer:call(First, run, open, [])]),
    ok = peer:call(First, dets, insert, [table, {settings, here}]),
    timer:sleep(12000),
    io:format("the second opens: ~w~n", [peer:call(Second, run, open, [])]),
    io:format("the second finds: ~w~n", [peer:call(Second, dets, match_object, [table, '_'])]),
    Claim = fun(Peer, Name) -> peer:call(Peer, dets, insert_new, [table, {job, Name}]) end,
    io:format("the first claims the job: ~w~n", [Claim(First, first)]),
    io:format("the first syncs: ~w~n", [peer:call(First, dets, sync, [table])]),
    io:format("the second claims the job: ~w~n", [Claim(Second, second)]),
    io:format("both close: ~w~n", [[peer:call(Peer, run, close, []) || Peer <- [Second, First]]]),
    [peer:stop(Peer) || Peer <- [Second, First]],
    {ok, table} = dets:open_file(table, [{file, "table"}]),
    io:format("in the file: ~w~n", [lists:sort(dets:match_object(table, '_'))]).

%% open has the table opened by a process that lives on, and close has it closed by that process.
open() ->
    Caller = self(),
    register(owner, spawn(fun() ->
        Caller ! {opened, dets:open_file(table, [{file, "table"}])},
        receive {close, To} -> To ! {closed, dets:close(table)} end
    end)),
    receive {opened, Opened} -> Opened end.

close() ->
    owner ! {close, self()},
    receive {closed, Closed} -> Closed end.
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | grep -v -e repairing -e "^$" | tee seen
diff seen - <<'END'
the first opens: {ok,table}
the second opens: {ok,table}
the second finds: [{settings,here}]
the first claims the job: true
the first syncs: ok
the second claims the job: true
both close: [ok,ok]
in the file: [{job,second},{settings,here}]
END
echo "as found: Erlang/OTP $(erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().')"
