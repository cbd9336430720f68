#!/usr/bin/env bash
# erlang-poolboy 1.5.2 of Debian 12, Erlang/OTP 25.
#
# Guess: poolboy:checkin/2 of a worker by one that does not have it, such as a second checkin of the same worker, by a
#        function that checks in itself within transaction/2, changes nothing.
# Seen:  if somebody else has got the worker meanwhile, the checkin takes it from them and the pool gives it to the next
#        one: two have one worker, with its connection or its lock, at once. poolboy knows a checkin by the worker alone,
#        not by who sends it.
set -euo pipefail
command -v erl >/dev/null && [ "$(erl -noshell -eval 'io:format("~w", [code:which(poolboy) =/= non_existing]), halt().')" = true ] ||
	{ echo "install the Debian packages erlang-base and erlang-poolboy" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.erl <<'END'
-module(run).
-export([main/0, start_link/1, init/1, handle_call/3, handle_cast/2]).

init(_) -> {ok, none}.

main() ->
    {ok, Pool} = poolboy:start([{worker_module, ?MODULE}, {size, 1}, {max_overflow, 0}], []),
    Main = self(),
    Second = spawn(fun() -> receive get -> ok end, Main ! {self(), poolboy:checkout(Pool)}, receive never -> ok end end),
    {Mine, Theirs} = poolboy:transaction(Pool, fun(Worker) ->
        poolboy:checkin(Pool, Worker),
        Second ! get,
        {Worker, receive {Second, Its} -> Its end}
    end),
    io:format("the second client has the worker: ~w~n", [Mine =:= Theirs]),
    Third = poolboy:checkout(Pool, false),
    io:format("the third client has the same worker: ~w~n", [Third =:= Theirs]),
    io:format("the second client is at work: ~w~n", [is_process_alive(Second)]),
    {State, Free, Overflow, Taken} = poolboy:status(Pool),
    io:format("status: ~w, ~b free, ~b overflow, ~b taken~n", [State, Free, Overflow, Taken]).

start_link(Arguments) -> gen_server:start_link(?MODULE, Arguments, []).
handle_call(_, _, State) -> {reply, ok, State}.
handle_cast(_, State) -> {noreply, State}.
END
erlc run.erl
timeout 80 erl -noshell -s run main -s init stop 2>/dev/null | tee seen
diff seen - <<'END'
the second client has the worker: true
the third client has the same worker: true
the second client is at work: true
status: full, 0 free, 0 overflow, 1 taken
END
echo "as found: erlang-poolboy 1.5.2"
