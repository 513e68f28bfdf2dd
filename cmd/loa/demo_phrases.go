package main

import (
	"context"

	"loa"
	"loa/lang"
	"loa/wire"
)

// phrases gives the station its phrase set, made by its officer and approved by
// two people: its own leader and the province's editor.
func (t *town) phrases(ctx context.Context) error {
	const station = loa.Path("vn/98/98011")
	catalog, err := lang.Load()
	if err != nil {
		return err
	}
	texts := map[string]string{}
	for _, id := range []string{wire.ExercisePrefix, "lu", "bao", "so-tan", "an-toan"} {
		texts[id] = catalog.T("vi", "phrase.text."+id)
	}
	man, err := t.actor(ctx, "man")
	if err != nil {
		return err
	}
	if err := t.node.Bulletins.DraftPhrases(ctx, man, station, texts); err != nil {
		return err
	}
	for _, login := range []string{"khoi", "vinh"} {
		who, err := t.actor(ctx, login)
		if err != nil {
			return err
		}
		p, err := t.node.Bulletins.PhrasesAt(ctx, who, station)
		if err != nil {
			return err
		}
		yes, err := t.softApprove(ctx, who.ID, p.Draft.Payload)
		if err != nil {
			return err
		}
		if _, err := t.node.Bulletins.ApprovePhrases(ctx, who, station, p.Draft.Payload, yes); err != nil {
			return err
		}
	}
	return nil
}
