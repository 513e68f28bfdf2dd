package edge

import (
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
		if err := a.fetchAll(ctx); err != nil {
			fails++
			a.log.Warn("not everything fetched", "error", err)
			if !expected(err) || noDisk(err) {
				a.state("refused", "", "", loa.KeyOf(err))
			}
			again = a.cfg.Clock.After(backOff(fails, 5*time.Minute))
			continue
		}
		fails, again = 0, make(<-chan time.Time)
	}
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
	for _, s := range h.plan.Slots {
		if _, done := st.Done[s.ID]; done || !wire.MaybeForMe(s, h.placement) || s.Start < st.Since {
			continue
		}
		needed[s.Warrant] = true
		b, err := a.document(ctx, s.Warrant)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		w, err := wire.OpenWarrant(a.trust.Load(), b, s.Start)
		if err != nil || !wire.ForMe(s, w, h.placement) {
			continue // the plan stage says why at its minute, if it is ours at all
		}
		if s.Start < a.clock.millis()-late {
			continue // missed; the warrant says by whom
		}
		for _, m := range w.Media {
			needed[m.Hash] = true
			if !slices.Contains(sounds, m) {
				sounds = append(sounds, m)
			}
		}
	}
	errs = append(errs, a.bring(ctx, sounds, needed), a.usePhrases())
	nudge(a.wake)
	return errors.Join(append(errs, a.keep.clean(needed, maxMedia), a.keep.restore())...)
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

func (a *agent) download(ctx context.Context, m wire.Media) error {
	ctx, cancel := context.WithTimeout(ctx, mediaTime)
	defer cancel()
	body, err := a.client.media(ctx, m.Hash)
	if err != nil {
		return err
	}
	defer body.Close()
	return a.keep.putMedia(m, body)
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
	body, err := a.client.media(ctx, m.Hash)
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
