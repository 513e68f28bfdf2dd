package main

import (
	"context"
	"errors"

	"loa"
	"loa/bulletin"
	"loa/form"
	"loa/sound"
	"loa/wire"
)

// The stage's station, whose officer's morning the demonstration shows.
const station = loa.Path("vn/98/98011")

// outside gives the power company a form of its own (cơ quan ngoài).
func (t *town) outside(ctx context.Context) error {
	man, err := t.actor(ctx, "man")
	if err != nil {
		return err
	}
	forms := &form.Register{DB: t.node.DB, Blobs: t.node.Blobs, Bulletins: t.node.Bulletins}
	_, secret, err := forms.NewLink(ctx, man, form.Link{Path: station, Sender: "Điện lực khu vực Lam Xuyên 2",
		Kinds: []string{"power"}, Expires: loa.WallClock{}.Now().AddDate(0, 1, 0).UnixMilli()})
	t.form = t.origin() + "/form/" + secret
	return err
}

// morning lays the station's desk as its officer finds it: a library, what
// stands in every session, a template, and work that waits for somebody.
func (t *town) morning(ctx context.Context) error {
	if err := t.library(ctx); err != nil {
		return err
	}
	notices, err := stageNotices(loa.WallClock{}.Now())
	if err != nil {
		return err
	}
	for _, n := range notices {
		switch n.kind {
		case "cho-duyet": // the leader's approval
			_, err = t.write(ctx, n)
		case "cho-xa": // the commune: the province's priority
			err = t.offer(ctx, n)
		case "cho-buoi": // its session
			err = t.stand(ctx, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// library makes the sounds of the station's own and the standing programme of
// both sessions.
func (t *town) library(ctx context.Context) error {
	man, err := t.actor(ctx, "man")
	if err != nil {
		return err
	}
	var standing []bulletin.Standing
	for _, s := range []struct {
		kind        bulletin.Kind
		role        wire.Role
		title, text string
		wav         []byte
	}{
		{bulletin.KindTune, wire.Tune, "Nhạc hiệu Đài xã Đồng Sậy", "", sound.Tune()},
		{bulletin.KindGreeting, wire.Greeting, "Lời chào", "Đây là Đài truyền thanh xã Đồng Sậy. Kính chào toàn thể bà con.", nil},
		{kind: bulletin.KindBulletins},
		{bulletin.KindGoodbye, wire.Goodbye, "Lời kết", "Bản tin của Đài truyền thanh xã Đồng Sậy đến đây là hết. Cảm ơn bà con đã lắng nghe.", nil},
		{bulletin.KindChime, wire.Tune, "Chuông báo", "", sound.Chime()},
		{bulletin.KindTest, wire.TestSound, "Tiếng phát thử", "Đài truyền thanh xã Đồng Sậy phát thử cụm loa. Một, hai, ba.", nil},
	} {
		if s.kind == bulletin.KindBulletins {
			standing = append(standing, bulletin.Standing{Kind: s.kind})
			continue
		}
		n := bulletin.Notice{Path: station, Class: wire.Normal, Role: s.role, Title: s.title, Text: s.text, Scope: []loa.Path{station},
			Until: loa.WallClock{}.Now().AddDate(0, 0, 29)}
		if s.wav != nil {
			u, err := t.node.Uploads.Whole(ctx, man, station, s.title+".wav", s.wav)
			if err != nil {
				return err
			}
			if _, err := t.node.Uploads.Keep(ctx, man, u.ID); err != nil {
				return err
			}
			n.Upload = u.ID
		}
		b, err := t.ask(ctx, man, n)
		if err != nil {
			return err
		}
		if _, err := t.approve(ctx, "khoi", b); err != nil {
			return err
		}
		if s.kind != bulletin.KindTest { // it is in no session
			standing = append(standing, bulletin.Standing{Kind: s.kind, Bulletin: b.ID})
		}
	}
	return errors.Join(t.node.Bulletins.SetStanding(ctx, man, station, bulletin.Morning, standing),
		t.node.Bulletins.SetStanding(ctx, man, station, bulletin.Afternoon, standing))
}

// offer has the province send a notice to every commune's inbox.
func (t *town) offer(ctx context.Context, n notice) error {
	b, err := t.write(ctx, n)
	if err != nil {
		return err
	}
	if _, err := t.approve(ctx, n.cast().leader, b); err != nil {
		return err
	}
	return t.node.Bulletins.Carry(ctx, b.ID)
}

// stand puts a notice into a coming session; its text comes again next season.
func (t *town) stand(ctx context.Context, n notice) error {
	b, err := t.write(ctx, n)
	if err != nil {
		return err
	}
	man, err := t.actor(ctx, n.cast().author)
	if err != nil {
		return err
	}
	if _, err := t.node.Bulletins.KeepTemplate(ctx, man, b.ID, "Lịch lấy nước"); err != nil {
		return err
	}
	approver, err := t.approve(ctx, n.cast().leader, b)
	if err != nil {
		return err
	}
	sessions, err := t.node.Bulletins.Sessions(ctx, b.Path, 7)
	if err != nil {
		return err
	}
	next := sessions[min(1, len(sessions)-1)] // the first may be about to end
	if _, err := t.node.Bulletins.Schedule(ctx, approver, b.ID, []bulletin.Choice{{Day: next.Day, Part: next.Part}}); err != nil {
		return err
	}
	_, err = t.node.Bulletins.Dispatch(ctx, b.ID)
	return err
}
