package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"regexp"
	"slices"

	"loa"
	"loa/seal"
)

// ReleaseType is the payload type of a release.
const ReleaseType = "application/vnd.loa.release+json"

// MaxProgram is the size in bytes of the largest program a release may name.
const MaxProgram = 64 << 20

// Release (bản phần mềm) is a version of the program on the box: for each kind
// of hardware the hash of its bytes. It is sealed by keys with role release,
// which only a root can give and which no server holds: neither the node nor
// the signer can make one. A beacon says which release is meant for how many
// boxes; it can delay one, and never replace it.
type Release struct {
	V        int             `json:"v"`
	Kind     string          `json:"kind"`
	Product  string          `json:"product"`  // whose program; a box takes its own product's alone
	Number   int64           `json:"number"`   // 1 or more, rises with every release of a product
	Text     string          `json:"text"`     // the same version as people say it
	Replaces int64           `json:"replaces"` // the lowest number it may replace; 0 for any
	From     int64           `json:"from"`     // UTC ms: it may be installed from then on
	Until    int64           `json:"until"`    // UTC ms: and before then
	Builds   []Build         `json:"builds"`
	Ignore   json.RawMessage `json:"ignorable,omitempty"`
}

// Build is one program file of a release.
type Build struct {
	System string `json:"system"` // "linux/arm64", "linux/armv7"; each once
	Hash   string `json:"hash"`   // SHA-256 of the file
	Bytes  int64  `json:"bytes"`
}

// Offer is what a beacon says of a release: its hash, and the share of boxes in
// percent that is to install it.
type Offer struct {
	Hash  string `json:"hash"`
	Share int    `json:"share"` // 1–100
}

// What a box says in a beat about the release it was offered.
const (
	UpdateFetching = "fetching" // its file is on the way
	UpdateWaiting  = "waiting"  // on disk and checked; waits for a quiet quarter of an hour
	UpdateProving  = "proving"  // it runs and has not yet shown that it works
	UpdateReturned = "returned" // it ran and failed: the program before it runs again
	UpdateRefused  = "refused"  // it may not be installed here
)

// words is what a product or a version is made of.
var words = regexp.MustCompile(`^[a-z0-9][a-z0-9.+~-]{0,31}$`)

// systems is what a kind of hardware is called.
var systems = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]{1,24}$`)

// Check says what is wrong with a release's own content.
func (r Release) Check() error {
	if err := head(r.V, r.Kind, "release"); err != nil {
		return err
	}
	if !words.MatchString(r.Product) || !words.MatchString(r.Text) {
		return malformed("release", "product or text")
	}
	if r.Number < 1 || r.Replaces < 0 || r.Replaces >= r.Number || r.From <= 0 || r.Until <= r.From {
		return malformed("release", "number or dates")
	}
	if len(r.Builds) == 0 || len(r.Builds) > 16 {
		return malformed("release", "builds")
	}
	for i, b := range r.Builds {
		if !systems.MatchString(b.System) || len(b.System) > 32 || !loa.IsHash(b.Hash) || b.Bytes < 1 || b.Bytes > MaxProgram {
			return malformed("release", "build")
		}
		if slices.ContainsFunc(r.Builds[:i], func(o Build) bool { return o.System == b.System }) {
			return malformed("release", "system")
		}
	}
	return nil
}

func (o Offer) check() error {
	if !loa.IsHash(o.Hash) || o.Share < 1 || o.Share > 100 {
		return malformed("beacon", "release")
	}
	return nil
}

func (b Beat) checkUpdate() error {
	known := []string{UpdateFetching, UpdateWaiting, UpdateProving, UpdateReturned, UpdateRefused}
	if b.Release == "" && b.Update == "" && b.UpdateWhy == "" {
		return nil
	}
	if !loa.IsHash(b.Release) || !slices.Contains(known, b.Update) || len(b.UpdateWhy) > 64 {
		return malformed("beat", "release")
	}
	return nil
}

// ReadRelease decodes and checks the bytes somebody is about to seal.
func ReadRelease(payload []byte) (Release, error) {
	return read[Release](seal.Opened{Type: ReleaseType, Payload: payload}, ReleaseType, seal.MaxDocument)
}

// OpenRelease verifies a sealed release for a place: keys with role release
// whose paths cover it, valid now (UTC milliseconds).
func OpenRelease(t *seal.Trust, b []byte, place loa.Path, now int64) (Release, error) {
	o, r, err := open[Release](b, ReleaseType, seal.MaxDocument)
	if err != nil {
		return r, err
	}
	return r, t.Check(o, seal.Need{Type: ReleaseType, Role: seal.Release, Paths: []loa.Path{place}, At: now})
}

// Program is what a box runs.
type Program struct {
	Product string `json:"product"`
	Number  int64  `json:"number"`
	System  string `json:"system"`
	Highest int64  `json:"highest"` // the highest number that ever proved itself on this box
}

// Install decides whether a release may replace a program now, and by which
// build. Nothing older than what ran here once comes back, whoever offers it; the
// newest itself may, where its file was lost.
func Install(r Release, p Program, now int64) (Build, error) {
	switch {
	case r.Product != p.Product:
		return Build{}, loa.Errorf(loa.Forbidden, "release.other_product", r.Product)
	case r.Number <= p.Number || r.Number < p.Highest:
		return Build{}, loa.Errorf(loa.Conflict, "release.old", r.Number, max(p.Number, p.Highest))
	case p.Number < r.Replaces:
		return Build{}, loa.Errorf(loa.Conflict, "release.steps", r.Replaces)
	case now < r.From || now >= r.Until:
		return Build{}, loa.Errorf(loa.Forbidden, "release.wrong_date")
	}
	i := slices.IndexFunc(r.Builds, func(b Build) bool { return b.System == p.System })
	if i < 0 {
		return Build{}, loa.Errorf(loa.NotFound, "release.wrong_system", p.System)
	}
	return r.Builds[i], nil
}

// Bucket is where a box stands in the order in which boxes get a release, 0–99:
// the first four bytes of the SHA-256 of "loa share v0\n", the device's id, a
// line feed and the release's hash, big-endian, modulo 100. So every release
// begins with other boxes, and nobody chooses which.
func Bucket(device, release string) int {
	h := sha256.Sum256([]byte("loa share v0\n" + device + "\n" + release))
	return int(binary.BigEndian.Uint32(h[:4]) % 100)
}

// Meant reports whether a box is among those an offer is for. A larger share
// takes in all of a smaller one.
func (o Offer) Meant(device string) bool { return Bucket(device, o.Hash) < o.Share }
