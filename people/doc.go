// Package people keeps the register of people, the posts they hold, and how
// they sign in.
//
// Rights belong to posts, posts are held by people from a day until a day, and
// a post can be lent to a named person for dated days: so a holiday, a transfer
// or a merger changes one row and no right. Nobody can give what is outside the
// places where they themselves manage people, and nobody can change how somebody
// signs in whose rights reach further than theirs.
//
// A person signs in with a password and a code (TOTP, RFC 6238), or with a
// passkey (WebAuthn Level 3). There is no default account and no default
// password. Being signed in shows the desk and approves nothing: an approval is
// an assertion over the document's bytes, which package signer checks against
// its own roster.
//
//	person.go    who there is
//	post.go      posts, who holds them, and the rights that gives today
//	welcome.go   a person with a post in one step, and sets of rights
//	handover.go  a post going from one person to the next, with its unfinished work
//	password.go  argon2id, and which passwords are refused
//	lockout.go   how wrong tries slow down the next one
//	signin.go    login, password and code
//	session.go   what a browser holds afterwards
//	link.go      a link that signs in once: the first day
//	recover.go   a lost phone, a forgotten password: printed codes, two colleagues
//	proof.go     showing again that it is them
//	told.go      what a person must read on their page
//	totp.go      setting up codes
//	passkey.go   adding passkeys, signing in with them, asking them to approve
//	province.go  the province's own sign-in (OpenID Connect)
//	table.go     the register as a table, out and in
//	roster.go    proposals to change the signer's roster, and who approved them
//	sql.go       rows
package people

import (
	"loa"
	"loa/db"
)

// Register is the register of people in one database.
type Register struct {
	DB     *db.DB
	RPID   string // WebAuthn relying party: the site's domain, "loa.example.vn"; passkeys are bound to it for ever
	Origin string // the site as browsers name it: "https://loa.example.vn"
	Issuer string // the name that authenticator apps and browsers show: "Loa Lam Xuyên"
	// OpenLinks lets a link sign in completely, with every right of its person.
	// Only a demonstration sets it: its people have no phones.
	OpenLinks bool
	// Unfinished makes whatever the giver wrote for these places and did not
	// finish the taker's, and says how much that was; nil where nobody writes.
	Unfinished func(tx *db.Tx, who loa.Actor, giver, taker Person, places []loa.Path) (int, error)
}
