package storm

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// World is what devices were given: whom they believe and who they are.
type World struct {
	Root        seal.Root
	Delegations [][]byte
	Cards       []Card
}

// ReadWorld reads what Write wrote.
func ReadWorld(file string) (w World, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return w, fmt.Errorf("read world: %w", err)
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return w, fmt.Errorf("read world: %w", err)
	}
	return w, nil
}

// Write keeps a world for the children.
func (w World) Write(dir string) (file string, err error) {
	b, err := json.Marshal(w)
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "world.json")
	return file, os.WriteFile(file, b, 0o600)
}

const province loa.Path = "vn/98"

// communes are how many of them stand in the province, with invented codes.
const communes = 150

func communeOf(i int) loa.Path { return province + loa.Path(fmt.Sprintf("/%05d", 98100+i%communes)) }

// card makes a device's key and the placement that has to be sealed.
func card(i int) (Card, wire.Placement, error) {
	k, err := seal.NewKey()
	if err != nil {
		return Card{}, wire.Placement{}, err
	}
	now := time.Now()
	c := Card{ID: loa.NewID(now), Seed: k.Seed()}
	return c, wire.Placement{V: wire.Version, Kind: "placement", Device: c.ID, Pole: loa.NewID(now), Code: fmt.Sprintf("S%05d", i),
		Name: fmt.Sprintf("Cột %d", i), Key: seal.EncodePublic(k.Public), Version: now.UnixMilli(), Paths: []loa.Path{communeOf(i)}, Cap: 90}, nil
}

// Chain is a small world of its own for a door without a node: an authority of
// one key that placed the devices, and one of two keys that must both seal what
// is to sound.
type Chain struct {
	World
	both []seal.Key
}

// NewChain makes a world of n devices.
func NewChain(n int) (c Chain, err error) {
	keys := make([]seal.Key, 4)
	for i := range keys {
		if keys[i], err = seal.NewKey(); err != nil {
			return c, err
		}
	}
	c.Root = seal.Root{Name: "Lam Xuyên (giả định)", Keys: []string{seal.EncodePublic(keys[0].Public)}, Threshold: 1, Demo: true}
	c.both = keys[2:]
	now := time.Now()
	for _, holders := range [][]seal.Key{keys[1:2], c.both} {
		d := seal.Delegation{Kind: "delegation", Role: seal.Authority, Threshold: len(holders), Paths: []loa.Path{province},
			Classes: wire.Classes(), From: now.Add(-time.Hour).UnixMilli(), Until: now.Add(24 * time.Hour).UnixMilli()}
		for _, k := range holders {
			d.Keys = append(d.Keys, seal.EncodePublic(k.Public))
		}
		b, err := json.Marshal(d)
		if err != nil {
			return c, err
		}
		sealed, err := seal.Seal(seal.DelegationType, b, keys[0])
		if err != nil {
			return c, err
		}
		c.Delegations = append(c.Delegations, sealed)
	}
	for i := range n {
		device, p, err := card(i)
		if err != nil {
			return c, err
		}
		b, err := wire.Encode(p)
		if err != nil {
			return c, err
		}
		if device.Placement, err = seal.Seal(wire.PlacementType, b, keys[1]); err != nil {
			return c, err
		}
		c.Cards = append(c.Cards, device)
	}
	return c, nil
}

// Warrant is an emergency of real size under two seals: about 1.4 KB.
func (c Chain) Warrant(seq int64) ([]byte, error) {
	now := time.Now()
	w := wire.Warrant{V: wire.Version, Kind: "play", ID: loa.NewID(now), Class: wire.Emergency, Issuer: province, Author: loa.NewID(now),
		Title: "Khẩn cấp: nước sông lên nhanh, bà con rời bãi sông ngay", From: now.UnixMilli(), Until: now.Add(time.Hour).UnixMilli(),
		Scope: []wire.Place{{Path: province}}, PlaysDay: 3, Plays: 3, Cap: 100, Event: loa.NewID(now), Now: true, Seq: seq,
		Speech: "synthetic", Approval: "passkey",
		Media: []wire.Media{
			{Hash: loa.Hash([]byte("siren")), Bytes: 120 * wire.FrameBytes, MS: 120 * 36, Form: wire.CanonicalForm},
			{Hash: loa.Hash([]byte("voice")), Bytes: 800 * wire.FrameBytes, MS: 800 * 36, Form: wire.CanonicalForm, Lang: "vi"},
		}}
	b, err := wire.Encode(w)
	if err != nil {
		return nil, err
	}
	sealed, err := seal.Seal(wire.WarrantType, b, c.both...)
	if err != nil {
		return nil, err
	}
	trust, err := seal.NewTrust(c.Root, c.Delegations, 0)
	if err != nil {
		return nil, err
	}
	_, err = wire.OpenWarrant(trust, sealed, now.UnixMilli())
	return sealed, err
}

// stage is the province's places, as a list to import.
func stage() string {
	var b strings.Builder
	b.WriteString("path,code,parent,level,type,name,valid_from,valid_to,predecessors\n")
	for i := range communes {
		p := communeOf(i)
		fmt.Fprintf(&b, "%s,%s,%s,commune,xa,Xã thử %d,2025-07-01,,\n", p, p[len(province)+1:], province, i+1)
	}
	return b.String()
}
