package web

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"loa"
)

//go:embed static
var staticFiles embed.FS

// assets are scripts and styles, served under names that hold a piece of their
// hash, so that browsers keep them for ever and never have an old one.
type assets struct {
	byFile map[string][]byte // loa.3f2a9c0d1e.css
	named  map[string]string // loa.css → loa.3f2a9c0d1e.css
}

// loadAssets reads the site's own files.
func loadAssets() (*assets, error) {
	a := &assets{map[string][]byte{}, map[string]string{}}
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		base := path.Base(name)
		ext := path.Ext(base)
		file := strings.TrimSuffix(base, ext) + "." + loa.Hash(b)[:10] + ext
		a.byFile[file], a.named[base] = b, file
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	return a, nil
}

// url is where a file is served.
func (a *assets) url(name string) (string, error) {
	file, ok := a.named[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/static/" + file, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("file")
	b, ok := a.byFile[file]
	if !ok {
		return loa.Errorf(loa.NotFound, "page.unknown")
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(file)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, file, time.Time{}, bytes.NewReader(b))
	return nil
}
