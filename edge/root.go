package edge

import (
	"context"
	"encoding/json"
	"net/http"

	"loa"
	"loa/seal"
	"loa/wire"
)

// maxRotations is how many rotations a device follows at once: a box that lay in
// a cupboard for a lifetime.
const maxRotations = 32

// pinned is the root that holds: that of the enrolment, or the last one that
// followed it.
func (a *agent) pinned() seal.Root {
	if r := a.keep.now().Root; r != nil {
		return *r
	}
	return a.root
}

// followed asks the node which roots took over from one, and takes each that the
// one before and itself sealed. Nothing is written down here: that happens when a
// beacon holds under the last of them (hear), so that a node which knows a
// rotation but not what follows cannot strand a device between two roots.
func (a *agent) followed(ctx context.Context, root seal.Root) (seal.Root, error) {
	list, err := a.client.rotations(ctx, root.Fingerprint())
	if err != nil {
		return root, err
	}
	if len(list) > maxRotations {
		return root, loa.Errorf(loa.Invalid, "root.malformed", "count")
	}
	for _, b := range list {
		if root, err = seal.Follow(root, b); err != nil {
			return root, err
		}
	}
	return root, nil
}

func (c client) rotations(ctx context.Context, fingerprint string) ([][]byte, error) {
	b, err := c.get(ctx, "/device/v1/root/"+fingerprint, "")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Roots [][]byte `json:"roots"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, loa.Errorf(loa.Unavailable, "node.answer", http.StatusOK).Because(err)
	}
	return answer.Roots, nil
}

// candidate is the chain that a beacon nobody believes yet asks for: the root it
// names, and its delegations and epoch. What it is worth the seals decide.
func (a *agent) candidate(ctx context.Context, peek wire.Beacon, commune loa.Path) (*seal.Trust, error) {
	root := a.pinned()
	if peek.Root != "" && peek.Root != root.Fingerprint() {
		var err error
		if root, err = a.followed(ctx, root); err != nil {
			return nil, err
		}
		if root.Fingerprint() != peek.Root {
			return nil, loa.Errorf(loa.Conflict, "root.not_next")
		}
	}
	if err := a.fetchTrust(ctx, peek.Trust, commune); err != nil {
		return nil, err
	}
	return a.rebuild(root, peek.Trust, peek.Epoch)
}

// learnTime asks for the time before a beacon is heard. A box that was off while
// keys or root changed cannot check the answer by what it holds: then by what the
// beacon asks for, which still must lead to the pinned root.
func (a *agent) learnTime(ctx context.Context, b []byte) error {
	err := a.askTime(ctx)
	if err == nil || expected(err) {
		return err
	}
	peek, bad := a.papers.PeekBeacon(b)
	if bad != nil {
		return err
	}
	commune, err := a.commune()
	if err != nil {
		return err
	}
	if peek.Epoch < a.keep.now().Epoch {
		return loa.Errorf(loa.Forbidden, "beacon.old_epoch", peek.Epoch, a.keep.now().Epoch)
	}
	t, err := a.candidate(ctx, peek, commune)
	if err != nil {
		return err
	}
	return a.askTimeUnder(ctx, t)
}
