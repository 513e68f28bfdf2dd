package edge

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"loa"
	"loa/wire"
)

// fetch brings warrants and sounds ahead of their minute, two at a time, until
// everything the plan names is on disk.
func (a *agent) fetch(ctx context.Context) error {
	fails := 0
	again := make(<-chan time.Time)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.want:
		case <-again:
		}
		if a.complete(ctx) {
			fails, again = 0, make(<-chan time.Time)
			continue
		}
		fails++
		again = a.cfg.Clock.After(backOff(fails, 5*time.Minute))
	}
}

// complete brings what it can and reports whether that was everything.
func (a *agent) complete(ctx context.Context) bool {
	err := a.fetchAll(ctx)
	if err == nil {
		return true
	}
	a.log.Warn("not everything fetched", "error", err)
	if !expected(err) || noDisk(err) {
		a.state("refused", "", "", loa.KeyOf(err))
	}
	return false
}

func (a *agent) fetchAll(ctx context.Context) error {
	h, err := a.holdings()
	if err != nil {
		return err
	}
	st := a.keep.now()
	needed := map[string]bool{st.Placement: true, st.Plan: true}
	for _, list := range [][]string{st.Trust, st.Beacon.Policies, st.Beacon.Now} {
		for _, hash := range list {
			needed[hash] = true
		}
	}
	for hash := range st.Pending {
		needed[hash] = true
	}
	if st.Beacon.Release != nil {
		needed[st.Beacon.Release.Hash] = true
	}
	var errs []error
	sounds := a.phraseSounds(needed) // before anything else
	room := a.cfg.Cache
	for _, m := range sounds {
		room -= m.Bytes
	}
	slots := slices.Clone(h.plan.Slots)
	slices.SortStableFunc(slots, func(a, b wire.Slot) int { return cmp.Compare(a.Start, b.Start) })
	for _, s := range slots {
		if _, done := st.Done[s.ID]; done || !wire.MaybeForMe(s, h.placement) || s.Start < st.Since {
			continue
		}
		needed[s.Warrant] = true
		b, err := a.document(ctx, s.Warrant)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		w, err := a.papers.Warrant(a.trust.Load(), b, s.Start)
		if err != nil || !wire.ForMe(s, w, h.placement) {
			continue // the plan stage says why at its minute, if it is ours at all
		}
		if s.Start < a.clock.millis()-late {
			continue // missed; the warrant says by whom
		}
		fresh := slices.DeleteFunc(slices.Clone(w.Media), func(m wire.Media) bool { return needed[m.Hash] })
		size := int64(0)
		for _, m := range fresh {
			size += m.Bytes
		}
		if size > room {
			a.tooMuch(s, h)
			continue // when earlier ones are done there is room; the beacon brings us here again
		}
		room -= size
		for _, m := range fresh {
			needed[m.Hash] = true
			sounds = append(sounds, m)
		}
	}
	errs = append(errs, a.bring(ctx, sounds, needed), a.usePhrases())
	nudge(a.wake)
	return errors.Join(append(errs, a.keep.clean(needed, room), a.keep.restore())...)
}

// tooMuch says once per plan that a slot's sounds do not fit beside the earlier ones'.
func (a *agent) tooMuch(s wire.Slot, h holdings) {
	if a.unfit != h.plan.Version {
		a.unfit = h.plan.Version
		a.log.Warn("the plan does not fit into the cache", "slot", s.ID, "bytes", a.cfg.Cache)
		a.state("refused", s.ID, s.Warrant, "cache.full")
	}
}

// bring downloads the sounds that are not on disk, two at a time.
func (a *agent) bring(ctx context.Context, sounds []wire.Media, needed map[string]bool) error {
	errs := make([]error, len(sounds))
	turns := make(chan struct{}, 2)
	var all sync.WaitGroup
	for i, m := range sounds {
		if a.keep.hasMedia(m.Hash) {
			continue
		}
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			errs[i] = a.download(ctx, m)
			if loa.KeyOf(errs[i]) == "disk.full" {
				if errs[i] = a.keep.clean(needed, 0); errs[i] == nil {
					errs[i] = a.download(ctx, m)
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// download brings one sound and goes on where an earlier try broke off.
func (a *agent) download(ctx context.Context, m wire.Media) error {
	lock, _ := a.keep.busy.LoadOrStore(m.Hash, &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	if a.keep.hasMedia(m.Hash) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, mediaTime)
	defer cancel()
	body, from, err := a.client.media(ctx, m.Hash, a.keep.partial(m))
	if err != nil {
		return err
	}
	defer body.Close()
	return a.keep.resumeMedia(m, from, body)
}

// bringUrgent downloads the sounds of an emergency, into memory if the disk
// takes nothing.
func (a *agent) bringUrgent(ctx context.Context, w wire.Warrant) error {
	for _, m := range w.Media {
		if a.keep.hasMedia(m.Hash) {
			continue
		}
		err := a.download(ctx, m)
		if memoryWill(err, w.Class) {
			err = a.downloadToMemory(ctx, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxMemory bounds a sound held in memory: eight minutes.
const maxMemory = 4 << 20

func (a *agent) downloadToMemory(ctx context.Context, m wire.Media) error {
	if m.Bytes > maxMemory {
		return loa.Errorf(loa.Unavailable, "disk.full")
	}
	body, _, err := a.client.media(ctx, m.Hash, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, m.Bytes+1))
	if err != nil {
		return loa.Errorf(loa.Unavailable, "node.unreachable").Because(err)
	}
	if loa.Hash(b) != m.Hash {
		return loa.Errorf(loa.Invalid, "media.damaged")
	}
	a.keep.inMemory(b)
	return nil
}
