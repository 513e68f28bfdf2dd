package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"loa"
	"loa/db"
	"loa/node"
	"loa/office"
	"loa/people"
	"loa/speaker"
	"loa/unit"
	"loa/voice"
)

// withDB opens the configured database for one tool.
func withDB(ctx context.Context, a *app, f func(c node.Config, d *db.DB) error) error {
	c, err := node.FromEnv(a.getenv)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	d, err := db.Open(ctx, c.Database, loa.WallClock{})
	if err != nil {
		return err
	}
	return errors.Join(f(c, d), d.Close())
}

// user adds people at the machine. No account exists that nobody made.
func user(ctx context.Context, a *app) error {
	if len(a.args) == 0 {
		return errUsage
	}
	f := flag.NewFlagSet("user "+a.args[0], flag.ContinueOnError)
	f.SetOutput(a.errs)
	login := f.String("login", "", "what the person types to sign in")
	name := f.String("name", "", "full name")
	place := f.String("unit", "vn", "path of the unit the person belongs to")
	rights := f.String("rights", "", "rights over the unit, with commas; \"all\" for every right")
	title := f.String("title", "Quản trị", "title of the post that holds the rights")
	if err := f.Parse(a.args[1:]); err != nil || *login == "" {
		return errUsage
	}
	return withDB(ctx, a, func(c node.Config, d *db.DB) error {
		reg := &people.Register{DB: d, RPID: c.RPID(), Origin: c.Origin, Issuer: "Loa"}
		switch a.args[0] {
		case "add":
			return addUser(ctx, a, reg, d, *login, *name, loa.Path(*place), *rights, *title)
		case "link":
			p, err := findLogin(ctx, reg, *login)
			if err != nil {
				return err
			}
			token, err := reg.NewLink(ctx, loa.System(), p.ID, time.Hour)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "%s/sign-in/link/%s\n", c.Origin, token)
			return err
		}
		return errUsage
	})
}

// addUser reads a password from the input, adds the person and, when rights are
// named, a post that holds them.
func addUser(ctx context.Context, a *app, reg *people.Register, d *db.DB, login, name string, place loa.Path, rights, title string) error {
	if _, err := fmt.Fprint(a.errs, "password: "); err != nil {
		return err
	}
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	p, err := reg.AddPerson(ctx, loa.System(), people.NewPerson{Name: name, Login: login, Password: strings.TrimRight(line, "\r\n"), Path: place})
	if err != nil {
		return err
	}
	if rights != "" {
		grant := loa.Grant{Path: place}
		for r := range strings.SplitSeq(rights, ",") {
			grant.Rights = append(grant.Rights, loa.Right(r))
		}
		if rights == "all" {
			grant.Rights = people.Rights()
		}
		o, err := (&office.Register{DB: d}).Add(ctx, loa.System(), office.Office{Name: title, Kind: "khac", Path: place})
		if err != nil {
			return err
		}
		post, err := reg.AddPost(ctx, loa.System(), people.Post{Office: o.ID, Title: title, Grants: []loa.Grant{grant}})
		if err != nil {
			return err
		}
		if _, err := reg.Hold(ctx, loa.System(), post.ID, p.ID, time.Time{}, time.Time{}, false); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.out, "%s\n", p.ID)
	return err
}

func findLogin(ctx context.Context, reg *people.Register, login string) (people.Person, error) {
	all, err := reg.People(ctx, "vn")
	if err != nil {
		return people.Person{}, err
	}
	for _, p := range all {
		if p.Login == login {
			return p, nil
		}
	}
	return people.Person{}, loa.Errorf(loa.NotFound, "person.unknown")
}

// units brings administrative units in from a list, or the national list.
func units(ctx context.Context, a *app) error {
	if len(a.args) == 0 {
		return errUsage
	}
	return withDB(ctx, a, func(_ node.Config, d *db.DB) error {
		reg := &unit.Register{DB: d}
		switch {
		case a.args[0] == "national" && len(a.args) == 1:
			r, err := reg.ImportNational(ctx, loa.System(), time.Date(2025, 7, 1, 0, 0, 0, 0, loa.Zone()))
			return errors.Join(err, report(a.out, r))
		case a.args[0] == "import" && len(a.args) >= 2:
			file, err := os.Open(a.args[1])
			if err != nil {
				return err
			}
			r, err := reg.Import(ctx, loa.System(), file, len(a.args) == 3 && a.args[2] == "-dry-run")
			return errors.Join(err, file.Close(), report(a.out, r))
		case a.args[0] == "list" && len(a.args) <= 2:
			path := loa.Path("vn")
			if len(a.args) == 2 {
				path = loa.Path(a.args[1])
			}
			all, err := reg.Children(ctx, path)
			if err != nil {
				return err
			}
			for _, u := range all {
				if _, err := fmt.Fprintf(a.out, "%-24s %s\n", u.Path, u.FullName()); err != nil {
					return err
				}
			}
			return nil
		}
		return errUsage
	})
}

func report(w io.Writer, r unit.Report) error {
	if _, err := fmt.Fprintf(w, "%d rows: %d added, %d changed, %d as they were\n", r.Rows, r.Added, r.Changed, r.Same); err != nil {
		return err
	}
	for _, e := range r.Errors {
		if _, err := fmt.Fprintf(w, "line %d: %s\n", e.Line, sentence(e.Err)); err != nil {
			return err
		}
	}
	return nil
}

// speakers lists boxes, or makes an enrolment code for a pole.
func speakers(ctx context.Context, a *app) error {
	if len(a.args) == 0 || len(a.args) > 2 {
		return errUsage
	}
	return withDB(ctx, a, func(c node.Config, d *db.DB) error {
		root, err := node.LoadRoot(c.Keys)
		if err != nil {
			return err
		}
		reg := &speaker.Register{DB: d, Root: root, Said: speaker.Silently}
		if a.args[0] == "code" && len(a.args) == 2 {
			p, err := reg.FindPole(ctx, a.args[1])
			if err != nil {
				return err
			}
			code, err := reg.NewCode(ctx, machine(), p.ID)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, code)
			return err
		}
		if a.args[0] != "list" {
			return errUsage
		}
		path := loa.Path("vn")
		if len(a.args) == 2 {
			path = loa.Path(a.args[1])
		}
		boxes, err := reg.Boxes(ctx, path)
		if err != nil {
			return err
		}
		return listBoxes(a.out, boxes)
	})
}

func listBoxes(out io.Writer, boxes []speaker.Box) error {
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	if _, err := fmt.Fprintln(w, "pole\tname\tplace\tbox\tstate\tlast beat\tdoing\tplan"); err != nil {
		return err
	}
	for _, b := range boxes {
		last := "never"
		if b.Health.At > 0 {
			last = time.UnixMilli(b.Health.At).In(loa.Zone()).Format("15:04:05 02/01/2006")
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n",
			b.Pole.Code, b.Pole.Name, b.Pole.Path, b.ID, b.State, last, b.Health.State, b.Health.Plan); err != nil {
			return err
		}
	}
	return w.Flush()
}

// machine is whoever may run tools at the server: every right, and the journal
// says that it was the machine.
func machine() loa.Actor {
	who := loa.System()
	who.Grants = []loa.Grant{{Path: "vn", Rights: people.Rights()}}
	return who
}

// speech shows or speaks what would be read out.
func speech(ctx context.Context, a *app) error {
	if len(a.args) == 0 {
		return errUsage
	}
	f := flag.NewFlagSet("voice "+a.args[0], flag.ContinueOnError)
	f.SetOutput(a.errs)
	accent := f.String("accent", "north", "north, central or south")
	file := f.String("o", "", "file of the WAV")
	if err := f.Parse(a.args[1:]); err != nil {
		return errUsage
	}
	n := voice.Normalizer{South: *accent == "south"}
	switch a.args[0] {
	case "normalize":
		lines := bufio.NewScanner(a.in)
		lines.Buffer(nil, voice.MaxBytes)
		out := bufio.NewWriter(a.out)
		for lines.Scan() {
			if _, err := fmt.Fprintln(out, strings.ReplaceAll(n.Speak(lines.Text()).Text, "\n", " ")); err != nil {
				return err
			}
		}
		return errors.Join(lines.Err(), out.Flush())
	case "say":
		if *file == "" {
			return errUsage
		}
		text, err := io.ReadAll(io.LimitReader(a.in, voice.MaxBytes+1))
		if err != nil {
			return err
		}
		clean, err := voice.Clean(string(text))
		if err != nil {
			return err
		}
		said, err := (&voice.Espeak{Path: "espeak-ng"}).Say(ctx, n.Speak(clean).Text, voice.Voice{Accent: *accent})
		if err != nil {
			return err
		}
		return os.WriteFile(*file, said.WAV, 0o600)
	}
	return errUsage
}

// backup copies the database while the server runs. Sounds are files named by
// their hash and are copied by any tool; keys are not in a backup.
func backup(ctx context.Context, a *app) error {
	if len(a.args) != 1 {
		return errUsage
	}
	return withDB(ctx, a, func(c node.Config, d *db.DB) error {
		if err := d.Backup(ctx, a.args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.out, "database  %s\nalso copy %s (sounds by hash: any copying tool will do)\nnot here  %s and %s: private keys have their own safe (docs/operate.md)\n",
			a.args[0], c.Blobs, c.Keys, c.SignerDir)
		return err
	})
}

// restore puts a backup where the server will find it. It never overwrites.
func restore(ctx context.Context, a *app) error {
	if len(a.args) != 1 {
		return errUsage
	}
	c, err := node.FromEnv(a.getenv)
	if err != nil {
		return err
	}
	target, ok := strings.CutPrefix(c.Database, "sqlite:")
	if !ok {
		return loa.Errorf(loa.Invalid, "db.backup_postgres")
	}
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		return loa.Errorf(loa.Conflict, "restore.exists", target)
	}
	if err := copyFile(a.args[0], target); err != nil {
		return err
	}
	d, err := db.Open(ctx, c.Database, loa.WallClock{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "restored to %s\n", target)
	return errors.Join(err, d.Close())
}

// copyFile writes a whole copy under another name first, so a cut leaves no
// half database where the server looks.
func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	dst, err := os.OpenFile(to+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		return errors.Join(err, os.Remove(to+".new"))
	}
	return os.Rename(to+".new", to)
}
