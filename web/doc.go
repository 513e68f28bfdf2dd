// Package web is what every face of Loa shares: one table of routes with the
// right each needs, the way from a request to a signed-in actor, errors as
// sentences, pages in the reader's language, and the stream that tells a page
// that something changed.
//
//	route.go    the table, and the checks every request passes
//	session.go  cookie → person → rights
//	fault.go    errors → status, sentence, page or JSON
//	page.go     templates and what they may call
//	say.go      dates, times and lengths as people here say them
//	static.go   scripts and styles under names that change with their bytes
//	hub.go      what changed, to the pages that show it
//
// A page needs no script to be read and used; scripts only spare reloading,
// report that a sound was heard to its end, and ask the passkey.
package web
