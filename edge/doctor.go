package edge

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// Finding is one thing the doctor looked at.
type Finding struct {
	Of   string // disk, box, clock, server, plan, sounds, receipts, output, microphone
	Says string
	Bad  bool
}

// Doctor says what a box holds and what is wrong with it. It changes nothing, so
// it may be asked while the agent runs.
func Doctor(ctx context.Context, cfg Config) []Finding {
	var all []Finding
	say := func(of string, bad bool, format string, args ...any) {
		all = append(all, Finding{Of: of, Says: fmt.Sprintf(format, args...), Bad: bad})
	}
	cfg, err := cfg.filled()
	if err != nil {
		say("settings", true, "%v", err)
		return all
	}
	d := folder(cfg.Dir)
	free := d.free()
	say("disk", free < reserveBytes, "%s: %d MiB free, at most %d MiB for sounds", cfg.Dir, free>>20, cfg.Cache>>20)
	whole := func(name string) (b []byte, bad string) {
		for range 5 { // an agent that runs may be between the two files
			s := slots{disk: d, name: name}
			b, err = s.load()
			if bad = ""; err != nil {
				bad = "both files are damaged"
			}
			for _, suffix := range slotNames {
				if raw, err := readFile(d, name+suffix); b != nil && (err != nil || !isSlot(raw, s.count)) {
					bad = name + suffix + " is damaged or behind; the other file holds"
				}
			}
			if bad == "" {
				break
			}
			<-cfg.Clock.After(100 * time.Millisecond)
		}
		return b, bad
	}
	id, bad := whole("identity")
	a := &agent{cfg: cfg, chain: seal.NewTrust, keep: &keep{disk: d, st: emptyState(), ram: map[string][]byte{}, bad: map[string]bool{}}}
	if bad != "" {
		say("disk", true, "identity: %s", bad)
	}
	if a.recall(id) != nil {
		say("box", true, "not enrolled: set LOA_CODE to a code from the officer's page and start the agent")
	} else {
		say("box", false, "%s, check digits %s, root %s", a.device, CheckDigits(a.key.Public), a.root.Fingerprint()[:16])
	}
	b, bad := whole("state")
	if bad != "" {
		say("disk", true, "state: %s", bad)
	}
	if b != nil {
		if a.keep.st, err = decodeState(b); err != nil {
			say("disk", true, "state: %v", err)
			a.keep.st = emptyState()
		}
	}
	st := a.keep.st
	a.clock = newClock(cfg.Clock, thisMachine(), st.Clock)
	a.client = newCarrier(a.keep, a.clock, cfg.Roots).node(cfg)
	at := time.UnixMicro(a.clock.micros()).In(loa.Zone()).Format("2006-01-02 15:04:05")
	say("clock", a.clock.state() == wire.ClockUnknown, "%s: %s (UTC+7), the machine's own is %.1f s off", a.clock.state(), at, float64(a.clock.offset())/1e6)

	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	switch doors, _, err := a.client.doors(ctx); {
	case cfg.Server == "":
		say("server", true, "LOA_SERVER is empty")
	case err != nil:
		say("server", true, "%s: %v", cfg.Server, err)
	default:
		say("server", false, "%s answers; doors for push: %s", cfg.Server, strings.Join(doors, " "))
	}
	a.looksAt(a.holds(say), say)
	return all
}

// isSlot reports whether a file holds the value with that counter.
func isSlot(b []byte, count uint64) bool {
	n, _, err := decodeSlot(b)
	return err == nil && n == count
}

// holds says what documents, sounds and lines lie on the disk, and whether the
// placement grants a microphone.
func (a *agent) holds(say func(of string, bad bool, format string, args ...any)) (mic bool) {
	st, now := a.keep.st, a.clock.millis()
	t, err := a.rebuild(a.pinned(), st.Trust, st.Epoch)
	if err != nil {
		t, err = seal.NewTrust(a.pinned(), nil, st.Epoch)
	}
	if err != nil {
		return false // not enrolled, and that was said
	}
	a.trust.Store(t)
	h, err := a.holdings()
	if err != nil {
		say("plan", true, "%v", err)
		return h.placement.LocalMic
	}
	say("box", h.placement.Revoked, "pole %s %s, %s, volume at most %d%%, microphone %t, taken away %t",
		h.placement.Code, h.placement.Name, h.placement.Paths[0], h.placement.Cap, h.placement.LocalMic, h.placement.Revoked)
	if st.Beacon.Number > 0 {
		age := time.Duration(now-st.Beacon.Time) * time.Millisecond
		say("plan", age > time.Hour, "last beacon %s ago, revocation epoch %d, %d policies %s", age.Round(time.Second), st.Epoch, len(h.policies), h.why)
	} else {
		say("plan", true, "no beacon was heard yet")
	}
	var ahead, lack, size int64
	next := ""
	for _, s := range h.plan.Slots {
		if _, done := st.Done[s.ID]; done || s.Start < now || !wire.MaybeForMe(s, h.placement) {
			continue
		}
		if ahead++; next == "" {
			next = time.UnixMilli(s.Start).In(loa.Zone()).Format("02/01 15:04")
		}
		b, ok := a.keep.doc(s.Warrant)
		if !ok {
			lack++
			continue
		}
		w, err := wire.OpenWarrant(t, b, s.Start)
		if err != nil {
			lack++
			continue
		}
		for _, m := range w.Media {
			if size += m.Bytes; !a.keep.hasMedia(m.Hash) {
				lack++
			}
		}
	}
	if st.Plan != "" {
		say("plan", h.plan.Until < now, "version %d, good until %s, %d slots ahead, the next %s", h.plan.Version,
			time.UnixMilli(h.plan.Until).In(loa.Zone()).Format("02/01 15:04"), ahead, next)
		say("sounds", lack > 0, "%d MiB for the slots ahead, %d documents or sounds lacking, %d left alone after the decoder failed", size>>20, lack, len(st.Broken))
	}
	r, err := openReceipts(a.keep)
	if err != nil {
		say("receipts", true, "%v", err)
		return h.placement.LocalMic
	}
	say("receipts", len(r.lines) > 1000, "%d lines wait for the node, which has %d", len(r.lines), r.through)
	return h.placement.LocalMic
}

// looksAt asks for the programs that make and take sound.
func (a *agent) looksAt(mic bool, say func(of string, bad bool, format string, args ...any)) {
	look := func(of string, args []string) {
		if len(args) == 0 {
			return
		}
		if name, err := exec.LookPath(args[0]); err != nil {
			say(of, true, "%s is not installed", args[0])
		} else {
			say(of, false, "%s %s", name, strings.Join(args[1:], " "))
		}
	}
	if p, ok := a.cfg.Output.(*Program); ok {
		look("output", p.Args)
	}
	look("amplifier", a.cfg.Amplifier.On)
	look("amplifier", a.cfg.Amplifier.Off)
	if mic {
		look("microphone", a.cfg.Mic)
		_, err := loadPIN(a.keep.disk)
		say("microphone", err != nil, "a PIN is set: %t", err == nil)
	}
}
