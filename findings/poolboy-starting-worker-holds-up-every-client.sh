#!/usr/bin/env bash
# erlang-poolboy 1.5.2 of Debian 12, Erlang/OTP 25.
#
# Guess: poolboy:checkout(Pool, false) answers at once, "full" if there is no worker; and a worker that starts slowly holds
#        up the client that it is started for.
# Seen:  while one worker starts, no client gets an answer from the pool, those that would not wait included, though a
#        worker that has been checked in is free: their calls fail with a timeout after five seconds. The pool starts a
#        worker beyond its size, and one in the place of a worker that has died, in its own process, which does nothing
#        else meanwhile.
set -euo pipefail
command -v erl >/dev/null && [ "$(erl -noshell -eval 'io:format("~w", [code:which(poolboy) =/= non_existing]), halt().')" = true ] ||
	{ echo "install the Debian packages erlang-base and erlang-poolboy" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.erl <<'END'
-module(run).
-export([main/0, start_link/1, init/1, handle_call/3, handle_cast/2]).

%% The second worker takes fifteen seconds to start, as one may whose server does not answer.
init(Counter) ->
    counters:add(Counter, 1, 1),
    [timer:sleep(15000) || counters:get(Counter, 1) =:= 2],
    {ok, none}.

main() ->
    {ok, Pool} = poolboy:start([{worker_module, ?MODULE}, {size, 1}, {max_overflow, 1}], counters:new(1, [])),
    Worker = poolboy:checkout(Pool),
    spawn(fun() -> poolboy:checkout(Pool, true, infinity), receive never -> ok end end),
    timer:sleep(1000),
    poolboy:checkin(Pool, Worker),
    io:format("checked in; a checkout that does not wait: ~w~n", [checkout(Pool, 5000)]),
    io:format("again, with all the time it takes: ~w~n", [checkout(Pool, infinity)]).

checkout(Pool, Milliseconds) ->
    try poolboy:checkout(Pool, false, Milliseconds) of
        Worker when is_pid(Worker) -> worker;
        full -> full
    catch exit:{Reason, _} -> Reason
    end.

start_link(Arguments) -> gen_server:start_link(?MODULE, Arguments, []).
handle_call(_, _, State) -> {reply, ok, State}.
handle_cast(_, State) -> {noreply, State}.
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
checked in; a checkout that does not wait: timeout
again, with all the time it takes: worker
END
echo "as found: erlang-poolboy 1.5.2"
