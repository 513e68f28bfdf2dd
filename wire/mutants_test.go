package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"filippo.io/edwards25519"

	"loa"
	"loa/seal"
	"loa/wire"
)

// mutants adds to a file what an attacker would try first: one good document,
// spoiled in one thing, or sealed by a key that may seal something else.
func mutants(s scribe) {
	switch s.file.Kind {
	case "warrant":
		mutantWarrants(s)
		mutantSeals(s)
	case "plan":
		s.add("a slot moved to the night after it was sealed", "seal.unknown_key", plan(), after(repacked(`"start":1772406000000`, `"start":1772395200000`)))
		s.add("a slot's warrant changed for another after it was sealed", "seal.unknown_key", plan(), after(repacked(hash("warrant"), hash("other"))))
		s.add("a slot's scope taken away after it was sealed", "seal.unknown_key", plan(), after(repacked(`"scope":["vn/97/97001/h/dong"],`, ``)))
		s.add("a third reading after it was sealed", "seal.unknown_key", plan(), after(repacked(`"repeat":1`, `"repeat":2`)))
		s.add("its last hour put off after it was sealed", "seal.unknown_key", plan(), after(repacked(`"until":1772643600000`, `"until":1772643600001`)))
		s.add("the device's own key", "seal.unknown_key", plan(), by("device"))
		s.add("the root's key", "seal.unknown_key", plan(), by("root"))
		s.add("the sibling commune's authority", "seal.wrong_role", plan(), by("sibling"))
		s.add("a class it has not", "document.unknown_key", plan(), written(`"path":`, `"class":"emergency","path":`))
		s.add("slots twice", "document.duplicate_key", plan(), written(`"slots":`, `"slots":[],"slots":`))
		s.add("slots in capitals", "document.unknown_key", plan(), written(`"slots":`, `"SLOTS":[],"slots":`))
		s.add("two seals where one is asked", "seal.signatures", plan(), by("dispatch", "commune"))
	case "beacon":
		s.add("a stop taken out after it was sealed", "seal.unknown_key", beacon(), after(repacked(`"now":["`+hash("warrant")+`"]`, `"now":[]`)))
		s.add("its epoch lowered after it was sealed", "seal.unknown_key", beacon(), after(repacked(`"epoch":1`, `"epoch":0`)))
		s.add("its time put back after it was sealed", "seal.unknown_key", beacon(), after(repacked(`"time":1772413200000`, `"time":1772413100000`)))
		s.add("the device's own key", "seal.unknown_key", beacon(), by("device"))
		s.add("the sibling commune's authority", "seal.wrong_role", beacon(), by("sibling"))
		s.add("a warrant sealed as a beacon", "document.unknown_key", siren())
		s.add("a number below nought", "beacon.malformed", beacon(), written(`"number":900`, `"number":-900`))
		s.add("a number written as text", "document.malformed", beacon(), written(`"number":900`, `"number":"900"`))
		s.add("a number with a nought before it", "document.malformed", beacon(), written(`"number":900`, `"number":0900`))
	case "placement":
		s.add("another device's key put in after it was sealed", "seal.unknown_key", placement(), after(repacked(text("device"), text("device 2"))))
		s.add("another device's placement by that device", "seal.unknown_key", placement(), by("device 2"), written(id("d1"), id("d2")))
		s.add("its zone changed after it was sealed", "seal.unknown_key", placement(), after(repacked(`z/song`, `z/cao`)))
		s.add("louder after it was sealed", "seal.unknown_key", placement(), after(repacked(`"cap":90`, `"cap":99`)))
		s.add("revoked made placed after it was sealed", "seal.unknown_key", placement(), written(`"revoked":false`, `"revoked":true`),
			after(repacked(`"revoked":true`, `"revoked":false`)))
		s.add("the beacon key", "seal.wrong_role", placement(), by("beacon"))
		s.add("a key one byte short", "key.malformed", placement(), written(text("device"), base64.StdEncoding.EncodeToString(key("device").Public[:31])))
		s.add("a key whose base64 has spare bits", "key.malformed", placement(), written(text("device"), spareBits(text("device"))))
	case "policy":
		s.add("quiet hours opened after it was sealed", "seal.unknown_key", policy(), after(repacked(`"until":420`, `"until":1440`)))
		s.add("a commune's policy by its sibling", "seal.wrong_path", policy(), by("sibling"), written(`"path":"vn/97"`, `"path":"vn/97/97001"`))
		s.add("the device's own key", "seal.unknown_key", policy(), by("device"))
		s.add("in force after it was sealed", "seal.unknown_key", policy(), after(repacked(`"version":4`, `"version":5`)))
	case "time":
		s.add("its nonce changed after it was sealed", "seal.unknown_key", clockTime(), after(repacked(id("n0nce"), id("n1nce"))))
		s.add("put back after it was sealed", "seal.unknown_key", clockTime(), after(repacked(`"sent":1772413200000150`, `"sent":1772413200009150`)))
		s.add("the device's own key", "seal.unknown_key", clockTime(), by("device"))
	case "receipt":
		s.add("its device changed after it was sealed", "seal.unknown_key", receipt(), after(repacked(id("d1"), id("d2"))))
		s.add("its start moved after it was sealed", "seal.unknown_key", receipt(), after(repacked(`"skew_us":-900`, `"skew_us":900`)))
		s.add("a line twice", "receipt.malformed", receipt(), written(`"n":12`, `"n":11`))
		s.add("two seals", "seal.unknown_key", receipt(), by("device 2", "stranger"))
	case "token":
		s.add("its date put off after it was sealed", "seal.unknown_key", token(), at(token().At), after(repacked(`"at":1772413200000`, `"at":1772413200001`)))
		s.add("its nonce changed after it was sealed", "seal.unknown_key", token(), at(token().At), after(repacked(id("n0nce"), id("n1nce"))))
		s.add("a nonce of 65 bytes", "token.malformed", token(), at(token().At), written(id("n0nce"), strings.Repeat("n", 65)))
		s.add("the node's beacon key", "seal.unknown_key", token(), at(token().At), by("beacon"))
	}
}

// mutantWarrants change what a warrant says, or whose places it says it for.
func mutantWarrants(s scribe) {
	normal := func(name, expected string, options ...option) { s.add(name, expected, play(), options...) }
	urgent := func(name, expected string, options ...option) { s.add(name, expected, siren(), options...) }
	for _, p := range []struct {
		name  string
		paths string
		want  string
	}{
		{"vn/0 for vn/01", `vn/01`, "seal.wrong_path"},
		{"vn/0 for a commune of vn/01", `vn/01/00004`, "seal.wrong_path"},
		{"vn/0 for its own commune", `vn/0/00004`, "ok"},
	} {
		normal(p.name, p.want, under("vn/0"), written(`"issuer":"vn/97/97001"`, `"issuer":"`+p.paths+`"`), written2(`"path":"vn/97/97001"`, `"path":"`+p.paths+`"`))
	}
	for _, p := range []string{"vn/01/000040", "vn/01/0000", "vn/01/00005", "vn/01", "vn/1/00004", "vn/01/h/00004", "vn/01/00004-"} {
		normal("vn/01/00004 for "+p, "seal.wrong_path", under("vn/01/00004"), written(`"issuer":"vn/97/97001"`, `"issuer":"vn/01/00004"`),
			written2(`"path":"vn/97/97001"`, `"path":"`+p+`"`))
	}
	for _, p := range []string{"", "/", "vn/", "vn//97001", "/vn/97/97001", "vn/97/97001/", "VN/97/97001", "vn/97/97001 ", "vn/97/../97/97001", "vn/97/97001/h/đông",
		"vn/97/9700\u0661", "v/97", "vnm/97", "vn/97/97001/h/a/h/b/h", "vn/97/97001/h/a/h/b/h/c"} {
		want := "path.malformed"
		if p == "vn/97/97001/h/a/h/b/h" {
			want = "ok" // eight segments
		}
		normal("a place "+strings.ReplaceAll(p, " ", "␠")+" in scope", want, written(`"path":"vn/97/97001"`, `"path":"`+p+`"`))
	}
	normal("a normal bulletin made a priority one after it was sealed", "seal.unknown_key", after(repacked(`"normal"`, `"priority"`)))
	urgent("an emergency made an exercise after it was sealed", "seal.unknown_key", after(repacked(`"emergency"`, `"exercise"`)))
	urgent("its number raised after it was sealed", "seal.unknown_key", after(repacked(`"seq":41`, `"seq":42`)))
	urgent("its number lowered after it was sealed", "seal.unknown_key", after(repacked(`"seq":41`, `"seq":40`)))
	urgent("its end put off after it was sealed", "seal.unknown_key", after(repacked(`"until":1772415000000`, `"until":1772500000000`)))
	urgent("its beginning brought forward after it was sealed", "seal.unknown_key", after(repacked(`"from":1772384400000`, `"from":1772384300000`)))
	urgent("its id changed after it was sealed", "seal.unknown_key", after(repacked(id("e1"), id("e2"))))
	urgent("a number of 2^53", "document.number", written(`"seq":41`, `"seq":9007199254740992`))
	urgent("a stop made a play of what it stops", "document.unknown_key", written(`"media":`, `"plays_all":1,"media":`))
	normal("an area taken away after it was sealed", "seal.unknown_key", written(`{"path":"vn/97/97001"}`, `{"path":"vn/97/97001","area":{"centre":{"lat":20950000,"lon":105750000},"radius":500}}`),
		after(repacked(`,"area":{"centre":{"lat":20950000,"lon":105750000},"radius":500}`, ``)))
	normal("a circle widened after it was sealed", "seal.unknown_key", written(`{"path":"vn/97/97001"}`, `{"path":"vn/97/97001","area":{"centre":{"lat":20950000,"lon":105750000},"radius":500}}`),
		after(repacked(`"radius":500`, `"radius":900`)))
	normal("a place added after it was sealed", "seal.unknown_key", after(repacked(`{"path":"vn/97/97001"}`, `{"path":"vn/97/97001"},{"path":"vn/97/97001/h/dong"}`)))
	normal("a scope of null", "document.null", written(`"scope":[{"path":"vn/97/97001"}]`, `"scope":null`))
	normal("a scope of one that is empty", "path.malformed", written(`{"path":"vn/97/97001"}`, `{}`))
	normal("a scope that is an object", "document.malformed", written(`"scope":[{"path":"vn/97/97001"}]`, `"scope":{"path":"vn/97/97001"}`))
	normal("its plays raised after it was sealed", "seal.unknown_key", after(repacked(`"plays":6`, `"plays":9`)))
	normal("synthetic made recorded after it was sealed", "seal.unknown_key", after(repacked(`"synthetic"`, `"recorded"`)))
	normal("a hash in capitals", "warrant.malformed", written(hash("sound"), strings.ToUpper(hash("sound"))))
	normal("a hash one character short", "warrant.malformed", written(hash("sound"), hash("sound")[1:]))
	normal("a class with a Cyrillic letter", "warrant.malformed", written(`"normal"`, `"n\u043ermal"`))
	normal("a class in capitals", "warrant.malformed", written(`"normal"`, `"Normal"`))
	normal("a class with a space after it", "warrant.malformed", written(`"normal"`, `"normal "`))
	normal("a kind with a Cyrillic letter", "document.kind", written(`"kind":"play"`, `"kind":"pl\u0430y"`))
	normal("an id with a full-width digit", "warrant.malformed", written(id("p1"), id("p1")[:23]+"\uff11"))
	normal("an id in capitals", "warrant.malformed", written(id("p1"), strings.ToUpper(id("p1"))))
	normal("a key with something nobody sees in it", "document.unknown_key", written(`"class":"normal"`, `"class":"normal","cl\u200bass":"emergency"`))
	normal("a key with a nought byte after it", "document.unknown_key", written(`"class":"normal"`, `"class":"normal","class\u0000":"emergency"`))
	normal("a language with a dotted capital I", "warrant.malformed", written(`"form":"mp3-64-32-1"`, `"form":"mp3-64-32-1","lang":"vi-\u0130"`))
	normal("31 combining marks in a row", "document.not_nfc", written("Lịch", "a"+strings.Repeat("\u0316", 31)))
	normal("30 combining marks in a row", "ok", written("Lịch", "a"+strings.Repeat("\u0316", 30)))
	normal("a title with U+FFFD", "document.not_nfc", written("Lịch", "\ufffd"))
	normal("a title that a Kelvin sign is in", "document.not_nfc", written("Lịch", "\u212a"))
	normal("true as text", "document.malformed", written(`"now":false`, `"now":"false"`))
	normal("now as nought", "document.malformed", written(`"now":false`, `"now":0`))
	normal("minus nought", "document.number", written(`"cap":80`, `"cap":-0`))
	normal("a nought before a number", "document.malformed", written(`"cap":80`, `"cap":080`))
	normal("a comment", "document.malformed", written(`"cap":80`, `"cap":80/**/`))
	normal("a comma at the end", "document.malformed", written(`"approval":"passkey"}`, `"approval":"passkey",}`))
	normal("a byte order mark", "document.malformed", written(`{"v":0`, "\ufeff"+`{"v":0`))
	normal("a line break in a text", "document.malformed", written("Lịch", "L\nch"))
	normal("a surrogate in UTF-8", "document.not_utf8", written("Lịch", "\xed\xa0\x80"))
	normal("a slash in two bytes", "document.not_utf8", written("Lịch", "\xc0\xaf"))
}

// mutantSeals change the envelope around a good warrant.
func mutantSeals(s scribe) {
	normal := func(name, expected string, options ...option) { s.add(name, expected, play(), options...) }
	sig := func(change func(sig []byte) []byte) option {
		return after(reopened(func(e *seal.Envelope) {
			b, err := base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
			if err != nil {
				panic(err)
			}
			e.Signatures[0].Sig = base64.StdEncoding.EncodeToString(change(b))
		}))
	}
	normal("S raised by the group's order", "seal.unknown_key", sig(raised))
	normal("one bit of R turned", "seal.unknown_key", sig(func(b []byte) []byte { b[0] ^= 1; return b }))
	normal("one bit of S turned", "seal.unknown_key", sig(func(b []byte) []byte { b[32] ^= 1; return b }))
	normal("R and S in the other order", "seal.unknown_key", sig(func(b []byte) []byte { return append(slices.Clone(b[32:]), b[:32]...) }))
	normal("a seal of 65 bytes", "seal.unknown_key", sig(func(b []byte) []byte { return append(b, 0) }))
	normal("a seal whose R is nought, by the right key", "seal.unknown_key", after(func(b []byte) []byte { return withoutNonce(b, "commune") }))
	normal("a seal by a key of small order", "seal.unknown_key", under("a key of small order"), after(withoutSecret))
	normal("the plain payload signed, without type and lengths", "seal.unknown_key", after(func(b []byte) []byte {
		return signedOver(b, "commune", func(_ string, payload []byte) []byte { return payload })
	}))
	normal("its hash signed", "seal.unknown_key", after(func(b []byte) []byte {
		return signedOver(b, "commune", func(kind string, payload []byte) []byte { h := sha256.Sum256(seal.PAE(kind, payload)); return h[:] })
	}))
	normal("the base64 signed instead of the bytes", "seal.unknown_key", after(func(b []byte) []byte {
		return signedOver(b, "commune", func(kind string, payload []byte) []byte {
			return seal.PAE(kind, []byte(base64.StdEncoding.EncodeToString(payload)))
		})
	}))
	normal("a key id in capitals", "seal.unknown_key", after(reopened(func(e *seal.Envelope) { e.Signatures[0].KeyID = strings.ToUpper(e.Signatures[0].KeyID) })))
	normal("a whole hash as key id", "seal.unknown_key", after(reopened(func(e *seal.Envelope) { e.Signatures[0].KeyID = loa.Hash(key("commune").Public) })))
	normal("no key id", "seal.unknown_key", after(reopened(func(e *seal.Envelope) { e.Signatures[0].KeyID = "" })))
	normal("nine seals", "seal.signatures", by("commune", "second", "third", "sibling", "province", "dispatch", "beacon", "root", "stranger"))
	normal("the device's own key", "seal.unknown_key", by("device"))
	normal("another province's key for the same commune code", "seal.unknown_key", by("commune of 98"))
	normal("a threshold of two met by one key and its neighbour's", "seal.signatures", under("two keys"), by("commune", "sibling"))
	normal("spare bits in the payload's base64", "document.malformed", written(`"title":"Lịch tiêm chủng tháng 3"`, `"title":"Lịch tiêm chủng 3"`),
		padded(), after(reopened(func(e *seal.Envelope) { e.Payload = spareBits(e.Payload) })))
	normal("spare bits in the seal's base64", "seal.unknown_key", after(reopened(func(e *seal.Envelope) { e.Signatures[0].Sig = spareBits(e.Signatures[0].Sig) })))
	normal("base64 without its padding", "document.malformed", padded(), after(reopened(func(e *seal.Envelope) { e.Payload = strings.TrimRight(e.Payload, "=") })))
	normal("base64 for addresses", "document.malformed", written("Lịch", "\u07ff\u07ff\u07ff"), after(reopened(func(e *seal.Envelope) {
		if !strings.ContainsAny(e.Payload, "+/") {
			panic("nothing to replace")
		}
		e.Payload = strings.NewReplacer("+", "-", "/", "_").Replace(e.Payload)
	})))
	normal("a byte above 0x7F in the base64", "document.malformed", after(reopened(func(e *seal.Envelope) { e.Payload = e.Payload[:40] + "\u2028" + e.Payload[41:] })))
	normal("a type in capitals", "document.wrong_type", after(reopened(func(e *seal.Envelope) { e.PayloadType = strings.ToUpper(e.PayloadType) })))
	normal("a type with a parameter", "document.wrong_type", after(reopened(func(e *seal.Envelope) { e.PayloadType += ";v=0" })))
	normal("no type", "document.wrong_type", after(reopened(func(e *seal.Envelope) { e.PayloadType = "" })))
	normal("a type with an escape in it", "seal.form", after(replace(`application/vnd`, `application\/vnd`)))
	normal("a key of the envelope with an escape in it", "seal.form", after(replace(`"payloadType"`, `"payload\u0054ype"`)))
	normal("its keys in another order", "seal.form", after(func(b []byte) []byte {
		i := bytes.Index(b, []byte(`,"payload":`))
		j := bytes.Index(b, []byte(`,"signatures"`))
		return slices.Concat([]byte("{"), b[i+1:j], []byte(","), b[1:i], b[j:])
	}))
	normal("a line break before the envelope", "seal.form", after(func(b []byte) []byte { return append([]byte("\n"), b...) }))
	normal("a byte order mark before the envelope", "document.malformed", after(func(b []byte) []byte { return append([]byte("\ufeff"), b...) }))
	normal("a list of one envelope", "document.malformed", after(func(b []byte) []byte { return slices.Concat([]byte("["), b, []byte("]")) }))
	normal("a seal that is null", "document.null", after(func(b []byte) []byte {
		return append(bytes.SplitAfter(b, []byte(`"sig":`))[0], "null}]}"...)
	}))
}

// chainMutants are delegations that reach too far.
func chainMutants(add func(name, expected string, change func([]deed) []deed, and func(*chain))) {
	commune := func(change func(*deed)) func([]deed) []deed {
		return func(d []deed) []deed { change(&d[1]); return d[:2] }
	}
	add("sealed by itself", "seal.unknown_key", commune(func(d *deed) { d.by = []string{"commune"} }), nil)
	add("sealed by its sibling", "delegation.widens", func(d []deed) []deed { d[1].by = []string{"sibling"}; return d[:3] }, nil)
	add("a commune that delegates though nobody let it", "delegation.widens", func(d []deed) []deed {
		return append(d[:2], give(seal.Authority, "hamlet", here+"/h/dong", "commune"))
	}, nil)
	add("a commune that was let delegate, to a hamlet", "ok", func(d []deed) []deed {
		d[1].Delegate = true
		return append(d[:2], give(seal.Authority, "hamlet", here+"/h/dong", "commune"))
	}, nil)
	add("a commune that was let delegate, to its sibling", "delegation.widens", func(d []deed) []deed {
		d[1].Delegate = true
		return append(d[:2], give(seal.Authority, "hamlet", sibling, "commune"))
	}, nil)
	add("one path inside its parent's, one outside", "delegation.widens", commune(func(d *deed) { d.Paths = append(d.Paths, "vn/98/98001") }), nil)
	add("a path that its parent's only begins", "delegation.widens", func(d []deed) []deed {
		d[0].Paths, d[1].Paths = []loa.Path{"vn/97/97001"}, []loa.Path{"vn/97/970010"}
		return d[:2]
	}, nil)
	add("a path with a slash at its end", "path.malformed", commune(func(d *deed) { d.Paths = []loa.Path{"vn/97/97001/"} }), nil)
	add("a path in capitals", "path.malformed", commune(func(d *deed) { d.Paths = []loa.Path{"VN/97/97001"} }), nil)
	add("a class in capitals", "delegation.widens", commune(func(d *deed) { d.Classes = []string{"Normal"} }), nil)
	add("an emergency its parent may not", "delegation.widens", func(d []deed) []deed { d[0].Classes = []string{"normal", "priority"}; return d[:2] }, nil)
	add("a threshold of two of which one sealed", "seal.unknown_key", func(d []deed) []deed {
		d[0].Keys, d[0].Threshold = []string{text("province"), text("second")}, 2
		return d[:2]
	}, nil)
	add("nine keys", "delegation.malformed", commune(func(d *deed) {
		for n := range strings.SplitSeq("abcdefgh", "") {
			d.Keys = append(d.Keys, text(n))
		}
	}), nil)
	add("17 paths", "delegation.malformed", commune(func(d *deed) { d.Paths = slices.Repeat([]loa.Path{here}, 17) }), nil)
	add("an epoch below nought", "delegation.malformed", commune(func(d *deed) { d.Epoch = -1 }), func(c *chain) { c.Floor = -1 })
	add("sealed as a placement", "document.wrong_type", commune(func(d *deed) { d.as = wire.PlacementType }), nil)
	add("wider by one byte after it was sealed", "seal.unknown_key", commune(func(*deed) {}), func(c *chain) {
		c.Delegations[1] = repacked(`vn/97/97001`, `vn/97/97002`)(c.Delegations[1])
	})
	add("let delegate after it was sealed", "seal.unknown_key", commune(func(*deed) {}), func(c *chain) {
		c.Delegations[1] = repacked(`"delegate":false`, `"delegate":true`)(c.Delegations[1])
	})
	add("its epoch raised after it was sealed", "seal.unknown_key", commune(func(d *deed) { d.Epoch = 1 }), func(c *chain) {
		c.Delegations[1] = repacked(`"epoch":1`, `"epoch":2`)(c.Delegations[1])
	})
	add("a delegation's role changed after it was sealed", "seal.unknown_key", func(d []deed) []deed { return d[3:4] }, func(c *chain) {
		c.Delegations[0] = repacked(`"role":"dispatch"`, `"role":"authority"`)(c.Delegations[0])
	})
	add("S raised by the group's order", "seal.unknown_key", func(d []deed) []deed { return d[:1] }, func(c *chain) {
		c.Delegations[0] = reopened(func(e *seal.Envelope) {
			b, err := base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
			if err != nil {
				panic(err)
			}
			e.Signatures[0].Sig = base64.StdEncoding.EncodeToString(raised(b))
		})(c.Delegations[0])
	})
}

// mutantChains are chains that documents above hang from.
func mutantChains(t *testing.T, into map[string]chain) {
	inForce := func(path loa.Path) chain {
		return makeChain(t, []deed{give(seal.Authority, "commune", path, "root")}, func(c *chain) { c.Root.Demo = false })
	}
	into["vn/0"], into["vn/01/00004"] = inForce("vn/0"), inForce("vn/01/00004")
	weak := give(seal.Authority, "commune", here, "root")
	weak.Keys = []string{seal.EncodePublic(smallOrder())}
	into["a key of small order"] = makeChain(t, []deed{weak}, nil)
}

// written2 replaces more text in the payload, after written did.
func written2(old, fresh string) option {
	return func(d *draft) {
		first := d.payload
		d.payload = func(b []byte) []byte { return replace(old, fresh)(first(b)) }
	}
}

// padded makes the payload one that base64 pads, by spaces in its title.
func padded() option {
	return func(d *draft) {
		first := d.payload
		d.payload = func(b []byte) []byte {
			if first != nil {
				b = first(b)
			}
			for len(b)%3 != 2 {
				b = replace(`"title":"`, `"title":" `)(b)
			}
			return b
		}
	}
}

// spareBits sets the bits of base64 that stand for nothing.
func spareBits(s string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := len(strings.TrimRight(s, "=")) - 1
	if i == len(s)-1 {
		panic("no spare bits in " + s)
	}
	return s[:i] + string(letters[strings.IndexByte(letters, s[i])+1]) + s[i+1:]
}

// raised adds the group's order to S: a verifier that does not compare them
// takes it for a second signature of the same key (RFC 8032, 5.1.7).
func raised(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(sig[:32]), sum...)
}

func identity() []byte { return edwards25519.NewIdentityPoint().Bytes() }

// smallOrder is a public key under which a signature holds without anybody
// knowing a secret: the point (0, −1), of order two.
func smallOrder() ed25519.PublicKey {
	b := make([]byte, 32)
	for i := range b {
		b[i] = 0xff
	}
	b[0], b[31] = 0xec, 0x7f
	return b
}

// withoutNonce signs an envelope anew with a nonce of nought: R is the identity
// and S is k·a. crypto/ed25519 takes it, libsodium does not.
func withoutNonce(envelope []byte, name string) []byte {
	return reopened(func(e *seal.Envelope) {
		payload, err := base64.StdEncoding.DecodeString(e.Payload)
		if err != nil {
			panic(err)
		}
		secret := sha512.Sum512(key(name).Seed())
		a, err := edwards25519.NewScalar().SetBytesWithClamping(secret[:32])
		if err != nil {
			panic(err)
		}
		sum := sha512.Sum512(slices.Concat(identity(), key(name).Public, seal.PAE(e.PayloadType, payload)))
		k, err := edwards25519.NewScalar().SetUniformBytes(sum[:])
		if err != nil {
			panic(err)
		}
		sig := append(identity(), edwards25519.NewScalar().Multiply(k, a).Bytes()...)
		if !ed25519.Verify(key(name).Public, seal.PAE(e.PayloadType, payload), sig) {
			panic("it was to hold by RFC 8032")
		}
		e.Signatures[0].Sig = base64.StdEncoding.EncodeToString(sig)
	})(envelope)
}

// withoutSecret seals an envelope under a key of small order, which takes no
// secret: R the identity and S nought hold for one document in two.
func withoutSecret(envelope []byte) []byte {
	return reopened(func(e *seal.Envelope) {
		sig := append(identity(), make([]byte, 32)...)
		payload, err := base64.StdEncoding.DecodeString(e.Payload)
		for err == nil && !ed25519.Verify(smallOrder(), seal.PAE(e.PayloadType, payload), sig) {
			payload = replace(`"title":"`, `"title":" `)(payload)
		}
		e.Payload = base64.StdEncoding.EncodeToString(payload)
		e.Signatures[0] = seal.Signature{KeyID: seal.KeyID(smallOrder()), Sig: base64.StdEncoding.EncodeToString(sig)}
	})(envelope)
}

// signedOver signs other bytes than DSSE's.
func signedOver(envelope []byte, name string, what func(kind string, payload []byte) []byte) []byte {
	return reopened(func(e *seal.Envelope) {
		payload, err := base64.StdEncoding.DecodeString(e.Payload)
		if err != nil {
			panic(err)
		}
		private := ed25519.NewKeyFromSeed(key(name).Seed())
		e.Signatures[0].Sig = base64.StdEncoding.EncodeToString(ed25519.Sign(private, what(e.PayloadType, payload)))
	})(envelope)
}

// TestMutants counts what reliability asks for (S-02): at least sixty documents
// that nobody may obey, each refused for its own reason; and every way of being
// wrong that it lists is among them.
func TestMutants(t *testing.T) {
	refused, reasons := map[string]int{}, map[string]int{}
	names := map[string]string{}
	all := 0
	for _, file := range makeVectors(t) {
		for _, v := range file.Vectors {
			names[file.Kind+": "+v.Name] = v.Expected
			if v.Expected != "ok" {
				refused[file.Kind]++
				reasons[v.Expected]++
				all++
			}
		}
	}
	for asked, name := range map[string]string{
		"wrong key":                          "warrant: a stranger's key",
		"key for a sibling unit":             "warrant: the sibling commune's key",
		"class raised":                       "warrant: a normal bulletin made a priority one after it was sealed",
		"scope widened":                      "warrant: the scope widened after it was sealed",
		"empty scope (S-16)":                 "warrant: an empty scope",
		"no scope (S-16)":                    "warrant: no scope",
		"expired":                            "warrant: after its key's delegation",
		"not yet":                            "warrant: before its key's delegation",
		"number changed":                     "warrant: its number raised after it was sealed",
		"unknown critical field":             "warrant: a key no reader knows",
		"duplicate key":                      "warrant: the class twice",
		"keys differing in case":             "warrant: the class twice, once in capitals",
		"trailing bytes":                     "warrant: something after the document",
		"truncated":                          "warrant: cut off",
		"algorithm none":                     "warrant: algorithm none",
		"threshold 1 of 2":                   "warrant: one of two keys",
		"same key twice":                     "warrant: the same key twice",
		"revoked key":                        "chain: all from an epoch below the floor",
		"exercise flag cleared":              "warrant: an exercise made an emergency after it was sealed",
		"other payload type":                 "warrant: sealed as a plan",
		"other payload type, changed after":  "warrant: sealed as a plan, the type changed after",
		"media hash swap":                    "warrant: a sound changed after it was sealed",
		"confusable id":                      "warrant: an id with a full-width digit",
		"vn/0 against vn/01":                 "warrant: vn/0 for vn/01",
		"vn/01/000040":                       "warrant: vn/01/00004 for vn/01/000040",
		"another device's placement":         "placement: another device's key put in after it was sealed",
		"non-canonical S":                    "warrant: S raised by the group's order",
		"non-canonical base64":               "warrant: spare bits in the payload's base64",
		"spare bits in a seal":               "warrant: spare bits in the seal's base64",
		"white space in an envelope":         "warrant: a space in the envelope",
		"signatures out of order":            "warrant: two seals in the other order",
		"delegation that widens by path":     "chain: a path beside its parent's",
		"delegation that widens by class":    "chain: a class its parent has not",
		"delegation that widens by dates":    "chain: until after its parent",
		"beacon key that seals a warrant":    "warrant: the beacon key",
		"dispatch key that seals a warrant":  "warrant: the dispatch key",
		"key of small order":                 "warrant: a seal by a key of small order",
		"nonce of nought":                    "warrant: a seal whose R is nought, by the right key",
		"demonstration in a real province":   "chain: a demonstration's root outside its provinces",
		"receipt of another device":          "receipt: another device's key",
		"token of another device":            "token: another device's key",
		"time answered to somebody else":     "time: its nonce changed after it was sealed",
		"plan that moves a slot":             "plan: a slot moved to the night after it was sealed",
		"policy that opens the quiet hours":  "policy: quiet hours opened after it was sealed",
		"beacon that lowers the epoch":       "beacon: its epoch lowered after it was sealed",
		"stop of nothing":                    "warrant: a stop of nothing",
		"weak approval of an emergency":      "warrant: a weak approval of an emergency",
		"release by an authority":            "release: by the commune's authority",
		"text that is not NFC":               "warrant: a title that is not NFC",
		"document deeper than eight":         "warrant: nine levels",
		"document above its size":            "warrant: above 4 KB",
		"number beyond 2^53":                 "warrant: 2^53",
		"an envelope that can be written so": "warrant: a type with an escape in it",
	} {
		if got, ok := names[name]; !ok || got == "ok" {
			t.Errorf("%s: no vector %q that is refused", asked, name)
		}
	}
	if all < 300 || refused["warrant"] < 150 || len(reasons) < 30 {
		t.Errorf("%d mutants %v for %d reasons", all, refused, len(reasons))
	}
	t.Logf("%d mutants for %d reasons, by kind %v", all, len(reasons), refused)
}
