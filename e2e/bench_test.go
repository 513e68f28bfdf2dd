package e2e_test

import (
	"slices"
	"testing"
	"time"

	"loa/e2e"
	"loa/wire"
)

// BenchmarkApprovalToSample measures, with ten agents over real MQTT and HTTP,
// the time from a leader's approval (the passkey's answer posted) to the first
// sample at the output of the last of the ten speakers, as their receipts say:
// sealing, phát ngay with a lead of half a second, dispatch, the beacon over
// MQTT, fetching plan, warrant and sound. All must have played.
func BenchmarkApprovalToSample(b *testing.B) {
	town := e2e.Start(b, e2e.Options{Agents: 10, Lead: "500ms"})
	server := town.Servers[0]
	town.Author.At(server)
	town.Leader.At(server)
	var took []int64 // milliseconds
	for b.Loop() {
		id, err := town.Author.Write("Họp thôn tối nay", "Mời bà con họp.")
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now().UnixMilli()
		if err := town.Leader.Approve(id); err != nil {
			b.Fatal(err)
		}
		if err := town.Leader.PlayNow(id); err != nil {
			b.Fatal(err)
		}
		town.Eventually("receipts", 20*time.Second, func() bool { return len(town.Log(id)) == len(town.Agents) })
		var last int64
		for _, p := range town.Log(id) {
			if p.Result != wire.Played {
				b.Fatalf("box %s: %s %s", p.Box, p.Result, p.Why)
			}
			last = max(last, p.Started)
		}
		took = append(took, last-began)
		<-time.After(4 * time.Second) // the air must be free again
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ms")
	b.ReportMetric(float64(took[len(took)-1]), "max-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStart measures a server's start on an empty folder, with its signer
// and all migrations, and on the same folder again.
func BenchmarkStart(b *testing.B) {
	var first, again []time.Duration
	for b.Loop() {
		town := e2e.Start(b, e2e.Options{})
		first = append(first, town.Servers[0].Took)
		town.Servers[0].Kill()
		town.Servers[0].Up()
		again = append(again, town.Servers[0].Took)
		town.Servers[0].Kill()
	}
	slices.Sort(first)
	slices.Sort(again)
	b.ReportMetric(float64(first[len(first)/2].Milliseconds()), "empty-ms")
	b.ReportMetric(float64(again[len(again)/2].Milliseconds()), "again-ms")
	b.ReportMetric(0, "ns/op")
}
