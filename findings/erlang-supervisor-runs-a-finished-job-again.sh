#!/usr/bin/env bash
# Erlang/OTP 25 (25.2.3 of Debian 12), module supervisor.
#
# Guess: a transient child that has ended with "normal" has done its work and is not run again: "a transient child process is
#        restarted only if it terminates abnormally".
# Seen:  with one_for_all it is run again when a sibling fails, and with rest_for_one when one fails that was started before
#        it: a job that is to be done once is done again with each such failure. The same goes for a child that was stopped
#        by terminate_child/2. The supervisor keeps the specification of a transient child that has ended, with no process,
#        and the restart of a group starts each specification in it without a look at whether it had a process.
set -euo pipefail
command -v erl >/dev/null || { echo "install the Debian package erlang-base" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.erl <<'END'
-module(run).
-export([main/0, init/1, server/0, job/1]).

main() -> [run(Strategy) || Strategy <- [one_for_one, rest_for_one, one_for_all]].

init(Specification) -> {ok, Specification}.

server() ->
    Pid = spawn_link(fun() -> receive fail -> exit(failed) end end),
    register(server, Pid),
    {ok, Pid}.

%% job says that it has been done, and ends.
job(Main) -> {ok, spawn_link(fun() -> Main ! done end)}.

run(Strategy) ->
    process_flag(trap_exit, true),
    {ok, Supervisor} = supervisor:start_link(?MODULE, {#{strategy => Strategy, intensity => 5}, [
        #{id => server, start => {?MODULE, server, []}},
        #{id => job, start => {?MODULE, job, [self()]}, restart => transient}]}),
    Before = done(),
    [{job, undefined, _, _}] = [Child || Child <- supervisor:which_children(Supervisor), element(1, Child) =:= job],
    server ! fail,
    io:format("~w: job done ~b time, after a failure of its sibling ~b more~n", [Strategy, Before, done()]),
    exit(Supervisor, shutdown),
    receive {'EXIT', Supervisor, shutdown} -> ok end.

done() -> receive done -> 1 + done() after 5000 -> 0 end.
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | grep "^[a-z_]*: job" | tee seen
diff seen - <<'END'
one_for_one: job done 1 time, after a failure of its sibling 0 more
rest_for_one: job done 1 time, after a failure of its sibling 1 more
one_for_all: job done 1 time, after a failure of its sibling 1 more
END
echo "as found: Erlang/OTP $(erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().')"
