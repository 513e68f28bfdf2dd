// Package journal is the book. Every change writes one row into it, in the
// transaction that makes the change; the row is the audit record, and what the
// change lets out of the house (bytes for a speaker's topic, a word to the other
// processes) hangs on it in the outbox. Nothing leaves that is not in the book:
//
//	append.go   in the flow's transaction: the row and what it emits
//	claim.go    after commit: a process takes rows for a while, speaks them, marks them
//	list.go     the book as officials read it
//
// A process that dies between commit and speaking loses nothing: its claim
// lapses and another process speaks. So a row may be spoken twice, never not at
// all, and whoever hears it must not mind; Pending.ID is the same both times.
package journal

import (
	"slices"

	"loa"
)

// Entry is one change, as the step that made it tells it.
type Entry struct {
	Verb    string   // noun.verb in the past tense, e.g. "bulletin.approved"
	Path    loa.Path // the place it concerns, "" for the whole node
	Subject string   // id of the noun it concerns
	Data    any      // written as JSON: enough to understand the change years later
	Emits   []Emit   // what leaves because of it, in this order
}

// Emit is something that leaves the house once the change is committed.
type Emit struct {
	Topic string // a device topic, or a word between processes: "watch…", "wake…"
	Body  []byte // the bytes for a device topic; empty for a word
	First bool   // sounds on arrival: whoever commits says it from memory (Own)
}

// First reports whether the entry lets something out that cannot wait.
func (e Entry) First() bool {
	return slices.ContainsFunc(e.Emits, func(m Emit) bool { return m.First })
}
