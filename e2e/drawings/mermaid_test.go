package drawings_test

import (
	"embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/child"
)

//go:embed page.html page.js
var page embed.FS

const script = "node_modules/mermaid/dist/mermaid.min.js"

// browser is a headless Chromium that shows page.html, which asks for one drawing after
// another.
type browser struct {
	next  chan drawing // to render
	shown chan shown   // an answer for each
}

// drawing is a text for Mermaid. Its labels are drawn as HTML, or as text of the SVG.
type drawing struct {
	Text       string
	HTMLLabels bool
}

// shown is the answer of page.js.
type shown struct {
	Boxes []struct {
		ID, In  string
		Text    []string
		Current bool
	}
	Arrows []arrow
	Error  string
}

// newBrowser starts a browser, which ends with the test.
func newBrowser(t *testing.T) *browser {
	if _, err := os.Stat(script); err != nil {
		t.Fatalf("Mermaid is not installed: run npm ci in e2e/drawings, or ./test.sh: %v", err)
	}
	b := &browser{next: make(chan drawing), shown: make(chan shown)}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(page))
	mux.HandleFunc("/mermaid.min.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, script) })
	mux.HandleFunc("/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case d := <-b.next:
			_ = json.NewEncoder(w).Encode(d)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/shown", func(w http.ResponseWriter, r *http.Request) {
		var s shown
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			s.Error = err.Error()
		}
		b.shown <- s
	})
	server := httptest.NewServer(mux)
	dir, err := os.MkdirTemp("", "drawings")
	if err != nil {
		t.Fatal(err)
	}
	chromium, err := child.Start(filepath.Join(dir, "log"), "chromium", "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-breakpad", "--disable-dev-shm-usage", "--user-data-dir="+filepath.Join(dir, "profile"), "--remote-debugging-port=0", server.URL+"/page.html")
	if err != nil {
		t.Fatalf("start the Debian package chromium: %v", err)
	}
	t.Cleanup(func() {
		chromium.Stop(20 * time.Second)
		server.Close()
		for deadline := time.Now().Add(30 * time.Second); os.RemoveAll(dir) != nil; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("some process of the browser still writes to %s", dir)
			}
		}
	})
	return b
}

// picture renders a drawing of Mermaid.
func (b *browser) picture(d drawing) (picture, error) {
	limit := time.After(2 * time.Minute)
	select {
	case b.next <- d:
	case <-limit:
		return picture{}, errors.New("the browser does not ask for a drawing")
	}
	var s shown
	select {
	case s = <-b.shown:
	case <-limit:
		return picture{}, errors.New("the browser does not answer")
	}
	if s.Error != "" {
		return picture{}, errors.New(s.Error)
	}

	p := picture{Boxes: map[string]box{}}
	for _, shape := range s.Boxes {
		if strings.HasPrefix(shape.ID, "s") && !strings.Contains(shape.ID, "_") {
			p.Boxes[shape.ID] = box{In: shape.In, Text: shape.Text, Current: shape.Current}
		}
	}
	for _, a := range s.Arrows {
		// The start in a state stands for its border, as in DOT, where both are one node. An
		// arrow to an end says that its source is final.
		switch {
		case a.From == "root_start":
			a.From = "start"
		case strings.HasSuffix(a.From, "_start"):
			a.From = strings.TrimSuffix(a.From, "_start")
		case strings.HasSuffix(a.To, "_end"):
			last := p.Boxes[a.From]
			last.Final = true
			p.Boxes[a.From] = last
			continue
		}
		p.Arrows = append(p.Arrows, a)
	}
	return p, nil
}
