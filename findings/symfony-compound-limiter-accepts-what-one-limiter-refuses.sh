#!/usr/bin/env bash
# Debian 12: php-symfony-rate-limiter 5.4.53, PHP 8.2.
#
# Guess: a CompoundLimiter accepts what each of its limiters accepts; if one refuses, the answer is that one's refusal.
# Seen:  the answer is that of the limiter with the fewest tokens left. Who accepts the last of its tokens has none left,
#        while who refuses keeps what it has: seven jobs pass limits of 7 and of 5. With the same requests one at a time,
#        the sixth is refused. And a limiter that accepts has spent its tokens when another refuses.
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
use Symfony\Component\RateLimiter\{CompoundLimiter, RateLimiterFactory, Storage\InMemoryStorage};

foreach (['fixed_window', 'sliding_window'] as $policy) {
    foreach ([[2, 5], [1, 1, 1, 1, 1, 1]] as $requests) {
        $limiters = [];
        foreach ([7, 5] as $limit) {
            $options = ['id' => "limit of $limit", 'policy' => $policy, 'limit' => $limit, 'interval' => '1 hour'];
            $limiters[] = (new RateLimiterFactory($options, new InMemoryStorage))->create();
        }
        $compound = new CompoundLimiter($limiters);
        echo "$policy:";
        foreach ($requests as $tokens) {
            echo " $tokens ", $compound->consume($tokens)->isAccepted() ? 'accepted' : 'refused';
        }
        echo "\n  left of 7 and 5: ", implode(' ', array_map(fn ($limiter) => $limiter->consume(0)->getRemainingTokens(), $limiters)), "\n";
    }
}
END
timeout 60 php run.php "$autoload" | tee seen
diff seen - <<'END'
fixed_window: 2 accepted 5 accepted
  left of 7 and 5: 0 3
fixed_window: 1 accepted 1 accepted 1 accepted 1 accepted 1 accepted 1 refused
  left of 7 and 5: 1 0
sliding_window: 2 accepted 5 accepted
  left of 7 and 5: 0 3
sliding_window: 1 accepted 1 accepted 1 accepted 1 accepted 1 accepted 1 refused
  left of 7 and 5: 1 0
END
echo "as found: symfony/rate-limiter 5.4"
