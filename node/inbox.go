package node

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"loa"
	"loa/bus"
	"loa/db"
	"loa/speaker"
	"loa/wire"
)

// inbox is the door in: beats wait here, the newest of each box, until one
// transaction writes them all.
type inbox struct {
	mu     sync.Mutex
	beats  map[string]wire.Beat
	floors map[string]int64    // lowest placement version that may sign in
	before map[string]int64    // floors as they were when turnOut last ran
	places map[string]loa.Path // where a box stands, for the pages that watch
}

// beat takes one beat from the door. A change of state reaches the pages at
// once, from memory; the database gets it with the next flush.
func (n *Node) beat(b wire.Beat) {
	n.in.mu.Lock()
	last, known := n.in.beats[b.Device]
	n.in.beats[b.Device] = b
	place := n.in.places[b.Device]
	n.in.mu.Unlock()
	if known && last.State == b.State && last.Slot == b.Slot || b.State == "idle" && !known {
		return
	}
	select {
	case n.flushNow <- place:
	default: // a flush is on its way already
	}
}

// flush writes the waiting beats and tells the pages which places changed.
func (n *Node) flush(ctx context.Context) error {
	if n.reserve.Short() != nil {
		return nil //nolint:nilerr // they wait in memory: what room is left is for people
	}
	n.in.mu.Lock()
	waiting := n.in.beats
	n.in.beats = map[string]wire.Beat{}
	places := map[loa.Path]string{} // to a box there: the bus wants to know which
	var beats []wire.Beat
	for _, b := range waiting {
		beats = append(beats, b)
		places[n.in.places[b.Device]] = b.Device
	}
	n.in.mu.Unlock()
	if err := n.Speakers.Beats(ctx, beats); err != nil {
		n.in.mu.Lock()
		for _, b := range beats {
			if _, newer := n.in.beats[b.Device]; !newer {
				n.in.beats[b.Device] = b
			}
		}
		n.in.mu.Unlock()
		return err
	}
	for p, box := range places {
		if p == "" {
			continue
		}
		if err := n.bus.Watch(ctx, "health", box, p); err != nil {
			n.log.Debug("pages not told", slog.String("error", err.Error()))
		}
	}
	return nil
}

// learn reads who may sign in and where each box stands.
func (n *Node) learn(ctx context.Context) error {
	boxes, err := n.Speakers.Boxes(ctx, n.country())
	if err != nil {
		return err
	}
	var floors map[string]int64
	err = n.DB.Read(ctx, func(tx *db.Tx) (err error) {
		floors, err = speaker.Revocations(tx)
		return err
	})
	if err != nil {
		return err
	}
	places := make(map[string]loa.Path, len(boxes))
	for _, b := range boxes {
		places[b.ID] = b.Pole.Path
	}
	n.in.mu.Lock()
	n.in.floors, n.in.places = floors, places
	n.in.mu.Unlock()
	return nil
}

// revoked answers the door from memory. A box this process has not read about
// yet is let in: its placement is sealed by the authority.
func (n *Node) revoked(device string, version int64) bool {
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	return version < n.in.floors[device]
}

// turnOut ends the connections of boxes that were taken away: a stolen key must not
// go on hearing. It asks the floors of the run before, so that the box itself has
// had the beacon that tells it to be silent, and is out within two runs.
func (n *Node) turnOut(context.Context) error {
	n.in.mu.Lock()
	gone := n.in.before
	n.in.before = n.in.floors
	n.in.mu.Unlock()
	n.door.TurnOut(func(device string) bool { return gone[device] >= speaker.TakenAway })
	return nil
}

// spread is over how long this node's devices are to come back when they all
// lost the door: as fast as it takes them in, and a half more for those that are
// turned away. A few dozen come back at once.
func (n *Node) spread() time.Duration {
	n.in.mu.Lock()
	boxes := len(n.in.places)
	n.in.mu.Unlock()
	return time.Duration(boxes) * time.Second * 3 / 2 / time.Duration(n.Config.SignIns)
}

// changed passes a change that any process made on to this one's pages.
func (n *Node) changed(c bus.Change) {
	n.Hub.Changed(c.Noun, c.ID, c.Path)
	if c.Noun == "speaker" {
		select {
		case n.learnNow <- struct{}{}:
		default:
		}
	}
}
