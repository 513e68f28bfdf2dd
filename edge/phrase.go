package edge

// Beside the line: phrases. A set comes like a policy, its sounds ahead of any
// need; an alarm then begins from the disk while its own sound is still on its
// way, and the hazard's phrase stands in for a sound that does not come.

import (
	"context"
	"maps"
	"sync"
	"time"

	"loa"
	"loa/wire"
)

// phrases is what the state knows of phrase sets.
type phrases struct {
	Hash     string             `json:"hash,omitempty"` // of the set that is used: every sound of it was whole once
	Next     string             `json:"next,omitempty"` // of the one that is being fetched
	Epoch    int64              `json:"epoch,omitempty"`
	Versions map[loa.Path]int64 `json:"versions,omitempty"` // highest taken
}

// takePhrases takes the set a beacon names: sealed, for our place, not older than
// one before. It is used once its sounds are here; until then the last one is.
func (a *agent) takePhrases(ctx context.Context, hash string) error {
	commune, err := a.commune()
	if err != nil {
		return err
	}
	b, err := a.document(ctx, hash)
	if err != nil {
		return err
	}
	s, err := a.papers.Phrases(a.trust.Load(), b, a.clock.millis())
	if err != nil {
		return err
	}
	now := a.clock.millis()
	switch have := a.keep.now().Phrases.Versions[s.Path]; {
	case !s.Path.Covers(commune):
		return loa.Errorf(loa.Forbidden, "seal.wrong_path", string(s.Path))
	case s.Version < have:
		return loa.Errorf(loa.Conflict, "phrases.old", s.Version, have)
	case now < s.From || now >= s.Until:
		return loa.Errorf(loa.Conflict, "phrases.wrong_date")
	}
	return a.keep.update(func(st *state) {
		versions := maps.Clone(st.Phrases.Versions)
		if versions == nil {
			versions = map[loa.Path]int64{}
		}
		versions[s.Path] = s.Version
		st.Phrases.Next, st.Phrases.Versions = hash, versions
	})
}

// phraseSounds lists the sounds of the set in use and of the next, and names them
// and the sets as needed: a full disk gives up anything else first.
func (a *agent) phraseSounds(needed map[string]bool) (all []wire.Media) {
	st := a.keep.now()
	for _, hash := range []string{st.Phrases.Hash, st.Phrases.Next} {
		s, err := a.phrasesBy(hash)
		if err != nil {
			continue
		}
		needed[hash] = true
		for _, e := range s.Entries {
			needed[e.Media.Hash] = true
			all = append(all, e.Media)
		}
	}
	return all
}

// usePhrases puts the next set to use once every sound of it is here, whole.
func (a *agent) usePhrases() error {
	next := a.keep.now().Phrases.Next
	if next == "" {
		return nil
	}
	s, err := a.phrasesBy(next)
	if err != nil {
		return err
	}
	for _, e := range s.Entries {
		src, err := a.keep.source([]wire.Media{e.Media}, 0)
		if err != nil {
			return err
		}
		src.close()
	}
	return a.keep.update(func(st *state) {
		if st.Phrases.Next == next {
			st.Phrases.Hash, st.Phrases.Next, st.Phrases.Epoch = next, "", st.Epoch
		}
	})
}

// phrasesBy reads a set on disk. Its seal was checked when it was taken, and its
// delegation may end while no node is there to give another: a siren does not
// wait for that. But after keys were revoked the seal must hold again.
func (a *agent) phrasesBy(hash string) (s wire.PhraseSet, err error) {
	b, ok := a.keep.doc(hash)
	if !ok {
		return s, loa.Errorf(loa.Unavailable, "phrase.missing")
	}
	if st := a.keep.now(); hash == st.Phrases.Hash && st.Epoch > st.Phrases.Epoch {
		return a.papers.Phrases(a.trust.Load(), b, a.clock.millis())
	}
	return a.papers.PeekPhrases(b)
}

// shelf opens phrases of the set in use as they are asked for.
type shelf struct {
	keep *keep
	set  wire.PhraseSet
}

func (a *agent) shelf() shelf {
	s, err := a.phrasesBy(a.keep.now().Phrases.Hash)
	if err != nil {
		s = wire.PhraseSet{}
	}
	return shelf{a.keep, s}
}

// has reports whether a phrase is on disk, whole.
func (s shelf) has(id string) bool {
	src, err := s.open(id)
	if err != nil {
		return false
	}
	src.close()
	return true
}

func (s shelf) open(id string) (*source, error) {
	e, ok := s.set.Entry(id)
	if !ok {
		return nil, loa.Errorf(loa.Unavailable, "phrase.missing")
	}
	return s.keep.source([]wire.Media{e.Media}, 0)
}

// ms is how long a now warrant sounds with everything in place: what policy is
// asked about.
func (s shelf) ms(w wire.Warrant) int64 {
	ms := w.MS()
	steps, _ := wire.Cue(w, func(id string) bool { _, ok := s.set.Entry(id); return ok }, true)
	for _, id := range steps {
		if e, ok := s.set.Entry(id); ok {
			ms += e.Media.MS
		}
	}
	return ms
}

// later is the media of an alarm that has begun without it.
type later struct {
	mu      sync.Mutex
	ready   *source
	instead *source // the hazard's phrase, or nothing
	taken   bool
	absent  bool          // it was taken before the media came
	trouble trouble       // why it is not here
	ended   chan struct{} // closed when the job is over
}

// put hands the media over, and reports whether it comes in time.
func (l *later) put(s *source) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken {
		return false
	}
	l.ready = s
	return true
}

// take is what sounds when the siren ends: the media, or what stands in for it.
func (l *later) take() []part {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken {
		return nil
	}
	l.taken = true
	use, spare := l.ready, l.instead
	if use == nil {
		use, spare, l.absent = l.instead, nil, true
	}
	if spare != nil {
		spare.close()
	}
	if use == nil {
		return nil
	}
	return use.parts
}

// close lets go of what was never taken.
func (l *later) close() { (&source{parts: l.take()}).close() }

// missed reports whether the media was not there when it was to sound.
func (l *later) missed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.absent
}

// urgentWait is how long an alarm without a siren on disk waits for its media
// before a phrase stands in for it.
const urgentWait = 10 * time.Second

// cue makes the sound of a now warrant: what is on disk at once, and what has to
// come as wire.Cue says. An error that may pass has the caller try again.
func (a *agent) cue(ctx context.Context, j *job) (err error) {
	w, on := j.warrant, a.shelf()
	whole, lack := true, mediaMissing
	var media *source
	if w.Kind == wire.Play && (w.Hazard == "" || a.here(w)) {
		if err := a.bringUrgent(ctx, w); err != nil {
			return err
		}
		media, err = a.keep.source(w.Media, 0)
		if err != nil && w.Hazard == "" {
			return err
		}
		whole = err == nil
		if loa.KeyOf(err) == "media.quarantined" {
			lack = mediaQuarantined
		}
	} else if w.Kind == wire.Play {
		whole = false
	}
	defer func() {
		if err != nil && media != nil {
			media.close()
		}
	}()
	opening, why := wire.Cue(w, on.has, true)
	if why != "" {
		return loa.Errorf(loa.Unavailable, why)
	}
	src := &source{}
	for _, step := range opening {
		var more *source
		switch {
		case step == wire.CueStream:
			if more, err = a.relayed(ctx, w); err != nil {
				src.close()
				return err
			}
		case step != wire.CueMedia:
			if more, err = on.open(step); err != nil {
				src.close()
				return err
			}
		case whole:
			more = media
		default:
			if more, err = a.awaited(ctx, j, on, lack, len(src.parts) == 0); err != nil {
				src.close()
				return err
			}
		}
		src.parts = append(src.parts, more.parts...)
	}
	j.src = src
	return nil
}

// here reports whether all of a warrant's media is on disk; whether it is whole
// the check before the first sample says.
func (a *agent) here(w wire.Warrant) bool {
	for _, m := range w.Media {
		if !a.keep.hasMedia(m.Hash) {
			return false
		}
	}
	return true
}

// awaited is the place in an alarm where media belongs that is not here yet. It
// is fetched while the siren sounds; comes it too late, the phrase of the hazard
// sounds, and then, as soon as it is here, the alarm again with its own sound.
func (a *agent) awaited(ctx context.Context, j *job, on shelf, lack trouble, bare bool) (*source, error) {
	w := j.warrant
	l := &later{trouble: lack, ended: make(chan struct{})}
	if in, err := on.open(w.Hazard); err == nil {
		l.instead = in
	}
	if bare { // no siren to wait behind
		ctx, cancel := context.WithTimeout(ctx, urgentWait)
		defer cancel()
		err := a.bringUrgent(ctx, w)
		if err == nil {
			if l.ready, err = a.keep.source(w.Media, 0); err == nil {
				return &source{parts: []part{{later: l}}}, nil
			}
		}
		if l.instead == nil {
			return nil, err
		}
	}
	j.later = l
	a.sounds.Go(func() {
		media, err := a.fetched(ctx, w)
		if err != nil && ctx.Err() == nil {
			if err := a.keep.update(func(s *state) { delete(s.Pending, j.hash) }); err != nil {
				a.log.Error("state not written", "error", err)
			}
		}
		if err != nil {
			return
		}
		if l.put(media) {
			return
		}
		media.close()
		select {
		case <-l.ended:
			if j.unfinished() && a.clock.millis() < w.Until {
				a.sound(ctx, &job{warrant: w, hash: j.hash, mark: j.mark, volume: j.volume, held: j.held})
			}
		case <-ctx.Done():
		}
	})
	return &source{parts: []part{{later: l, samples: w.MS() * Rate / 1000}}}, nil
}

// fetched brings an alarm's media as long as it may still sound.
func (a *agent) fetched(ctx context.Context, w wire.Warrant) (*source, error) {
	for fails := 1; ; fails++ {
		err := a.bringUrgent(ctx, w)
		if err == nil {
			var s *source
			if s, err = a.keep.source(w.Media, 0); err == nil {
				return s, nil
			}
		}
		a.log.Warn("an alarm's sound is missing", "error", err)
		if a.clock.millis() >= w.Until || !a.rest(ctx, backOff(fails, 30*time.Second)) {
			return nil, err
		}
	}
}

// unfinished reports whether an alarm was told by phrases alone: its own sound is
// still wanted. An exercise is not.
func (j *job) unfinished() bool {
	return j.later != nil && j.warrant.Class == wire.Emergency && j.later.missed()
}
