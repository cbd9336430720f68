#!/usr/bin/env bash
# Debian 12: symfony/workflow 5.4.53 (php-symfony-workflow), PHP 8.2.
#
# Guess: a listener of "workflow.NAME.entered.PLACE" is called when the subject has entered that place, as often as that of
#        "workflow.NAME.enter.PLACE" is called as it is about to.
# Seen:  it is called at every transition for as long as the subject is in the place: while a review is open, each move of the
#        tests beside it enters the review anew, and whatever the listener begins there is begun again. The event goes out for
#        all places of the marking, not for those that the transition leads to. (Symfony changed that in April 2025 for 6.4
#        and later; 5.4 was left as it is.)
set -euo pipefail
command -v php >/dev/null || { echo "install the Debian packages php-cli and php-symfony-workflow" >&2; exit 1; }
[ -e /usr/share/php/Symfony/Component/Workflow/autoload.php ] || { echo "install the Debian package php-symfony-workflow" >&2; exit 1; }
[ -e /usr/share/php/Symfony/Component/EventDispatcher/autoload.php ] || { echo "install the Debian package php-symfony-event-dispatcher" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.php <<'END'
<?php
require '/usr/share/php/Symfony/Component/EventDispatcher/autoload.php';
require '/usr/share/php/Symfony/Component/Workflow/autoload.php';
use Symfony\Component\EventDispatcher\EventDispatcher;
use Symfony\Component\Workflow\{Definition, Transition, Workflow};
use Symfony\Component\Workflow\MarkingStore\MethodMarkingStore;

class Change
{
    private $marking;
    public function getMarking() { return $this->marking; }
    public function setMarking($marking) { $this->marking = $marking; }
}
$dispatcher = new EventDispatcher();
foreach (['enter', 'entered'] as $kind) {
    $dispatcher->addListener("workflow.change.$kind.review", function ($event) use ($kind) { echo " $kind.review"; });
}
$workflow = new Workflow(new Definition(['draft', 'review', 'tests', 'failed', 'passed'], [
    new Transition('submit', 'draft', ['review', 'tests']),
    new Transition('fail', 'tests', 'failed'),
    new Transition('retry', 'failed', 'tests'),
    new Transition('pass', 'tests', 'passed'),
], 'draft'), new MethodMarkingStore(), $dispatcher, 'change');
$change = new Change();
foreach (['submit', 'fail', 'retry', 'pass'] as $transition) {
    echo "$transition:";
    $workflow->apply($change, $transition);
    echo "\n";
}
END
timeout 30 php run.php | tee seen
diff seen - <<'END'
submit: enter.review entered.review
fail: entered.review
retry: entered.review
pass: entered.review
END
echo "as found: symfony/workflow 5.4"
