package speaker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/wire"
)

// PlanLife is how long a plan is good for: what a device can play without a
// node or a network.
const PlanLife = 72 * time.Hour

// WritePlan seals the complete list of a commune's slots, and its mutes, as its
// next plan and a beacon that says so, and returns what to say at the doors. The caller's
// transaction holds the commune until it commits, so versions never race.
func WritePlan(tx *db.Tx, keys Keys, commune loa.Path, slots []wire.Slot) (version int64, emit journal.Emit, err error) {
	if err := lockCommune(tx, commune); err != nil {
		return 0, emit, err
	}
	if err := tx.Row(`SELECT plan_version FROM commune WHERE path = ?`, commune).Scan(&version); err != nil {
		return 0, emit, fmt.Errorf("read plan version: %w", err)
	}
	version = rise(tx, version)
	slices.SortFunc(slots, func(a, b wire.Slot) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID))
	})
	plan := wire.Plan{
		V: wire.Version, Kind: "plan", Path: commune, Version: version,
		Made: tx.NowMS(), Until: tx.Now().Add(PlanLife).UnixMilli(), Slots: slots,
	}
	if plan.Slots == nil {
		plan.Slots = []wire.Slot{}
	}
	if plan.Mutes, err = PlanMutes(tx, commune, plan.Until); err != nil {
		return 0, emit, err
	}
	if err := plan.Check(); err != nil {
		return 0, emit, err
	}
	payload, err := wire.Encode(plan)
	if err != nil {
		return 0, emit, err
	}
	if len(payload) > wire.MaxPlan {
		return 0, emit, loa.Errorf(loa.Conflict, "plan.too_large", len(slots))
	}
	sealed, err := seal.Seal(wire.PlanType, payload, keys.Dispatch)
	if err != nil {
		return 0, emit, err
	}
	hash, err := Keep(tx, wire.PlanType, commune, sealed)
	if err != nil {
		return 0, emit, err
	}
	if _, err := tx.Exec(`UPDATE commune SET plan = ?, plan_version = ? WHERE path = ?`, hash, version, commune); err != nil {
		return 0, emit, fmt.Errorf("write plan: %w", err)
	}
	emit, err = WriteBeacon(tx, keys, commune)
	return version, emit, err
}
