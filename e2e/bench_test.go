package e2e_test

import (
	"slices"
	"testing"
	"time"

	"loa/e2e"
)

// BenchmarkApprovalToSample measures, with ten agents over real MQTT and HTTP,
// the time from a leader's approval (the passkey's answer posted) to the first
// sample of the last of the ten speakers: sealing, phát ngay with a lead of one
// second, dispatch, the beacon over MQTT, fetching plan, warrant and sound.
func BenchmarkApprovalToSample(b *testing.B) {
	town := e2e.Start(b, e2e.Options{Agents: 10, Lead: "1s"})
	server := town.Servers[0]
	town.Author.At(server)
	town.Leader.At(server)
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		id, err := town.Author.Write("Họp thôn tối nay", "Mời bà con họp.")
		if err != nil {
			b.Fatal(err)
		}
		sounds := town.Agents[0].Horn.Sounds()
		b.StartTimer()
		began := time.Now()
		if err := town.Leader.Approve(id); err != nil {
			b.Fatal(err)
		}
		if err := town.Leader.PlayNow(id); err != nil {
			b.Fatal(err)
		}
		town.Eventually("sound", 20*time.Second, func() bool {
			return !slices.ContainsFunc(town.Agents, func(a *e2e.Agent) bool { return a.Horn.Sounds() <= sounds })
		})
		b.StopTimer()
		var last time.Time
		for _, a := range town.Agents {
			if at := a.Horn.Began(); at.After(last) {
				last = at
			}
		}
		took = append(took, last.Sub(began))
		town.Eventually("receipts", 20*time.Second, func() bool { return len(town.Log(id)) == len(town.Agents) })
		b.StartTimer()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "max-ms")
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
