package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"loa"
)

//go:embed stage/demo.html
var demoHTML string

//go:embed stage/demo.js
var demoJS []byte

// demoPage is the template of a place under a speaker, and of the list of them.
func demoPage() (*template.Template, error) {
	page, err := template.New("demo").Funcs(template.FuncMap{
		"clock": func(at time.Time) string { return at.In(loa.Zone()).Format("15:04:05 02/01") },
		"base":  filepath.Base,
	}).Parse(demoHTML)
	if err != nil {
		return nil, fmt.Errorf("read demo page: %w", err)
	}
	return page, nil
}

// pages adds what only a demonstration has: a place under each speaker.
func (t *town) pages(mux *http.ServeMux, page *template.Template) {
	show := func(w http.ResponseWriter, r *http.Request, h *horn) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; media-src 'self'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'")
		data := map[string]any{"All": t.horns}
		if h != nil {
			sounding, clips := h.state()
			data["Horn"], data["Sounding"], data["Clips"] = h, sounding, clips
		}
		if err := page.Execute(w, data); err != nil {
			t.app.log.Debug("page not sent", "error", err.Error(), "path", r.URL.Path)
		}
	}
	under := func(f func(http.ResponseWriter, *http.Request, *horn)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for _, h := range t.horns {
				if h.Pole.Code == r.PathValue("code") {
					f(w, r, h)
					return
				}
			}
			http.NotFound(w, r)
		}
	}
	mux.HandleFunc("GET /demo", func(w http.ResponseWriter, r *http.Request) { show(w, r, nil) })
	mux.HandleFunc("GET /demo/demo.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(demoJS) // the visitor is gone: nobody to tell
	})
	mux.HandleFunc("GET /demo/{code}", under(show))
	mux.HandleFunc("GET /demo/{code}/live.wav", under(live))
	mux.HandleFunc("GET /demo/{code}/state", under(func(w http.ResponseWriter, _ *http.Request, h *horn) {
		sounding, clips := h.state()
		w.Header().Set("Cache-Control", "no-store")
		word := "quiet"
		if sounding {
			word = "sounding"
		}
		if len(clips) > 0 {
			word += " " + filepath.Base(clips[0].File)
		}
		_, _ = w.Write([]byte(word)) // the visitor is gone: nobody to tell
	}))
	mux.HandleFunc("GET /demo/{code}/{file}", under(func(w http.ResponseWriter, r *http.Request, h *horn) {
		_, clips := h.state()
		for _, c := range clips {
			if name := filepath.Base(c.File); name == r.PathValue("file") && strings.HasSuffix(name, ".wav") {
				w.Header().Set("Content-Type", "audio/wav")
				http.ServeFile(w, r, c.File)
				return
			}
		}
		http.NotFound(w, r)
	}))
}

// live streams what the horn is given from now on.
func live(w http.ResponseWriter, r *http.Request, h *horn) {
	samples, stop := h.listen()
	defer stop()
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(wavHeader(-1)); err != nil {
		return
	}
	out := http.NewResponseController(w)
	for {
		select {
		case <-r.Context().Done():
			return
		case b := <-samples:
			if _, err := w.Write(b); err != nil {
				return
			}
			if len(samples) == 0 && out.Flush() != nil {
				return
			}
		}
	}
}
