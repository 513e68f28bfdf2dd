// Package form takes notices from bodies outside the commune's office: the power
// company, the clinic, a school, a cooperative, whoever recruits. Such a body does
// not write freely. It fills in the fields that its kind of notice has, and the
// text is made of them: some provinces allow outsiders listed kinds of notice and
// listed facts only, and no advertising (Thừa Thiên Huế, Decision 29/2021). What
// comes in waits for the officer, who checks it and sends it for approval as a
// bulletin of the commune; the body sees when it was played.
//
// Read kind.go (the kinds, their fields and their words), fill.go (from fields to
// a text), photo.go (the stamped paper), send.go (who may send), inbox.go (what
// the officer does with it), link.go (a form without an account).
package form
