package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/node"
	"loa/office"
	"loa/people"
	"loa/signer"
	"loa/signer/softkey"
	"loa/speaker"
	"loa/unit"
	"loa/wire"
)

// The stage: an invented province (codes 97 to 99 are no province's), its
// poles, and notices whose dates follow the week of the demonstration.
var (
	//go:embed stage/units.csv
	stageUnits []byte
	//go:embed stage/poles.csv
	polesCSV []byte
	//go:embed stage/notices.txt
	noticesTXT string
)

// role is a person on the stage.
type role struct {
	login  string
	name   string
	post   string
	office string
	path   loa.Path
	rights []loa.Right
	duties []signer.Duty

	id  string
	key *softkey.Authenticator
}

func roleOrder() []string { return []string{"man", "khoi", "thuc", "sen", "vinh"} }

func stageRoles() []role {
	const commune, province = loa.Path("vn/98/98011"), loa.Path("vn/98")
	return []role{
		{login: "man", name: "Lê Thị Mận", post: "Người phụ trách Đài xã Đồng Sậy", office: "Đài truyền thanh xã Đồng Sậy", path: commune,
			rights: []loa.Right{loa.RightWrite, loa.RightDispatch, loa.RightSpeakers, loa.RightRead},
			duties: []signer.Duty{signer.DutyStop, signer.DutyPlace}},
		{login: "khoi", name: "Trần Bá Khôi", post: "Phó Chủ tịch UBND xã Đồng Sậy", office: "UBND xã Đồng Sậy", path: commune,
			rights: []loa.Right{loa.RightApprove, loa.RightDispatch, loa.RightRead},
			duties: []signer.Duty{signer.DutyApprove, signer.DutyStop, signer.DutyPlace, signer.DutyPolicy}},
		{login: "thuc", name: "Vũ Văn Thực", post: "Trưởng thôn Xuân Vực 4", office: "Thôn Xuân Vực 4", path: commune + "/h/xuan-vuc-4",
			rights: []loa.Right{loa.RightWrite, loa.RightRead}},
		{login: "sen", name: "Hoàng Thị Sen", post: "Trưởng phòng, Sở VHTTDL tỉnh Lam Xuyên", office: "Sở VHTTDL tỉnh Lam Xuyên", path: province,
			rights: []loa.Right{loa.RightWrite, loa.RightDispatch, loa.RightSpeakers, loa.RightPeople, loa.RightRead},
			duties: []signer.Duty{signer.DutyStop, signer.DutyPlace, signer.DutyRoster}},
		{login: "vinh", name: "Đỗ Quang Vinh", post: "Trưởng Ban Biên tập tỉnh Lam Xuyên", office: "Ban Biên tập tỉnh Lam Xuyên", path: province,
			rights: []loa.Right{loa.RightApprove, loa.RightDispatch, loa.RightRead},
			duties: []signer.Duty{signer.DutyApprove, signer.DutyStop, signer.DutyPlace, signer.DutyPolicy, signer.DutyRoster}},
	}
}

// peopleFor writes places, offices, posts and people, and the signer's first
// roster. Nobody gets a password: the demonstration's links are single-use.
func (t *town) peopleFor(ctx context.Context, c node.Config) (err error) {
	d, err := db.Open(ctx, c.Database, loa.WallClock{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if r, err := (&unit.Register{DB: d}).Import(ctx, loa.System(), bytes.NewReader(stageUnits), false); err != nil {
		return errors.Join(err, report(t.app.errs, r))
	}
	offices := &office.Register{DB: d}
	reg := &people.Register{DB: d, RPID: c.RPID(), Origin: c.Origin, Issuer: "Loa"}
	for _, r := range stageRoles() {
		o, err := offices.Add(ctx, loa.System(), office.Office{Name: r.office, Kind: "khac", Path: r.path})
		if err != nil {
			return err
		}
		post, err := reg.AddPost(ctx, loa.System(), people.Post{Office: o.ID, Title: r.post,
			Grants: []loa.Grant{{Path: r.path, Rights: r.rights}}})
		if err != nil {
			return err
		}
		p, err := reg.AddPerson(ctx, loa.System(), people.NewPerson{Name: r.name, Login: r.login, Password: loa.NewID(loa.WallClock{}.Now()), Path: r.path})
		if err != nil {
			return err
		}
		if _, err := reg.Hold(ctx, loa.System(), post.ID, p.ID, loa.WallClock{}.Now().Add(-time.Minute), time.Time{}, false); err != nil {
			return err
		}
		r.id = p.ID
		if len(r.duties) > 0 {
			if r.key, err = softkey.New(p.ID); err != nil {
				return err
			}
			if err := signer.Bootstrap(c.SignerDir, r.key.Member(r.name, []loa.Path{r.path}, r.duties...)); err != nil {
				return err
			}
		}
		t.people[r.login] = &r
	}
	return nil
}

func (t *town) actor(ctx context.Context, login string) (loa.Actor, error) {
	return t.node.People.Actor(ctx, t.people[login].id)
}

// rules sets hours, volume, the station's two daily sessions and the regulation
// behind them (quy chế). The sealed hours leave the whole day open, so that the
// demonstration speaks whenever somebody looks at it.
func (t *town) rules(ctx context.Context) error {
	vinh, err := t.actor(ctx, "vinh")
	if err != nil {
		return err
	}
	now := loa.WallClock{}.Now()
	for _, path := range []loa.Path{"vn/98", "vn/98/98011"} {
		p := wire.Policy{V: wire.Version, Kind: "policy", Path: path, Version: 1, Volume: 90,
			Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 0, Until: 1440}},
			From:  now.Add(-time.Hour).UnixMilli(), Until: now.Add(30 * 24 * time.Hour).UnixMilli()}
		payload, err := wire.Encode(p)
		if err != nil {
			return err
		}
		yes, err := t.softApprove(ctx, vinh.ID, payload)
		if err != nil {
			return err
		}
		if err := t.node.Speakers.SetPolicy(ctx, vinh, payload, yes); err != nil {
			return err
		}
	}
	if err := t.phrases(ctx); err != nil {
		return err
	}
	weekdays := []int{1, 2, 3, 4, 5, 6}
	for _, commune := range []loa.Path{"vn/98/98002", "vn/98/98011", "vn/98/98024", "vn/98/98037"} {
		for _, f := range []bulletin.Frame{
			{Path: commune, Part: bulletin.Morning, Name: "Buổi sáng", From: 5*60 + 30, Until: 6*60 + 15, Days: weekdays},
			{Path: commune, Part: bulletin.Afternoon, Name: "Buổi chiều", From: 17 * 60, Until: 17*60 + 45, Days: weekdays},
		} {
			if err := t.node.Bulletins.SetFrame(ctx, vinh, f); err != nil {
				return err
			}
		}
	}
	khoi, err := t.actor(ctx, "khoi")
	if err != nil {
		return err
	}
	return t.node.Bulletins.SetRegulation(ctx, khoi, bulletin.Regulation{Path: "vn/98/98011", Number: "31/QĐ-UBND (giả định)",
		Basis: "Quy chế hoạt động của Đài truyền thanh xã Đồng Sậy (giả định)", Minutes: 45, Sessions: 2,
		Hours: []wire.Hours{{Days: weekdays, From: 5*60 + 30, Until: 6*60 + 15}, {Days: weekdays, From: 17 * 60, Until: 17*60 + 45}},
		From:  now.Add(-time.Hour).UnixMilli()})
}

// words fills the lexicon of the stage's commune (từ điển đọc).
func (t *town) words(ctx context.Context) error {
	man, err := t.actor(ctx, "man")
	if err != nil {
		return err
	}
	for _, w := range [][2]string{{"Đắk Rơn", "Đắc Rơn"}, {"TCT", "tổ cộng tác"}} {
		if _, err := t.node.Words.Set(ctx, man, "vn/98/98011", w[0], w[1]); err != nil {
			return err
		}
	}
	return nil
}

func stagePoles() ([]speaker.Pole, error) {
	rows, err := csv.NewReader(bytes.NewReader(polesCSV)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read poles: %w", err)
	}
	var all []speaker.Pole
	for _, r := range rows[1:] {
		lat, errLat := strconv.ParseInt(r[3], 10, 64)
		lon, errLon := strconv.ParseInt(r[4], 10, 64)
		if err := errors.Join(errLat, errLon); err != nil {
			return nil, fmt.Errorf("read poles: %w", err)
		}
		all = append(all, speaker.Pole{Code: r[0], Path: loa.Path(r[1]), Name: r[2], At: &wire.Point{Lat: lat, Lon: lon}, Cap: 90})
	}
	return all, nil
}

// notice is one text of the stage.
type notice struct {
	kind  string // xa, thon, tinh: play now and then; cho-…: wait on somebody's desk; once-…: for -once
	title string
	text  string
}

// stageNotices reads the texts and moves their dates to the week of now.
func stageNotices(now time.Time) ([]notice, error) {
	now = now.In(loa.Zone())
	monday := now.AddDate(0, 0, -(int(now.Weekday())+6)%7)
	var dates []string
	for d := range 7 {
		day := monday.AddDate(0, 0, d)
		dates = append(dates, fmt.Sprintf("{+%d}", d), day.Format("2/1/2006"), fmt.Sprintf("{~%d}", d), day.Format("2/1"))
	}
	move := strings.NewReplacer(dates...)
	var all []notice
	for part := range strings.SplitSeq(noticesTXT, "\n== ") {
		lines := strings.SplitN(strings.TrimSpace(part), "\n", 3)
		if strings.HasPrefix(part, "#") {
			continue
		}
		if len(lines) != 3 {
			return nil, fmt.Errorf("notice %q is not kind, title, text", lines[0])
		}
		all = append(all, notice{kind: lines[0], title: lines[1], text: move.Replace(lines[2])})
	}
	return all, nil
}

// cast is who writes and who approves a notice, for which unit, where it sounds.
type cast struct {
	author, leader string
	path           loa.Path
	scope          []loa.Path
}

func (n notice) cast() cast {
	switch n.kind {
	case "thon":
		return cast{"thuc", "khoi", "vn/98/98011/h/xuan-vuc-4", []loa.Path{"vn/98/98011/h/xuan-vuc-4"}}
	case "tinh", "cho-xa":
		return cast{"sen", "vinh", "vn/98", []loa.Path{"vn/98"}}
	case "once-tinh":
		return cast{"sen", "vinh", "vn/98", []loa.Path{"vn/98/98002", "vn/98/98024", "vn/98/98037"}}
	}
	return cast{"man", "khoi", "vn/98/98011", []loa.Path{"vn/98/98011"}}
}

// class is priority for what the province wants every commune to carry.
func (n notice) class() wire.Class {
	if n.kind == "cho-xa" {
		return wire.Priority
	}
	return wire.Normal
}

// write has a notice typed and approval asked for.
func (t *town) write(ctx context.Context, n notice) (bulletin.Bulletin, error) {
	c := n.cast()
	writer, err := t.actor(ctx, c.author)
	if err != nil {
		return bulletin.Bulletin{}, err
	}
	return t.ask(ctx, writer, bulletin.Notice{Path: c.path, Class: n.class(), Title: n.title, Text: n.text, Scope: c.scope})
}

// ask is a draft for which its writer asks approval.
func (t *town) ask(ctx context.Context, writer loa.Actor, n bulletin.Notice) (bulletin.Bulletin, error) {
	b, err := t.node.Bulletins.Draft(ctx, writer, n)
	if err != nil {
		return b, err
	}
	return t.node.Bulletins.Submit(ctx, writer, b.ID)
}

// approve has a leader read the notice, or hear a recording, to its end and say
// yes with a passkey.
func (t *town) approve(ctx context.Context, leader string, b bulletin.Bulletin) (approver loa.Actor, err error) {
	if approver, err = t.actor(ctx, leader); err != nil {
		return approver, err
	}
	how := bulletin.Heard
	if b.Main().Machine() {
		how = bulletin.Read
	}
	if err := t.node.Bulletins.Hear(ctx, approver, b.ID, loa.Hash(b.Payload), how); err != nil {
		return approver, err
	}
	yes, err := t.softApprove(ctx, approver.ID, b.Payload)
	if err != nil {
		return approver, err
	}
	if _, err = t.node.Bulletins.Approve(ctx, approver, b.ID, yes); err != nil {
		return approver, err
	}
	_, err = t.node.Bulletins.Sign(ctx, b.ID)
	return approver, err
}

// send takes one notice down the whole line, each step by the person whose step
// it is, through the calls the pages make.
func (t *town) send(ctx context.Context, n notice) (bulletin.Bulletin, error) {
	b, err := t.write(ctx, n)
	if err != nil {
		return b, err
	}
	approver, err := t.approve(ctx, n.cast().leader, b)
	if err != nil {
		return b, err
	}
	if b, err = t.node.Bulletins.PlayNow(ctx, approver, b.ID); err != nil {
		return b, err
	}
	return t.node.Bulletins.Dispatch(ctx, b.ID)
}

// free picks the address to listen on: the one named, or the next free port
// when somebody has it already.
func free(ctx context.Context, address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("read address: %w", err)
	}
	for _, a := range slices.Compact([]string{address, host + ":0"}) {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a)
		if err != nil {
			continue
		}
		return l.Addr().String(), l.Close()
	}
	return "", loa.Errorf(loa.Unavailable, "demo.no_port", address)
}
