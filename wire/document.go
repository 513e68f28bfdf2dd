package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"loa"
	"loa/seal"
)

// Version is the version of the protocol. A receiver refuses any other.
const Version = 0

// Payload types, one per kind of document, so that a seal on one kind is none
// on another.
const (
	WarrantType   = "application/vnd.loa.warrant+json"
	PlanType      = "application/vnd.loa.plan+json"
	BeaconType    = "application/vnd.loa.beacon+json"
	PlacementType = "application/vnd.loa.placement+json"
	PolicyType    = "application/vnd.loa.policy+json"
	TimeType      = "application/vnd.loa.time+json"
	ReceiptType   = "application/vnd.loa.receipt+json"
	TokenType     = "application/vnd.loa.token+json"
	PhrasesType   = "application/vnd.loa.phrases+json"
	LogType       = "application/vnd.loa.log+json"
)

// MaxPlan is the size in bytes of the largest plan: 72 hours of a busy commune.
// Every other document keeps to seal.MaxDocument.
const MaxPlan = 128 << 10

// MaxReceipt is the size in bytes of the largest batch of receipt lines.
const MaxReceipt = 64 << 10

// Class is the level of a bulletin (Circular 39/2020/TT-BTTTT: normal,
// priority, emergency) or an exercise, which can never be mistaken for one.
type Class string

// The classes.
const (
	Normal    Class = "normal"
	Priority  Class = "priority"
	Emergency Class = "emergency"
	Exercise  Class = "exercise"
)

// Classes lists all classes, for delegations that cover every one.
func Classes() []string {
	return []string{string(Normal), string(Priority), string(Emergency), string(Exercise)}
}

// Role is what a warrant is for when it is no bulletin: the standing items of a
// session, and the sound a pole is tried with. In national mourning speakers
// leave out music. Only class normal has roles.
type Role string

// The roles.
const (
	NoRole    Role = "" // a bulletin
	Tune      Role = "tune"
	Greeting  Role = "greeting"
	Music     Role = "music"
	Goodbye   Role = "goodbye"
	TestSound Role = "test"
)

// Point is a coordinate in integer microdegrees (WGS 84), so that two devices
// never round differently.
type Point struct {
	Lat int64 `json:"lat"`
	Lon int64 `json:"lon"`
}

// onEarth reports whether the coordinates exist; the test whether a point lies
// in an area overflows for others.
func (p Point) onEarth() bool {
	return p.Lat >= -90_000_000 && p.Lat <= 90_000_000 && p.Lon >= -180_000_000 && p.Lon <= 180_000_000
}

// Area narrows a place to a polygon of 3 to 32 points or a circle with a radius
// in metres; exactly one of the two.
type Area struct {
	Polygon []Point `json:"polygon,omitempty"`
	Centre  *Point  `json:"centre,omitempty"`
	Radius  int64   `json:"radius,omitempty"`
}

// Place is one entry of a scope.
type Place struct {
	Path loa.Path `json:"path"`
	Area *Area    `json:"area,omitempty"`
}

// Media is one sound of a warrant: the SHA-256 of its bytes, how many they are,
// how long they sound in milliseconds, their form ("mp3-64-32-1", the canonical
// form that CheckFrames knows), and the language spoken (BCP 47), "" if nobody
// said.
type Media struct {
	Hash  string `json:"hash"`
	Bytes int64  `json:"bytes"`
	MS    int64  `json:"ms"`
	Form  string `json:"form"`
	Lang  string `json:"lang,omitempty"`
}

// CanonicalForm is the only media form of version 0.
const CanonicalForm = "mp3-64-32-1"

// Kind is what a warrant has a device do.
type Kind string

// The kinds of warrants.
const (
	Play   Kind = "play"    // sound its media
	Phrase Kind = "phrase"  // sound cached phrases, with nothing to fetch: phrase.go
	Stream Kind = "stream"  // relay a mount of the device's own node: stream.go
	Stop   Kind = "stop"    // silence the warrants it names
	Set    Kind = "setting" // set the box: setting.go
)

// Warrant (lệnh phát) is the promise of an authority: what may sound, where,
// between when, how often. Emergencies, exercises, stops, settings and live
// sound carry Now and a sequence number, act on arrival and need no plan.
type Warrant struct {
	V        int             `json:"v"`
	Kind     Kind            `json:"kind"`
	ID       string          `json:"id"`
	Class    Class           `json:"class"`
	Role     Role            `json:"role,omitempty"`
	Issuer   loa.Path        `json:"issuer"` // the unit that speaks
	Author   string          `json:"author"` // person id; never among those who approve
	Title    string          `json:"title"`  // for logs and displays, 200 bytes at most
	Scope    []Place         `json:"scope"`
	From     int64           `json:"from"`  // UTC ms
	Until    int64           `json:"until"` // UTC ms
	Media    []Media         `json:"media,omitempty"`
	Hazard   string          `json:"hazard,omitempty"`    // play, urgent: id of the phrase that stands in for its media
	Phrases  []string        `json:"phrases,omitempty"`   // phrase: ids, one after the other
	Mount    string          `json:"mount,omitempty"`     // stream: a name on the device's own node
	Length   int64           `json:"length,omitempty"`    // stream: how long at most, ms
	Setting  *Setting        `json:"setting,omitempty"`   // setting
	Poles    []string        `json:"poles,omitempty"`     // setting: public codes, these poles only
	Stops    []string        `json:"stops,omitempty"`     // hashes of warrants a stop silences
	PlaysDay int             `json:"plays_day,omitempty"` // at most, per local day
	Plays    int             `json:"plays,omitempty"`     // at most, in all
	Cap      int             `json:"cap,omitempty"`       // volume in percent it never exceeds
	Event    string          `json:"event,omitempty"`     // joins warrants of one event
	Now      bool            `json:"now"`
	Seq      int64           `json:"seq,omitempty"`    // with Now: rises per issuer
	Speech   string          `json:"speech,omitempty"` // "synthetic" or "recorded"
	Approval string          `json:"approval"`         // "passkey" or "weak"
	Ignore   json.RawMessage `json:"ignorable,omitempty"`
}

// Slot is one start in a plan. ID is the slot's own and stays the same in every
// later plan, so a device that played it knows.
type Slot struct {
	ID      string     `json:"id"`
	Warrant string     `json:"warrant"`         // hash of the warrant's envelope
	Start   int64      `json:"start"`           // UTC ms
	Scope   []loa.Path `json:"scope,omitempty"` // narrower than the warrant's
	Poles   []string   `json:"poles,omitempty"` // public codes: these poles only
	Repeat  int        `json:"repeat,omitempty"`
}

// Mute (tạm ngưng) keeps one pole silent for a while: a funeral, an exam. It
// takes away and never authorises, so the plan may carry it; an emergency
// sounds all the same.
type Mute struct {
	Pole  string `json:"pole"`  // public code
	From  int64  `json:"from"`  // UTC ms
	Until int64  `json:"until"` // UTC ms
}

// Plan (lịch phát) is the complete list of slots of one commune for the coming
// 72 hours. A higher version replaces it whole; a slot missing from it is
// dropped.
type Plan struct {
	V       int             `json:"v"`
	Kind    string          `json:"kind"`
	Path    loa.Path        `json:"path"`
	Version int64           `json:"version"`
	Made    int64           `json:"made"`
	Until   int64           `json:"until"` // good until, UTC ms
	Slots   []Slot          `json:"slots"`
	Mutes   []Mute          `json:"mutes,omitempty"`
	Ignore  json.RawMessage `json:"ignorable,omitempty"`
}

// Beacon (nhịp) says what is current in a commune; it is the doorbell. Its key
// can delay but never make a sound.
type Beacon struct {
	V           int             `json:"v"`
	Kind        string          `json:"kind"`
	Path        loa.Path        `json:"path"`
	Number      int64           `json:"number"` // rises; a lower one is old
	Time        int64           `json:"time"`   // UTC ms
	Plan        string          `json:"plan,omitempty"`
	PlanVersion int64           `json:"plan_version"`
	Now         []string        `json:"now"`               // hashes of live now warrants
	Policies    []string        `json:"policies"`          // hashes, the country's first
	Trust       []string        `json:"trust"`             // hashes of delegations
	Phrases     string          `json:"phrases,omitempty"` // hash of the phrase set
	Root        string          `json:"root,omitempty"`    // fingerprint of the root all this hangs from
	Placements  int64           `json:"placements"`        // rises when any placement of the commune changes
	Epoch       int64           `json:"epoch"`             // revocation epoch
	Mark        int64           `json:"mark"`              // highest now sequence number issued
	Release     *Offer          `json:"release,omitempty"`
	Ignore      json.RawMessage `json:"ignorable,omitempty"`
}

// Placement says where a device stands, which key is its own and how loud it
// may be. It is sealed per device when an officer confirms the enrolment.
type Placement struct {
	V        int             `json:"v"`
	Kind     string          `json:"kind"`
	Device   string          `json:"device"` // id of the box
	Pole     string          `json:"pole"`   // id of the pole
	Code     string          `json:"code"`   // the pole's short public code
	Name     string          `json:"name"`
	Key      string          `json:"key"` // base64 of the device's public key
	Version  int64           `json:"version"`
	Paths    []loa.Path      `json:"paths"` // the first is the pole's own place
	At       *Point          `json:"at,omitempty"`
	Cap      int             `json:"cap"`               // volume in percent it never exceeds, an emergency neither
	Volumes  []Volume        `json:"volumes,omitempty"` // lower at times
	Hours    []Hours         `json:"hours,omitempty"`   // narrower hours of a school, a hospital, a pagoda; none: the policies' alone
	LocalMic bool            `json:"local_mic"`
	Revoked  bool            `json:"revoked"` // the box was taken away: nothing sounds
	Ignore   json.RawMessage `json:"ignorable,omitempty"`
}

// Hours are the minutes of local time (UTC+7) in which normal and priority
// bulletins may sound on the given weekdays: 1 is Monday, 7 Sunday.
type Hours struct {
	Days  []int `json:"days"`
	From  int   `json:"from"`  // minutes after midnight
	Until int   `json:"until"` // minutes after midnight, at most 1440
}

// Volume is the volume in percent that is not exceeded between two minutes of
// local time, every day.
type Volume struct {
	From    int `json:"from"`  // minutes after midnight
	Until   int `json:"until"` // minutes after midnight, at most 1440
	Percent int `json:"percent"`
}

// Span is from one moment to before another, UTC milliseconds.
type Span struct {
	From  int64 `json:"from"`
	Until int64 `json:"until"`
}

// Exception opens the hours of one policy once: New Year's Eve, an election.
type Exception struct {
	From   int64  `json:"from"`  // UTC ms
	Until  int64  `json:"until"` // UTC ms, MaxException after From at most
	Reason string `json:"reason"`
}

// MaxException is how long, in milliseconds, an exception lasts at most, so that
// none becomes the rule.
const MaxException = 12 * 60 * 60_000

// Policy is the rule of a place; the effective rule of a device is the
// intersection of those along its path. Without any, only emergencies sound.
type Policy struct {
	V          int             `json:"v"`
	Kind       string          `json:"kind"`
	Path       loa.Path        `json:"path"`
	Version    int64           `json:"version"`
	Hours      []Hours         `json:"hours"`
	Volume     int             `json:"volume"`            // percent at most
	Volumes    []Volume        `json:"volumes,omitempty"` // lower at times: the night
	Exceptions []Exception     `json:"exceptions,omitempty"`
	Mourning   []Span          `json:"mourning,omitempty"` // music is silent inside
	From       int64           `json:"from"`
	Until      int64           `json:"until"`
	Ignore     json.RawMessage `json:"ignorable,omitempty"`
}

// Result is how a slot ended on a device.
type Result string

// The results.
const (
	Played  Result = "played"  // to its end
	Partly  Result = "partly"  // broken off: power, decoder, restart
	Stopped Result = "stopped" // by a stop warrant or a higher bulletin
	Refused Result = "refused" // the device would not; Why says
	Missed  Result = "missed"  // its minute passed while the device was off
)

// Line is one playback as the device wrote it down before telling anyone.
type Line struct {
	N        int64  `json:"n"` // rises by one per device
	Slot     string `json:"slot"`
	Warrant  string `json:"warrant"`
	Planned  int64  `json:"planned"` // UTC ms
	Started  int64  `json:"started"` // UTC ms at the agent's output, 0 if nothing sounded
	MS       int64  `json:"ms"`      // how long it sounded
	SkewUS   int64  `json:"skew_us"` // started − planned at the output, microseconds
	Volume   int    `json:"volume"`
	Result   Result `json:"result"`
	Why      string `json:"why,omitempty"`
	Clock    string `json:"clock"`    // trusted, degraded, unknown
	Verified bool   `json:"verified"` // seal and audio hash were checked on the device
}

// Receipt (xác nhận đã phát) is a batch of lines sealed by the device's key.
type Receipt struct {
	V      int             `json:"v"`
	Kind   string          `json:"kind"`
	Device string          `json:"device"`
	At     int64           `json:"at"`
	Lines  []Line          `json:"lines"`
	Ignore json.RawMessage `json:"ignorable,omitempty"`
}

// Ack answers a receipt: the highest number up to which the node holds every
// line of the device. The device repeats what lies above.
type Ack struct {
	Through int64 `json:"through"`
}

// Beat is how a device is, once a minute, and at once when what it does
// changes. It is evidence of nothing: the receipt is.
type Beat struct {
	V        int    `json:"v"`
	Kind     string `json:"kind"`
	Device   string `json:"device"`
	At       int64  `json:"at"`
	State    string `json:"state"` // idle, accepted, sounding, refused, finished
	Slot     string `json:"slot,omitempty"`
	Warrant  string `json:"warrant,omitempty"`
	Why      string `json:"why,omitempty"`
	Volume   int    `json:"volume"`
	DiskFree int64  `json:"disk_free"` // bytes
	OffsetUS int64  `json:"offset_us"` // how far the machine's clock is from the node's
	Clock    string `json:"clock"`
	Plan     int64  `json:"plan"` // version held
	Version  string `json:"version"`
	Uptime   int64  `json:"uptime"` // seconds

	// What became of the release a beacon offered; left out without one.
	Release   string `json:"release,omitempty"` // its hash
	Update    string `json:"update,omitempty"`  // fetching, waiting, proving, returned, refused
	UpdateWhy string `json:"update_why,omitempty"`
}

// Token signs a device in: sealed by its key, dated by the node's time, used once.
type Token struct {
	V      int    `json:"v"`
	Kind   string `json:"kind"`
	Device string `json:"device"`
	At     int64  `json:"at"` // UTC ms by the node's clock
	Nonce  string `json:"nonce"`
}

// TokenLife is how far, in milliseconds, a token's date may lie from the
// node's clock.
const TokenLife = 60_000

// Time answers a nonce with the node's clock when the question came in and when
// the answer left, UTC microseconds.
type Time struct {
	V        int    `json:"v"`
	Kind     string `json:"kind"`
	Nonce    string `json:"nonce"`
	Received int64  `json:"received"`
	Sent     int64  `json:"sent"`
}

func malformed(kind, what string) error {
	return loa.Errorf(loa.Invalid, kind+".malformed", what)
}

func head(v int, kind, want string) error {
	if v != Version {
		return loa.Errorf(loa.Invalid, "document.version", v)
	}
	if kind != want {
		return loa.Errorf(loa.Invalid, "document.kind", kind)
	}
	return nil
}

// CheckScope checks that a scope has 1 to 64 well-formed entries. There is no
// "everywhere" by omission.
func CheckScope(scope []Place) error {
	if len(scope) == 0 {
		return loa.Errorf(loa.Invalid, "scope.empty")
	}
	if len(scope) > 64 {
		return loa.Errorf(loa.Invalid, "scope.too_many", len(scope))
	}
	for _, p := range scope {
		if _, err := loa.ParsePath(string(p.Path)); err != nil {
			return err
		}
		if p.Area == nil {
			continue
		}
		a := p.Area
		polygon := len(a.Polygon) >= 3 && len(a.Polygon) <= 32 && a.Centre == nil && a.Radius == 0
		circle := len(a.Polygon) == 0 && a.Centre != nil && a.Radius > 0 && a.Radius <= 100_000
		if polygon == circle {
			return malformed("scope", "area")
		}
		points := a.Polygon
		if circle {
			points = []Point{*a.Centre}
		}
		for i, pt := range points {
			if !pt.onEarth() {
				return malformed("scope", "point")
			}
			// An edge more than half way round is one over the date line, which a
			// flat test would read the wrong way round.
			if before := points[(i+len(points)-1)%len(points)]; max(pt.Lon-before.Lon, before.Lon-pt.Lon) > 180_000_000 {
				return malformed("scope", "date line")
			}
		}
	}
	return nil
}

// Check says what is wrong with a warrant's own content, before any seal.
func (w Warrant) Check() error {
	if w.V != Version {
		return loa.Errorf(loa.Invalid, "document.version", w.V)
	}
	if !slices.Contains([]Kind{Play, Phrase, Stream, Stop, Set}, w.Kind) {
		return loa.Errorf(loa.Invalid, "document.kind", string(w.Kind))
	}
	if !loa.IsID(w.ID) {
		return malformed("warrant", "id")
	}
	if !slices.Contains(Classes(), string(w.Class)) {
		return malformed("warrant", "class")
	}
	if _, err := loa.ParsePath(string(w.Issuer)); err != nil {
		return err
	}
	if err := CheckScope(w.Scope); err != nil {
		return err
	}
	if w.Author == "" || len(w.Author) > 64 || len(w.Title) > 200 || !utf8.ValidString(w.Title) {
		return malformed("warrant", "author or title")
	}
	if w.From <= 0 || w.Until <= w.From {
		return malformed("warrant", "from, until")
	}
	if w.Approval != "passkey" && w.Approval != "weak" {
		return malformed("warrant", "approval")
	}
	if w.Approval == "weak" && w.Class != Normal {
		return loa.Errorf(loa.Forbidden, "warrant.weak_approval", string(w.Class))
	}
	if w.Role != NoRole && (w.Class != Normal || w.Kind != Play ||
		!slices.Contains([]Role{Tune, Greeting, Music, Goodbye, TestSound}, w.Role)) {
		return malformed("warrant", "role")
	}
	if w.Now != (w.Seq > 0) {
		return malformed("warrant", "now without number")
	}
	if other := w.foreign(); other != "" {
		return malformed("warrant", other)
	}
	switch w.Kind {
	case Phrase:
		return w.checkPhrase()
	case Stream:
		return w.checkStream()
	case Stop:
		return w.checkStop()
	case Set:
		return w.checkSetting()
	default:
		return w.checkPlay()
	}
}

// urgent reports whether a class acts on arrival whatever the kind.
func (c Class) urgent() bool { return c == Emergency || c == Exercise }

// foreign names a field that belongs to another kind, "" if there is none: a
// field without a meaning is one that two readers may understand differently.
func (w Warrant) foreign() string {
	for _, f := range []struct {
		name  string
		there bool
		kinds []Kind
	}{
		{"media", len(w.Media) > 0, []Kind{Play}},
		{"hazard", w.Hazard != "", []Kind{Play}},
		{"speech", w.Speech != "", []Kind{Play, Stop}}, // of a stop it was never asked
		{"phrases", len(w.Phrases) > 0, []Kind{Phrase}},
		{"mount or length", w.Mount != "" || w.Length != 0, []Kind{Stream}},
		{"setting or poles", w.Setting != nil || len(w.Poles) > 0, []Kind{Set}},
		{"stops", len(w.Stops) > 0, []Kind{Stop}},
		{"plays", w.Plays != 0 || w.PlaysDay != 0, []Kind{Play, Stream}},
		{"cap", w.Cap != 0, []Kind{Play, Phrase, Stream, Stop}},
	} {
		if f.there && !slices.Contains(f.kinds, w.Kind) {
			return f.name
		}
	}
	return ""
}

func (w Warrant) checkStop() error {
	if !w.Now {
		return malformed("warrant", "stop")
	}
	if len(w.Stops) == 0 || len(w.Stops) > 16 {
		return malformed("warrant", "stops")
	}
	for _, h := range w.Stops {
		if !loa.IsHash(h) {
			return malformed("warrant", "stops")
		}
	}
	return nil
}

func (w Warrant) checkPlay() error {
	if w.Class.urgent() != w.Now {
		return malformed("warrant", "now")
	}
	if len(w.Media) == 0 || len(w.Media) > 4 || slices.ContainsFunc(w.Media, Media.malformed) {
		return malformed("warrant", "media")
	}
	if w.Hazard != "" && (!w.Class.urgent() || !isHazard(w.Hazard)) {
		return malformed("warrant", "hazard")
	}
	if err := w.checkPlays(); err != nil {
		return err
	}
	if w.Speech != "synthetic" && w.Speech != "recorded" {
		return malformed("warrant", "speech")
	}
	return nil
}

func (w Warrant) checkPlays() error {
	if w.PlaysDay < 1 || w.PlaysDay > 100 || w.Plays < w.PlaysDay || w.Plays > 10_000 || w.Cap < 1 || w.Cap > 100 {
		return malformed("warrant", "plays or cap")
	}
	return nil
}

func (m Media) malformed() bool {
	return !loa.IsHash(m.Hash) || m.Bytes <= 0 || m.Bytes > 64<<20 || m.MS <= 0 || m.MS > maxFrames*36 || !isLang(m.Lang)
}

// isLang reports whether s is empty or has the form of a BCP 47 tag: a language
// of two or three lower-case letters, then subtags of up to eight letters or
// digits, of ASCII: in Unicode "İ" in lower case is "i", to some readers.
func isLang(s string) bool {
	if len(s) > 35 {
		return false
	}
	for i, part := range strings.Split(s, "-") {
		if i == 0 && s != "" && (len(part) < 2 || len(part) > 3 || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") != "") {
			return false
		}
		if i > 0 && (part == "" || len(part) > 8 ||
			strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "") {
			return false
		}
	}
	return true
}

// Paths lists the paths of the warrant's scope and its issuer: everything its
// seal must cover.
func (w Warrant) Paths() []loa.Path {
	all := []loa.Path{w.Issuer}
	for _, p := range w.Scope {
		all = append(all, p.Path)
	}
	return all
}

// MS is how long the warrant's media sounds once, in milliseconds; a stream as
// long as it may. How long phrases are only the set says: Cue.
func (w Warrant) MS() int64 {
	ms := w.Length
	for _, m := range w.Media {
		ms += m.MS
	}
	return ms
}

// Check says what is wrong with a plan's own content.
func (p Plan) Check() error {
	if err := head(p.V, p.Kind, "plan"); err != nil {
		return err
	}
	if _, err := loa.ParsePath(string(p.Path)); err != nil {
		return err
	}
	if p.Version < 1 || p.Made <= 0 || p.Until <= p.Made || len(p.Slots) > 1000 {
		return malformed("plan", "version or dates")
	}
	seen := map[string]bool{}
	for _, s := range p.Slots {
		if s.ID == "" || len(s.ID) > 64 || seen[s.ID] || !loa.IsHash(s.Warrant) || s.Start <= 0 || s.Repeat < 0 || s.Repeat > 3 {
			return malformed("plan", "slot "+s.ID)
		}
		seen[s.ID] = true
		if len(s.Poles) > 64 || slices.ContainsFunc(s.Poles, notCode) {
			return malformed("plan", "poles of slot "+s.ID)
		}
		for _, q := range s.Scope {
			if _, err := loa.ParsePath(string(q)); err != nil {
				return err
			}
		}
	}
	if len(p.Mutes) > 256 {
		return malformed("plan", "mutes")
	}
	for _, m := range p.Mutes {
		if notCode(m.Pole) || m.From <= 0 || m.Until <= m.From {
			return malformed("plan", "mute of "+m.Pole)
		}
	}
	return nil
}

// MaxCode is how long, in bytes, a pole's public code is at most.
const MaxCode = 32

func notCode(s string) bool { return s == "" || len(s) > MaxCode }

// Check says what is wrong with a beacon's own content.
func (b Beacon) Check() error {
	if err := head(b.V, b.Kind, "beacon"); err != nil {
		return err
	}
	if _, err := loa.ParsePath(string(b.Path)); err != nil {
		return err
	}
	if b.Number < 1 || b.Time <= 0 || len(b.Now) > 32 || len(b.Policies) > 8 || len(b.Trust) > 12 {
		return malformed("beacon", "number, time or lists")
	}
	for _, list := range [][]string{b.Now, b.Policies, b.Trust} {
		for _, h := range list {
			if !loa.IsHash(h) {
				return malformed("beacon", "hash")
			}
		}
	}
	for _, h := range []string{b.Plan, b.Phrases, b.Root} {
		if h != "" && !loa.IsHash(h) {
			return malformed("beacon", "plan, phrases or root")
		}
	}
	if b.Release != nil {
		return b.Release.check()
	}
	return nil
}

// Check says what is wrong with a placement's own content.
func (p Placement) Check() error {
	if err := head(p.V, p.Kind, "placement"); err != nil {
		return err
	}
	if !loa.IsID(p.Device) || !loa.IsID(p.Pole) || p.Version < 1 || p.Cap < 1 || p.Cap > 100 {
		return malformed("placement", "device, pole, version or cap")
	}
	if p.At != nil && !p.At.onEarth() {
		return malformed("placement", "at")
	}
	if len(p.Code) > MaxCode || len(p.Hours) > 8 || !areHours(p.Hours) || len(p.Volumes) > 8 || !areVolumes(p.Volumes) {
		return malformed("placement", "code, hours or volumes")
	}
	if len(p.Paths) == 0 || len(p.Paths) > 16 {
		return malformed("placement", "paths")
	}
	for _, q := range p.Paths {
		if _, err := loa.ParsePath(string(q)); err != nil {
			return err
		}
		if q.Commune() == "" || q.Commune() != p.Paths[0].Commune() {
			return malformed("placement", "paths of two communes")
		}
	}
	_, err := seal.DecodePublic(p.Key)
	return err
}

// Check says what is wrong with a policy's own content.
func (p Policy) Check() error {
	if err := head(p.V, p.Kind, "policy"); err != nil {
		return err
	}
	if _, err := loa.ParsePath(string(p.Path)); err != nil {
		return err
	}
	if p.Version < 1 || p.Volume < 0 || p.Volume > 100 || p.From >= p.Until || len(p.Hours) > 32 {
		return malformed("policy", "version, volume or dates")
	}
	if !areHours(p.Hours) || len(p.Volumes) > 8 || !areVolumes(p.Volumes) {
		return malformed("policy", "hours or volumes")
	}
	if len(p.Exceptions) > 8 || len(p.Mourning) > 8 {
		return malformed("policy", "exceptions or mourning")
	}
	for _, e := range p.Exceptions {
		if e.From <= 0 || e.Until <= e.From || e.Until-e.From > MaxException || e.Reason == "" || len(e.Reason) > 120 {
			return malformed("policy", "exception")
		}
	}
	for _, m := range p.Mourning {
		if m.From <= 0 || m.Until <= m.From {
			return malformed("policy", "mourning")
		}
	}
	return nil
}

func areHours(all []Hours) bool {
	for _, h := range all {
		if len(h.Days) == 0 || len(h.Days) > 7 || h.From < 0 || h.Until > 1440 || h.From >= h.Until {
			return false
		}
		for _, d := range h.Days {
			if d < 1 || d > 7 {
				return false
			}
		}
	}
	return true
}

func areVolumes(all []Volume) bool {
	return !slices.ContainsFunc(all, func(v Volume) bool {
		return v.From < 0 || v.Until > 1440 || v.From >= v.Until || v.Percent < 1 || v.Percent > 100
	})
}

// Check says what is wrong with a receipt's own content.
func (r Receipt) Check() error {
	if err := head(r.V, r.Kind, "receipt"); err != nil {
		return err
	}
	if !loa.IsID(r.Device) || len(r.Lines) == 0 || len(r.Lines) > 100 {
		return malformed("receipt", "device or lines")
	}
	for i, l := range r.Lines {
		if l.N < 1 || i > 0 && l.N != r.Lines[i-1].N+1 || !loa.IsHash(l.Warrant) || len(l.Slot) > 64 || len(l.Why) > 64 {
			return malformed("receipt", "line")
		}
		if !slices.Contains([]Result{Played, Partly, Stopped, Refused, Missed}, l.Result) {
			return malformed("receipt", "result")
		}
		if l.Clock != ClockTrusted && l.Clock != ClockDegraded && l.Clock != ClockUnknown || l.MS < 0 || l.Started < 0 {
			return malformed("receipt", "clock or length")
		}
	}
	return nil
}

// Check says what is wrong with a beat.
func (b Beat) Check() error {
	if err := head(b.V, b.Kind, "beat"); err != nil {
		return err
	}
	if !loa.IsID(b.Device) || len(b.Slot) > 64 || len(b.Why) > 64 || len(b.Version) > 64 {
		return malformed("beat", "device")
	}
	if b.Warrant != "" && !loa.IsHash(b.Warrant) {
		return malformed("beat", "warrant")
	}
	if !slices.Contains([]string{"idle", "accepted", "sounding", "refused", "finished"}, b.State) {
		return malformed("beat", "state")
	}
	if b.Clock != ClockTrusted && b.Clock != ClockDegraded && b.Clock != ClockUnknown {
		return malformed("beat", "clock")
	}
	return b.checkUpdate()
}

// Check says what is wrong with a token's own content.
func (t Token) Check() error {
	if err := head(t.V, t.Kind, "token"); err != nil {
		return err
	}
	if !loa.IsID(t.Device) || t.At <= 0 || len(t.Nonce) < 16 || len(t.Nonce) > 64 {
		return malformed("token", "device, date or nonce")
	}
	return nil
}

// Check says what is wrong with a time's own content.
func (t Time) Check() error {
	if err := head(t.V, t.Kind, "time"); err != nil {
		return err
	}
	if len(t.Nonce) < 16 || len(t.Nonce) > 64 || t.Received <= 0 || t.Sent < t.Received {
		return malformed("time", "nonce or times")
	}
	return nil
}

// The states of a device's clock.
const (
	ClockTrusted  = "trusted"  // set from a sealed time within a day
	ClockDegraded = "degraded" // running on since then
	ClockUnknown  = "unknown"  // never set since the device started
)

// Encode writes a document as JSON. The bytes are what gets sealed; nobody
// serialises them again.
func Encode(doc any) ([]byte, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return b, nil
}

// Approval is a WebAuthn assertion (W3C Web Authentication level 2, section
// 7.2) whose challenge is the SHA-256 of exactly the payload to be sealed. It
// travels from the page to the signer, which alone believes it. Every field is
// base64url without padding, as browsers give it.
//
// With Batch the challenge is the SHA-256 of a batch that names this payload
// among others. With Grant the person approves under somebody's grant, named by
// the hash of its bytes, and not by a duty of their own; nothing is lost if a
// liar puts it there, since the signer checks the grant against this person.
type Approval struct {
	Credential        string `json:"credential"` // credential id
	AuthenticatorData string `json:"authenticator_data"`
	ClientData        string `json:"client_data"`
	Signature         string `json:"signature"`
	Batch             []byte `json:"batch,omitempty"`
	Grant             string `json:"grant,omitempty"`
}
