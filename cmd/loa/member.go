package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/node"
	"loa/people"
	"loa/signer"
	"loa/unit"
)

// keyMember puts the newest passkey of a person in the register onto the
// signer's roster. Only the owner of the signer's folder can, and only until the
// roster has two keepers: from then on it changes by their approvals (/roster).
func keyMember(ctx context.Context, a *app) error {
	f := flag.NewFlagSet("key member", flag.ContinueOnError)
	f.SetOutput(a.errs)
	login := f.String("login", "", "who, as they sign in; a passkey was added at /me before")
	duties := f.String("duties", "", "what the person's approval counts for: approve, stop, place, policy, roster, live, with commas")
	paths := f.String("paths", "", "for which places, with all below them, with commas: vn/98,…")
	if err := f.Parse(a.args[1:]); err != nil || *login == "" || *duties == "" || *paths == "" || f.NArg() > 0 {
		return errUsage
	}
	dutyList, err := parseDuties(*duties)
	if err != nil {
		return err
	}
	return withDB(ctx, a, func(c node.Config, d *db.DB) error {
		places, err := findPlaces(ctx, &unit.Register{DB: d}, *paths)
		if err != nil {
			return err
		}
		reg := &people.Register{DB: d, RPID: c.RPID(), Origin: c.Origin, Issuer: "Loa"}
		p, err := findLogin(ctx, reg, *login)
		if err != nil {
			return err
		}
		if !p.Disabled.IsZero() {
			return loa.Errorf(loa.Conflict, "people.disabled", p.Name)
		}
		keys, err := reg.Passkeys(ctx, p.ID)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return loa.Errorf(loa.Conflict, "member.no_passkey", p.Name, c.Origin+"/me")
		}
		newest := keys[len(keys)-1]
		m, err := node.NewMember(p, newest, places, dutyList)
		if err != nil {
			return err
		}
		if err := signer.Bootstrap(c.SignerDir, m); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s  passkey %q of %s  %s  %s\n", p.Name, newest.Name,
			newest.Added.In(loa.Zone()).Format("15:04 02/01/2006"), *duties, *paths)
		return err
	})
}

func parseDuties(words string) (all []signer.Duty, err error) {
	known := []signer.Duty{signer.DutyApprove, signer.DutyStop, signer.DutyPlace, signer.DutyPolicy, signer.DutyRoster, signer.DutyLive}
	for word := range strings.SplitSeq(words, ",") {
		d := signer.Duty(strings.TrimSpace(word))
		if !slices.Contains(known, d) || slices.Contains(all, d) {
			return nil, loa.Errorf(loa.Invalid, "member.duty", word)
		}
		all = append(all, d)
	}
	return all, nil
}

// findPlaces reads paths and asks the register for each, so that a slip of the
// keyboard is found now and not on the day of the first approval.
func findPlaces(ctx context.Context, units *unit.Register, words string) (all []loa.Path, err error) {
	for word := range strings.SplitSeq(words, ",") {
		p, err := loa.ParsePath(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		if _, err := units.Find(ctx, p); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
