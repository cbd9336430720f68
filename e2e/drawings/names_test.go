package drawings_test

import "strings"

// difficult are names that mean something to Mermaid, to DOT, or to the Markdown, HTML and
// SVG that texts pass through. All are valid names of states, events, guards and timeouts.
var difficult = []string{
	"plain", "Größe 日本語", "two words", "a  b   c", " a", "a ", "  ", "", "a,b, c", "(a)", "[a]", "a/b.c-d",
	`"`, `"a"`, `'a'`, `\`, `a\`, `\\`, `\"`, `a\nb`, `\l\r\N\G\E\T\H\L`, `\_`, `\x00`,
	"a\nb", "a\r\nb", "a\tb", "\x00", "\x1b[31m", "\x7f", "\u0085", "a\xff", "\u00a0", "a\u00adb", "\u2028", "\ufeff", "\ufffd",
	"<br>", "a<br/>b", "<b>a</b>", "<script>alert(1)</script>", "<!-- a -->", "<p>", "</div>", "<<fork>>", "<<choice>> a", "[[join]]", "a [[fork]]",
	"&", "&amp;", "&lt;", "&#35;", "&#x41;", "#35;", "#", "##", "#quot;", "#9829;", "#amp;#35;", "ﬂ°°65¶ß", "ﬂ°lt¶ß", "ﬂ", "¶ß",
	";", "a;b", ":", "a:b", "a : b", "::", ":::a", ",", "|", "||", "{", "}", "{}", "a {", "[", "]", "[]", "[*]", "*", "-->", "a --> b", "--", "-", "->", "---",
	"%", "%%", "%% a", `%%{init: {"theme":"dark"}}%%`, "---\ntitle: a\n---", "@", "@{shape: circle}", "~", "~~a~~", "=", "==a==", "^a^", "!",
	"direction TB", "Direction TBD", "direction\tLR", "a DIRECTION  BT b", "direction RL", "direction", "redirection LR", "TB",
	"state", "state a", "stateDiagram-v2", "note", "note left of s0", "note right of s0: a", "end", "end note", "class", "class s0 current", "classDef", "classDef a fill:#f00", "click", "click s0 href", "href", "style", "style s0 fill:#f00;", "a style:#b;", "default", "scale 3 width", "accTitle: a", "accDescr: a", "accDescr { a }", "hide empty description", "fork", "join", "choice", "as", "as s0", "s0", "root", "history", "H", "H* a", "__proto__", "constructor",
	"_a_", "__init__", "snake_case_name", "*a*", "**b**", "***", "`a`", "```", "$$", "$$x^2$$", "$", "# a", "1. a", "- a", "+ a", "> a", "[a](b)", "![a](b)", "[a]: b", "http://a.example/b_c_d", "a@b.example", "fa:fa-car", "fas:fa-user a", ":smile:", "a|b\n-|-",
	"digraph", "graph", "node", "edge", "subgraph", "strict", "cluster0", "label=a", "a]; b [", "//", "/* a */", "< a >", "<<b>a</b>>", "2nd", "-1.5", "\\N",
	"שלום", "مرحبا بالعالم", "a שלום b (c)", "e\u0301", "\u0301", "a\u0308\u0323", "नमस्ते", "ไทย", "😀", "👩‍💻", "🇩🇪", "𝒜", "\u202ea", "a\u200bb", "ẞß", "ŁódźİI",
}

// ordinary are names that Mermaid also draws as they are without HTML.
var ordinary = []string{
	"plain", "Größe 日本語", "two words", "snake_case_name", "__init__", "_a_", "kebab-case", "a.b/c", "(a)", "2nd", "10 items", "1. a", "- a", "-1.5",
	"R&D", "a < b", "a > b", "&lt", "what?", "a+b", "a=b", "+ a", "=", "👩 🚀", "e\u0301", "नमस्ते", "a b_c d_e", `back\slash`, `a\nb`, "it's", "a, b", "direction TB", "state", "end note", "[a]", "ŁódźİI", "😀",
}

// long has names that Mermaid would draw beyond the borders, if parents had them.
var long = []string{strings.Repeat("long ", 200) + "name", strings.Repeat("x", 1000), strings.Repeat("_&", 200)}

// pieces make up random names.
var pieces = []string{
	"a", "b", "Z", "0", "9", " ", "  ", "_", "__", "*", "**", `\`, `"`, "'", "`", "#", "35;", "&", "amp;", ";", ":", "<", ">", "br", "/", "%", "%%", "{", "}", "[", "]", "(", ")", "|", "-", "--", "->", "=", "~", "$", "$$", "@", "!", "?", "^", "+", ".", ",",
	"direction", "TB", "LR", "state", "note", "end", "style", "classDef", "fork", "as", "n", "N", "l", "ﬂ", "°", "¶", "ß", "\n", "\t", "ש", "\u0301", "😀", "fa:fa-car",
}
