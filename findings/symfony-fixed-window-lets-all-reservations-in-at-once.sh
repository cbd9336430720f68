#!/usr/bin/env bash
# Debian 12: php-symfony-rate-limiter 5.4.53, PHP 8.2.
#
# Guess: of five reservations at a fixed window of 2 in 6 s, two may go at once, two in the next window and one in the one
#        after it, as a token bucket spreads them out.
# Seen:  three of them are told to wait for the next window, all for the same time, and two others who come then are
#        accepted on top: five go at once where two may. (The time to wait is always that until the end of the window, and
#        what was reserved is forgotten with it.)
set -euo pipefail
autoload=/usr/share/php/Symfony/Component/RateLimiter/autoload.php
[ -e "$autoload" ] && command -v php >/dev/null ||
	{ echo "install the Debian packages php-cli and php-symfony-rate-limiter" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.php <<'END'
<?php
error_reporting(E_ALL & ~E_DEPRECATED);
require $argv[1];
use Symfony\Component\RateLimiter\{RateLimiterFactory, Storage\InMemoryStorage};

foreach (['fixed_window' => ['interval' => '6 seconds'], 'token_bucket' => ['rate' => ['interval' => '6 seconds', 'amount' => 2]]] as $policy => $options) {
    $limiter = (new RateLimiterFactory(['id' => 'job', 'policy' => $policy, 'limit' => 2] + $options, new InMemoryStorage))->create();
    $windows = [];
    foreach (range(1, 5) as $number) {
        $reservation = $limiter->reserve();
        $windows[] = (int) round($reservation->getWaitDuration() / 6);
    }
    echo "$policy: five reservations may go after so many windows: ", implode(' ', $windows), "\n";
    if ($policy == 'fixed_window') {
        $reservation->wait();
        usleep(300000);
        $more = 0;
        while ($more < 9 && $limiter->consume()->isAccepted()) {
            $more++;
        }
        echo "  when the last may go so many others are accepted: $more\n";
    }
}
END
timeout 80 php run.php "$autoload" | tee seen
diff seen - <<'END'
fixed_window: five reservations may go after so many windows: 0 0 1 1 1
  when the last may go so many others are accepted: 2
token_bucket: five reservations may go after so many windows: 0 0 1 1 2
END
echo "as found: symfony/rate-limiter 5.4"
