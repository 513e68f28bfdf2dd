// Package bulletin is the outward line, from a typed text to a sealed receipt.
// Read the files in this order:
//
//	draft.go     1  write a text, attach places; ask for approval: spoken, encoded, bytes fixed
//	approve.go   2  who may say yes: never the author, and only after hearing it
//	sign.go      3  the signer seals exactly the approved bytes: the warrant
//	schedule.go  4  a place in a session, or at once inside allowed hours
//	dispatch.go  5  the plans of the communes it means, and whom it meant
//	             6  the speaker: package edge
//	playback.go  7  receipts come home: the playback log
//
// and beside the line, by what they serve:
//
//	the noun        bulletin.go, rendition.go, category.go, template.go, share.go, book.go
//	while writing   guess.go, doubt.go
//	approving       hearing.go, together.go, version.go, grant.go, remind.go, takeover.go
//	the station     regulation.go, standing.go, relay.go, session.go, order.go, plan.go, wanted.go,
//	                inbox.go, library.go, mute.go, pole.go
//	before it plays preview.go, conflict.go
//	going back      recall.go, replace.go, retain.go
//	reading         list.go, evidence.go, message.go, unheard.go
//
// The states and the moves between them:
//
//	draft → submitted → approved → sealed → scheduled → dispatched
//	          ↓ return                └──────── cancel, stop, expire ────────┘
//	        draft
//
// Every stage has one shape: a pure rule as a method on Bulletin, SQL as free
// functions on the transaction (sql.go), the journal entry as a return value.
package bulletin
