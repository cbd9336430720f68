#!/usr/bin/env bash
# Debian 12: ruby-celluloid-fsm 0.20.5, ruby-celluloid 0.16.0, Ruby 3.1.
#
# Guess: a transition from a state to itself, which the state lists in "to", enters it again and so begins its delayed
#        transition anew, or cancels it at least: "making additional state transitions will cancel delayed transitions" is
#        what the documentation says. A subclass of a machine has the machine's states.
# Seen:  it does nothing: the delayed transition comes when it was due, and a lease that is renewed in time is lost. The
#        current state is asked for first, and a transition to it returns before the timer is looked at. A subclass has no
#        states at all, since they are kept in a variable of the one class; every transition of it raises an ArgumentError.
set -euo pipefail
ruby -e "require 'celluloid'; require 'celluloid/fsm'" 2>/dev/null ||
	{ echo "install the Debian packages ruby, ruby-celluloid and ruby-celluloid-fsm" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'celluloid'
require 'celluloid/fsm'
Celluloid.logger = nil

class Lease
  include Celluloid::FSM
  default_state :free
  state :free, to: :held
  state(:held, to: [:held, :waiting, :lost]) { transition :lost, delay: 4 }
  state(:waiting, to: [:held, :lost])
  state :lost, to: :free
end
class Grace < Lease; end

class Holder
  include Celluloid
  def initialize(kind) = @lease = kind.new
  def go(*states) = states.each { |state| @lease.transition state }
  def state = @lease.state
end

# Both are renewed two seconds after they were taken, one of them by way of another state.
renewed, by_another = Holder.new(Lease), Holder.new(Lease)
[renewed, by_another].each { |holder| holder.go :held }
sleep 2
renewed.go :held
by_another.go :waiting, :held
sleep 3
puts "renewed after 2 of 4 s: #{renewed.state} after 5 s; by way of another state: #{by_another.state}"
begin
  Holder.new(Grace).go :held
rescue ArgumentError => e
  puts "a subclass: #{e.message}"
end
END
timeout 60 ruby run.rb | tee seen
diff seen - <<'END'
renewed after 2 of 4 s: lost after 5 s; by way of another state: held
a subclass: invalid state for Grace: held
END
echo "as found: celluloid-fsm 0.20.5"
