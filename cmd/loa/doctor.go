package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/lang"
	"loa/node"
	"loa/signer"
	"loa/sound"
	"loa/voice"
)

// doctor says how this machine is configured, with secrets hidden, and what is
// wrong. It changes nothing but one probe file in the sound folder.
func doctor(ctx context.Context, a *app) error {
	if len(a.args) > 0 {
		return errUsage
	}
	c, err := node.FromEnv(a.getenv)
	if err != nil {
		return err
	}
	if err := c.Print(a.out); err != nil {
		return err
	}
	catalog, err := lang.Load()
	if err != nil {
		return err
	}
	bad := 0
	say := func(ok bool, what string) {
		mark := "ok  "
		if !ok {
			mark, bad = "BAD ", bad+1
		}
		fmt.Fprintln(a.out, mark, what)
	}
	fmt.Fprintln(a.out)
	checkRoom(c, say)
	checkDatabase(ctx, c, say)
	checkSounds(ctx, c, say)
	checkKeys(ctx, c, say)
	for _, f := range programs() {
		say(f.look(ctx))
	}
	checkLinked(say)
	if a.memory > 0 {
		say(true, fmt.Sprintf("memory: a tool or server started like this keeps below %d MB", a.memory>>20))
	} else {
		say(true, "memory: no limit is set; give the unit MemoryMax, and the server keeps to three quarters of it")
	}
	checkVoice(ctx, c, say)
	report, err := sound.Probe(ctx, sound.Encoder{FFmpeg: "ffmpeg", Self: a.self})
	if err != nil {
		say(false, "sandbox: "+err.Error())
	}
	for _, f := range report.Findings() {
		say(f.OK, catalog.T("en", f.Key, f.Args...))
	}
	if bad > 0 {
		return fmt.Errorf("%d of the checks above failed", bad)
	}
	return nil
}

func checkDatabase(ctx context.Context, c node.Config, say func(bool, string)) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		say(false, "folder: "+err.Error())
		return
	}
	d, err := db.Open(ctx, c.Database, loa.WallClock{})
	if err != nil {
		say(false, "database: "+err.Error())
		return
	}
	name, version, err := d.Version(ctx)
	for _, f := range databases() {
		if f.name == name {
			ok, says := f.judge("database answers: "+name, version)
			say(ok, says)
		}
	}
	if err != nil {
		say(false, "database: "+err.Error())
	}
	if err := d.Close(); err != nil {
		say(false, "database: "+err.Error())
	}
}

// checkRoom says what the disk still takes and what is held back for the day it
// is full.
func checkRoom(c node.Config, say func(bool, string)) {
	room, err := db.RoomOn(c.Dir)
	if err != nil {
		say(errors.Is(err, os.ErrNotExist), "disk: "+err.Error())
		return
	}
	reserve := &db.Reserve{Dir: c.Dir}
	held := reserve.Laid()
	text := fmt.Sprintf("disk: %d MB free, %d MB held back for a full disk", room.Free>>20, held>>20)
	if held == 0 {
		text += " (loa serve lays the reserve as soon as there is room)"
	}
	if room.Files >= 0 {
		text += fmt.Sprintf(", room for %d more files", room.Files)
	}
	if room.ReadOnly {
		text += ", READ-ONLY"
	}
	say(!room.ReadOnly && room.Free > 256<<20 && (room.Files < 0 || room.Files > 1000), text)
}

// checkVoice has the configured engine say two words: it costs a cloud engine a
// few characters and proves the key, the link and the fallback. The sound is not
// taken from the cache, because each minute has words of its own.
func checkVoice(ctx context.Context, c node.Config, say func(bool, string)) {
	engine, _, err := c.Voice(loa.WallClock{}, slog.New(slog.DiscardHandler))
	if err != nil {
		say(false, "speech: "+err.Error())
		return
	}
	said, err := engine.Say(ctx, "Xin chào, "+voice.Normalizer{}.Speak(loa.WallClock{}.Now().Format("15:04 02/01/2006")).Text, voice.Voice{})
	if err != nil {
		say(false, "speech: "+engine.Name()+": "+err.Error())
		return
	}
	say(strings.HasPrefix(said.By, engine.Name()), fmt.Sprintf("speech: %s spoke %d bytes; %d voices", said.By, len(said.WAV), len(engine.Models())))
}

// checkSounds proves that the sound folder takes a file and gives it back.
func checkSounds(ctx context.Context, c node.Config, say func(bool, string)) {
	blobs := &db.Blobs{Dir: c.Blobs}
	hash, err := blobs.Put(ctx, []byte("loa doctor was here\n"))
	if err == nil {
		_, err = blobs.Get(hash)
	}
	if err != nil {
		say(false, "sound folder: "+err.Error())
		return
	}
	say(true, "sound folder keeps and gives back: "+c.Blobs)
}

// checkKeys looks at the node's keys and, when the signer answers, at its.
func checkKeys(ctx context.Context, c node.Config, say func(bool, string)) {
	root, err := node.LoadRoot(c.Keys)
	if err == nil {
		_, err = node.LoadKeys(c.Keys)
	}
	if err != nil {
		say(false, "node keys: "+err.Error())
		return
	}
	say(true, "node keys: "+c.Keys+", root "+root.Fingerprint()[:16])
	socket := socketOf(c)
	info, err := signer.Client{Socket: socket}.Describe(ctx)
	if err != nil && c.Signer == "" {
		say(true, "signer: not running; loa serve starts it")
		return
	}
	if err != nil {
		say(false, "signer does not answer at "+socket)
		return
	}
	if same := sameUser(socket); same {
		say(true, "signer answers (as the same user as this one: its own user is safer, docs/operate.md)")
	} else {
		say(true, "signer answers, as a user of its own")
	}
	if now := info.Root; now.Version > 0 {
		say(true, fmt.Sprintf("root %s holds, the %d. that followed", now.Fingerprint()[:16], now.Version))
	}
	for _, k := range info.Keys {
		left := time.UnixMilli(k.Until).Sub(loa.WallClock{}.Now())
		say(left > 30*24*time.Hour || root.Demo, fmt.Sprintf("authority key %s for %v: %d days left", k.ID[:8], k.Paths, int(left.Hours()/24)))
	}
}
