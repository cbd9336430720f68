package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
)

// dist has the front end, which is built from web.
//
//go:embed all:dist
var dist embed.FS

func assets() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is valid
	}
	return sub
}

// version changes with the assets.
func version(files fs.FS) string {
	h := sha256.New()
	_ = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		h.Write([]byte(path))
		h.Write(text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// asset serves a file of the front end. None of them has anything of the store in it, so they need no
// secret: a browser that comes from a link elsewhere sends no cookie with SameSite=Strict.
func (p *Page) asset(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		p.fail(w, &problem{http.StatusMethodNotAllowed, "files are only read", "use GET"})
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if path == "" {
		if r.URL.Query().Has("token") {
			p.admit(w, r)
			return
		}
		path = "index.html"
	}
	if info, err := fs.Stat(p.assets, path); err != nil || info.IsDir() {
		p.fail(w, &problem{http.StatusNotFound, "there is no such page", "the page is at its base path"})
		return
	}
	switch {
	case strings.HasPrefix(path, "assets/"): // their names have a hash
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	case path != "index.html":
		w.Header().Set("Cache-Control", "public, max-age=3600")
	default:
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", `"`+p.hello.Version+`"`)
	}
	http.ServeFileFS(w, r, p.assets, path)
}
