#!/usr/bin/env bash
# Debian 12: php-symfony-rate-limiter 5.4.53, PHP 8.2.
#
# Guess: what is reserved at a token bucket is taken: with 2 tokens in 6 s and reservations for the next 18 s, nobody else
#        is accepted in that time.
# Seen:  6 s after the last request two others are accepted, and further reservations begin anew beside those that still
#        wait. If somebody asks often, be it in vain and with no effect, nothing changes: only a reservation counts. (A
#        bucket is stored for as long as it takes to fill an empty one; that it may be in debt is not reckoned with.)
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

$options = ['id' => 'job', 'policy' => 'token_bucket', 'limit' => 2, 'rate' => ['interval' => '6 seconds', 'amount' => 2]];
$limiter = (new RateLimiterFactory($options, new InMemoryStorage))->create();
$windows = fn (int $count) => implode(' ', array_map(fn () => (int) round($limiter->reserve()->getWaitDuration() / 6), range(1, $count)));

function others($limiter): int
{
    $others = 0;
    while ($others < 9 && $limiter->consume()->isAccepted()) {
        $others++;
    }
    return $others;
}

echo 'eight reservations may go after so many times 6 s: ', $windows(8), "\n";
sleep(3);
echo 'after 3 s so many others are accepted: ', others($limiter), "\n";
sleep(5);
echo 'after 8 s, with two due at 12 s and two at 18 s, so many others are accepted: ', others($limiter), "\n";
echo 'two more reservations may go after so many times 6 s: ', $windows(2), "\n";
END
timeout 60 php run.php "$autoload" | tee seen
diff seen - <<'END'
eight reservations may go after so many times 6 s: 0 0 1 1 2 2 3 3
after 3 s so many others are accepted: 0
after 8 s, with two due at 12 s and two at 18 s, so many others are accepted: 2
two more reservations may go after so many times 6 s: 1 1
END
echo "as found: symfony/rate-limiter 5.4"
