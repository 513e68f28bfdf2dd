package door

import (
	"slices"
	"sync"

	"loa"
	"loa/wire"
)

// noncesPerDevice is how many sign-ins a device has in two minutes. A device on
// a bad line reconnects every few seconds at most; the bound keeps one stolen
// key from filling the memory that all devices share.
const noncesPerDevice = 32

// nonces remembers tokens until they are too old to open anything: a token may
// be dated TokenLife ahead and is good for TokenLife after its date. It lives in
// memory: a token stolen on its way could be used once more at another door, or
// after a restart, within those two minutes. Who does so takes the device's
// connection, hears what every device in the commune hears, and can send beats,
// which are no evidence.
type nonces struct {
	each, all int // how many at most: per device, in all

	mu   sync.Mutex
	used map[string][]nonce // by device, the oldest first
	n    int
}

type nonce struct {
	text  string
	until int64 // UTC milliseconds
}

func newNonces(each, all int) *nonces {
	return &nonces{each: each, all: all, used: map[string][]nonce{}}
}

// use takes a nonce, or says why it cannot be had. now is in UTC milliseconds.
func (n *nonces) use(device, text string, now int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(device, now)
	mine := n.used[device]
	if slices.ContainsFunc(mine, func(o nonce) bool { return o.text == text }) {
		return loa.Errorf(loa.Forbidden, "token.replayed")
	}
	if len(mine) >= n.each {
		return loa.Errorf(loa.Unavailable, "door.too_often")
	}
	if n.n >= n.all {
		for other := range n.used {
			n.forget(other, now)
		}
		if n.n >= n.all {
			return loa.Errorf(loa.Unavailable, "door.full")
		}
	}
	n.used[device] = append(n.used[device], nonce{text, now + 2*wire.TokenLife})
	n.n++
	return nil
}

// forget drops what is too old. A token dated exactly TokenLife ahead still
// opens in the last millisecond, so that one is kept.
func (n *nonces) forget(device string, now int64) {
	before := len(n.used[device])
	kept := slices.DeleteFunc(n.used[device], func(o nonce) bool { return o.until < now })
	n.n -= before - len(kept)
	if len(kept) == 0 {
		delete(n.used, device)
		return
	}
	n.used[device] = kept
}
