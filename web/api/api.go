// Package api is what devices and other machines call: the device half of
// docs/wire.md over HTTP. Documents and sounds are fetched by hash and never
// change, so any cache may carry them; enrolment, time and receipts are posted.
// The doorbell itself is MQTT, package door.
package api

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/seal"
	"loa/speaker"
	"loa/web"
	"loa/wire"
)

// Devices answers devices.
type Devices struct {
	Speakers  *speaker.Register
	Bulletins *bulletin.Flow
	Media     func(hash string) (file string, err error) // where a sound lies
	Doors     []string                                   // MQTT addresses, "tcp://host:port"
	Spread    func() time.Duration                       // over how long devices that lost the door together are to come back
	Clock     loa.Clock
	Say       func(error) string // the sentence of an error
	Short     func() error       // why receipts must wait on their devices; nil: they need not
	Log       *slog.Logger
}

// route is one line of the table of device calls.
type route struct {
	pattern string
	handle  func(w http.ResponseWriter, r *http.Request) error
}

func (d *Devices) routes() []route {
	return []route{
		{"POST /device/v1/enrol", d.enrol},
		{"GET /device/v1/enrol/{device}", d.enrolled},
		{"GET /device/v1/trust/{path...}", d.trust},
		{"GET /device/v1/doors", d.doors},
		{"POST /device/v1/time", d.time},
		{"GET /device/v1/beacon/{path...}", d.beacon},
		{"GET /device/v1/doc/{hash}", d.document},
		{"GET /device/v1/media/{hash}", d.media},
		{"GET /device/v1/program/{hash}", d.program},
		{"GET /device/v1/placement/{device}", d.placement},
		{"POST /device/v1/receipts", d.receipts},
		{"POST /device/v1/logs", d.logs},
		{"GET /device/v1/root/{fingerprint}", d.roots},
	}
}

// Handler is the device API as one handler.
func (d *Devices) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range d.routes() {
		mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, int64(seal.MaxEnvelope(wire.MaxReceipt)))
			if err := rt.handle(w, r); err != nil {
				d.fail(w, r, err)
			}
		})
	}
	return mux
}

func (d *Devices) fail(w http.ResponseWriter, r *http.Request, err error) {
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = loa.Errorf(loa.Invalid, "body.too_large", tooBig.Limit)
	}
	code := loa.CodeOf(err)
	level := slog.LevelInfo
	if code == loa.Internal {
		level = slog.LevelError
	}
	d.Log.Log(r.Context(), level, "device call refused", slog.String("path", r.URL.Path), slog.String("error", err.Error()))
	answer(w, web.Status(code), map[string]any{"error": map[string]string{
		"code": string(code), "key": loa.KeyOf(err), "message": d.Say(err)}})
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the device is gone: there is nobody to tell
}

func sealed(w http.ResponseWriter, b []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b) //nolint:gosec // JSON, and sent as such; a device that is gone cannot be told
}

func read(r *http.Request, v any) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return seal.Decode(b, seal.MaxDocument, v)
}

func (d *Devices) enrol(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Code string `json:"code"`
		Key  string `json:"key"`
		Sig  string `json:"sig"`
	}
	if err := read(r, &ask); err != nil {
		return err
	}
	b, err := d.Speakers.Enrol(r.Context(), ask.Code, ask.Key, ask.Sig)
	if err != nil {
		return err
	}
	root, err := d.Speakers.RootOfCode(r.Context(), ask.Code)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]any{"device": b.ID, "check": b.Check, "root": root})
	return nil
}

// enrolled answers a box's first placement to whoever proves to hold the box's key:
// the proof carries no date, because a box that is new knows none.
func (d *Devices) enrolled(w http.ResponseWriter, r *http.Request) error {
	box, err := d.Speakers.Find(r.Context(), r.PathValue("device"))
	if err != nil {
		return err
	}
	pub, err := seal.DecodePublic(box.Key)
	if err != nil {
		return err
	}
	if sig, ok := authorization(r); !ok || !ed25519.Verify(pub, []byte("loa placement v0\n"+box.ID), sig) {
		return loa.Errorf(loa.Forbidden, "enrol.not_your_key")
	}
	return d.sendPlacement(w, r, box.ID)
}

// authorization is what a box shows of itself.
func authorization(r *http.Request) ([]byte, bool) {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Loa ")
	b, err := base64.RawURLEncoding.DecodeString(raw)
	return b, ok && err == nil
}

// sendPlacement answers a box's sealed placement, or nothing while no officer
// has confirmed it.
func (d *Devices) sendPlacement(w http.ResponseWriter, r *http.Request, box string) error {
	b, err := d.Speakers.SealedPlacement(r.Context(), box)
	if err != nil {
		return err
	}
	if b == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	sealed(w, b)
	return nil
}

func (d *Devices) trust(w http.ResponseWriter, r *http.Request) error {
	path, err := loa.ParsePath(r.PathValue("path"))
	if err != nil {
		return err
	}
	list, err := d.Speakers.Delegations(r.Context(), path)
	if err != nil {
		return err
	}
	encoded := make([]string, len(list))
	for i, b := range list {
		encoded[i] = base64.StdEncoding.EncodeToString(b)
	}
	answer(w, http.StatusOK, map[string]any{"delegations": encoded})
	return nil
}

func (d *Devices) doors(w http.ResponseWriter, _ *http.Request) error {
	answer(w, http.StatusOK, map[string]any{"mqtt": d.Doors, "spread": int64(math.Ceil(d.Spread().Seconds()))})
	return nil
}

func (d *Devices) time(w http.ResponseWriter, r *http.Request) error {
	received := d.Clock.Now().UnixMicro()
	var ask struct {
		Nonce string `json:"nonce"`
	}
	if err := read(r, &ask); err != nil {
		return err
	}
	t := wire.Time{V: wire.Version, Kind: "time", Nonce: ask.Nonce, Received: received, Sent: d.Clock.Now().UnixMicro()}
	if err := t.Check(); err != nil {
		return err
	}
	payload, err := wire.Encode(t)
	if err != nil {
		return err
	}
	b, err := seal.Seal(wire.TimeType, payload, d.Speakers.Keys.Beacon)
	if err != nil {
		return err
	}
	sealed(w, b)
	return nil
}

func (d *Devices) beacon(w http.ResponseWriter, r *http.Request) error {
	path, err := loa.ParsePath(r.PathValue("path"))
	if err != nil {
		return err
	}
	b, err := d.Speakers.Beacon(r.Context(), path)
	if err != nil {
		return err
	}
	sealed(w, b)
	return nil
}

// document answers any sealed document by the hash of its envelope.
func (d *Devices) document(w http.ResponseWriter, r *http.Request) error {
	hash := r.PathValue("hash")
	if !loa.IsHash(hash) {
		return loa.Errorf(loa.NotFound, "document.unknown")
	}
	b, err := d.Speakers.Document(r.Context(), hash)
	if err != nil {
		return err
	}
	forever(w)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) //nolint:gosec // JSON, and sent as such; a device that is gone cannot be told
	return nil
}

// media answers a sound by its hash; ranges let a device resume.
func (d *Devices) media(w http.ResponseWriter, r *http.Request) error {
	file, err := d.Media(r.PathValue("hash"))
	if err != nil {
		return err
	}
	forever(w)
	w.Header().Set("Content-Type", "audio/mpeg")
	http.ServeFile(w, r, file)
	return nil
}

// program answers a file that a sealed release names; ranges let a box resume.
func (d *Devices) program(w http.ResponseWriter, r *http.Request) error {
	hash := r.PathValue("hash")
	known, err := d.Speakers.IsProgram(r.Context(), hash)
	if err == nil && !known {
		err = loa.Errorf(loa.NotFound, "document.unknown")
	}
	if err != nil {
		return err
	}
	file, err := d.Media(hash)
	if err != nil {
		return err
	}
	forever(w)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeFile(w, r, file)
	return nil
}

// forever marks an answer that its name, a hash, fixes for good.
func forever(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
}

// placement answers the sealed placement of the device that signs in with a
// token: it holds coordinates, so it is nobody else's.
func (d *Devices) placement(w http.ResponseWriter, r *http.Request) error {
	token, ok := authorization(r)
	if !ok {
		return loa.Errorf(loa.Forbidden, "token.missing")
	}
	t, err := wire.OpenToken(token, d.Clock.Now().UnixMilli(), func(device string) (ed25519.PublicKey, error) {
		b, err := d.Speakers.Find(r.Context(), device)
		if err != nil {
			return nil, err
		}
		return seal.DecodePublic(b.Key)
	})
	if err != nil {
		return err
	}
	if t.Device != r.PathValue("device") {
		return loa.Errorf(loa.Forbidden, "token.other_device")
	}
	return d.sendPlacement(w, r, t.Device)
}

// receipts takes a sealed batch. The answer leaves only after the commit.
func (d *Devices) receipts(w http.ResponseWriter, r *http.Request) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if d.Short != nil {
		if err := d.Short(); err != nil { // the device keeps them and comes again
			return err
		}
	}
	ack, err := d.Bulletins.Played(r.Context(), b)
	if err != nil {
		return err
	}
	// gofail: var receiptKept string
	// go panic(receiptKept)
	// select {}
	answer(w, http.StatusOK, ack)
	return nil
}

// logs takes the end of a box's log, which a setting asked for.
func (d *Devices) logs(w http.ResponseWriter, r *http.Request) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if err := d.Speakers.TakeLog(r.Context(), b); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

// roots answers the rotations that follow a root; of a root that never held here it
// says so.
func (d *Devices) roots(w http.ResponseWriter, r *http.Request) error {
	list, err := d.Speakers.RootsAfter(r.Context(), r.PathValue("fingerprint"))
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]any{"roots": append([][]byte{}, list...)})
	return nil
}
