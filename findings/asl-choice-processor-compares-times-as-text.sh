#!/usr/bin/env bash
# npm @wmfs/asl-choice-processor 1.24.1, in node.
#
# Guess: a Choice of the Amazon States Language is decided as its specification says: TimestampLessThan and TimestampEquals
#        compare moments, whatever zone and precision they are written in; a NumericLessThan is not true of something that is
#        no number; And, Or and Not may stand within one another.
# Seen:  timestamps are compared as text: a lease that ended half an hour ago, written with the offset of another zone, has not
#        expired, one moment in two notations is two, and one that ends in half an hour, written in the zone of a place to
#        the west, has. A limit of null is less than every positive number, as JavaScript has it. An And within an Or is an error
#        "we need a path" when the choice is made, not when the definition is read.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" @wmfs/asl-choice-processor@1.24.1 >/dev/null
cat >run.js <<'END'
const choiceProcessor = require('@wmfs/asl-choice-processor');

function chosen(rule, input) {
  const next = choiceProcessor({ Choices: [{ ...rule, Next: 'yes' }], Default: 'no' });
  try {
    return next(input);
  } catch (error) {
    return `error, ${error.message}`;
  }
}
const noon = '2026-06-01T12:00:00Z';
const expired = { Variable: '$.ends', TimestampLessThan: noon };
console.log('ended at 11:30 UTC, and expired at noon:', chosen(expired, { ends: '2026-06-01T11:30:00Z' }));
console.log('the same as 13:30+02:00:', chosen(expired, { ends: '2026-06-01T13:30:00+02:00' }));
console.log('ends at 12:30 UTC, as 08:30-04:00:', chosen(expired, { ends: '2026-06-01T08:30:00-04:00' }));
console.log('noon is noon with .000:', chosen({ Variable: '$.ends', TimestampEquals: noon }, { ends: '2026-06-01T12:00:00.000Z' }));
console.log('null is less than 5:', chosen({ Variable: '$.tries', NumericLessThan: 5 }, { tries: null }));
const is = (variable) => ({ Variable: variable, BooleanEquals: true });
console.log('a and b, or c:', chosen({ Or: [{ And: [is('$.a'), is('$.b')] }, is('$.c')] }, { a: true, b: true, c: false }));
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
ended at 11:30 UTC, and expired at noon: yes
the same as 13:30+02:00: no
ends at 12:30 UTC, as 08:30-04:00: yes
noon is noon with .000: no
null is less than 5: yes
a and b, or c: error, we need a path
END
echo "as found: @wmfs/asl-choice-processor 1.24.1"
