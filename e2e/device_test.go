package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"loa/e2e"
	"loa/seal"
)

// TestDeviceCalls knocks at every device call with nothing but bad manners, as
// anybody on the Internet can: each is answered with one error in one shape, and
// the server goes on.
func TestDeviceCalls(t *testing.T) {
	t.Parallel()
	town := e2e.Start(t, e2e.Options{Agents: 1})
	url := town.Servers[0].URL
	hash := strings.Repeat("ab", 32)
	for _, c := range []struct {
		method, path, body string
		status             int
		key                string
	}{
		{"POST", "/device/v1/enrol", `{}`, 422, "key.malformed"},
		{"POST", "/device/v1/enrol", `{"code":"A","code":"B"}`, 422, "document.duplicate_key"},
		{"POST", "/device/v1/enrol", `not json`, 422, "document.malformed"},
		{"GET", "/device/v1/enrol/nobody", "", 404, "box.unknown"},
		{"GET", "/device/v1/enrol/" + town.Box(0).ID, "", 403, "enrol.not_your_key"},
		{"GET", "/device/v1/trust/vn/../etc", "", 307, ""}, // the mux cleans the path first
		{"GET", "/device/v1/trust/VN", "", 422, "path.malformed"},
		{"POST", "/device/v1/time", `{"nonce":"short"}`, 422, "time.malformed"},
		{"POST", "/device/v1/time", `{"nonce":` + strings.Repeat("[", 100) + `}`, 422, "document.malformed"},
		{"GET", "/device/v1/beacon/vn/98/98999", "", 404, "unit.unknown"},
		{"GET", "/device/v1/beacon/" + strings.Repeat("a", 500), "", 422, "path.malformed"},
		{"GET", "/device/v1/doc/" + hash, "", 404, "document.unknown"},
		{"GET", "/device/v1/doc/x", "", 404, "document.unknown"},
		{"GET", "/device/v1/media/" + hash, "", 404, "blob.missing"},
		{"GET", "/device/v1/media/..%2f..%2floa.db", "", 404, "blob.missing"},
		{"GET", "/device/v1/placement/" + town.Box(0).ID, "", 403, "token.missing"},
		{"POST", "/device/v1/receipts", `{}`, 422, "seal.signatures"},
		{"POST", "/device/v1/receipts", strings.Repeat("x", 1<<20), 422, "body.too_large"},
		{"DELETE", "/device/v1/receipts", "", 405, ""},
	} {
		t.Run(c.method+" "+clipped(c.path), func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Timeout: 10 * time.Second,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d: %s", res.StatusCode, c.status, body)
			}
			if c.key == "" {
				return
			}
			var said struct {
				Error struct{ Code, Key, Message string }
			}
			if err := json.Unmarshal(body, &said); err != nil || said.Error.Key != c.key || said.Error.Message == "" || said.Error.Code == "" {
				t.Errorf("said %s, want key %s with a sentence", body, c.key)
			}
		})
	}

	// What is fetched by hash is the same for ever, and says so.
	sealed := get(t, url+"/device/v1/beacon/"+string(e2e.Commune))
	o, err := seal.Open(sealed, seal.MaxDocument)
	if err != nil {
		t.Fatal(err)
	}
	var beacon struct{ Trust []string }
	if err := json.Unmarshal(o.Payload, &beacon); err != nil || len(beacon.Trust) == 0 {
		t.Fatalf("beacon %s: %v", o.Payload, err)
	}
	a, b := get(t, url+"/device/v1/doc/"+beacon.Trust[0]), get(t, url+"/device/v1/doc/"+beacon.Trust[0])
	if !bytes.Equal(a, b) {
		t.Error("a document changed under its hash")
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", url, res.StatusCode, body, err)
	}
	return body
}

func clipped(s string) string { return s[:min(len(s), 60)] }
