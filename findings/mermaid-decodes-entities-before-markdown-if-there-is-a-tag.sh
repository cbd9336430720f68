#!/usr/bin/env bash
# npm mermaid 12.3.0 in Debian's chromium.
#
# Guess: an entity such as #95; for _ shows the character, and the rest of the label does not matter.
# Seen:  that holds until the label has a tag, such as <wbr>: then the entities of a state are decoded
#        before Markdown is read, and the underscores of "__init__" become bold type. The title of a
#        composite state and the label of an arrow show them in both cases.
set -euo pipefail
for command in chromium npm; do
	command -v "$command" >/dev/null || { echo "install the Debian package $command" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir" 2>/dev/null || { sleep 2; rm -rf "$dir"; }' EXIT
cd "$dir"
npm pack --silent mermaid@12.3.0 >/dev/null
tar xzf mermaid-12.3.0.tgz package/dist/mermaid.min.js
cat >page.html <<'END'
<!doctype html><meta charset="utf-8"><pre></pre>
<script src="package/dist/mermaid.min.js"></script>
<script>
async function draw(name, text) {
  const div = document.createElement('div');
  div.innerHTML = (await mermaid.render(name, text)).svg;
  document.body.append(div);
  return div;
}
async function main() {
  let text = '';
  for (const name of ['#95;#95;init#95;#95;', '#95;#95;init#95;#95;<wbr>']) {
    const div = await draw('d' + text.length, `stateDiagram-v2\nstate "${name}" as a\nstate "${name}" as b {\nc\n}\na --> b : ${name}\n`);
    const shown = selector => div.querySelector(selector + ' foreignObject > div').innerText;
    text += `state ${shown('[id*="-state-a-"]')}, composite state ${shown('[id*="-state-b-"]')}, arrow ${shown('.edgeLabel')}\n`;
  }
  return text.trim();
}
main().then(text => { document.querySelector('pre').textContent = text; document.body.querySelectorAll('svg, script').forEach(e => e.remove()) });
</script>
END
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
	--disable-component-update --disable-sync --user-data-dir="$dir/profile" --virtual-time-budget=20000 \
	--dump-dom "file://$dir/page.html" 2>/dev/null | sed -n '/<pre>/,/<\/pre>/p' | sed 's/.*<pre>//; s/<\/pre>.*//' | tee seen
diff seen - <<'END'
state __init__, composite state __init__, arrow __init__
state init, composite state __init__, arrow __init__
END
echo "as found: mermaid 12.3.0, $(chromium --version 2>/dev/null)"
