package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"loa"
)

// app is what makes of the pages something a phone can install, share into and
// open without a connection: its manifest, its worker, its page for no network.
func (s *Site) app() []Route {
	return []Route{
		{Pattern: "GET /manifest.webmanifest", Right: Public, Handle: s.manifest},
		{Pattern: "GET /sw.js", Right: Public, Handle: s.worker},
		{Pattern: "GET /offline", Right: Public, Handle: func(w http.ResponseWriter, r *http.Request) error {
			return s.Page(w, r, s.faults, "offline", "offline.title", nil)
		}},
	}
}

// manifest is a W3C web app manifest, with what the phone's share sheet may hand
// over (Web Share Target): a text, a link, a recording, a Word file or a PDF.
func (s *Site) manifest(w http.ResponseWriter, r *http.Request) error {
	type icon struct {
		Src     string `json:"src"`
		Sizes   string `json:"sizes"`
		Type    string `json:"type"`
		Purpose string `json:"purpose,omitempty"`
	}
	var icons []icon
	for _, i := range []icon{{"loa.svg", "any", "image/svg+xml", ""}, {"icon-192.png", "192x192", "image/png", ""},
		{"icon-512.png", "512x512", "image/png", ""}, {"icon-maskable.png", "512x512", "image/png", "maskable"}} {
		url, err := s.assets.url(i.Src)
		if err != nil {
			return err
		}
		i.Src = url
		icons = append(icons, i)
	}
	locale := s.Locale(r)
	b, err := json.Marshal(map[string]any{
		"id": "/", "name": "Loa", "short_name": "Loa", "description": s.Catalog.T(locale, "layout.about"), "lang": locale, "start_url": "/",
		"scope": "/", "display": "standalone", "background_color": "#f4f5f7", "theme_color": "#a3161a", "icons": icons,
		"share_target": map[string]any{"action": "/share", "method": "POST", "enctype": "multipart/form-data",
			"params": map[string]any{"title": "title", "text": "text", "url": "url", "files": []any{map[string]any{"name": "file",
				"accept": []string{"audio/*", "video/mp4", "application/pdf", ".amr", ".opus", ".m4a", ".docx",
					"application/vnd.openxmlformats-officedocument.wordprocessingml.document"}}}}},
		"shortcuts": []any{map[string]any{"name": s.Catalog.T(locale, "compose.title"), "url": "/bulletins/new"}},
	})
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	w.Header().Set("Content-Type", "application/manifest+json")
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}

// worker is sw.js with the addresses it keeps and a version that changes when
// any of them does.
func (s *Site) worker(w http.ResponseWriter, r *http.Request) error {
	files := []string{"/offline"}
	for _, name := range []string{"loa.css", "loa.js", "draft.js", "loa.svg"} {
		url, err := s.assets.url(name)
		if err != nil {
			return err
		}
		files = append(files, url)
	}
	list, err := json.Marshal(files)
	if err != nil {
		return fmt.Errorf("write worker: %w", err)
	}
	own, err := s.assets.url("sw.js")
	if err != nil {
		return err
	}
	version := loa.Hash([]byte(strings.Join(slices.Concat(files, []string{own}), "\n")))[:10]
	b := bytes.ReplaceAll(s.assets.byFile[strings.TrimPrefix(own, "/static/")], []byte("VERSION"), []byte(version))
	b = bytes.Replace(b, []byte("kept = FILES"), append([]byte("kept = "), list...), 1)
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}
