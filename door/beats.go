package door

import (
	"log/slog"
	"slices"
	"strings"

	"loa"
	"loa/bus"
	"loa/bus/natsd"
	"loa/wire"
)

// beatSubjects are the subjects of every device's beat.
func beatSubjects() string {
	return strings.ReplaceAll(wire.BeatTopic("*"), "/", ".")
}

// beat takes one beat. Only the device of that name could publish on its topic,
// so the topic says who it is, and the beat has to agree.
func (d *Door) beat(m bus.Heard) {
	device := strings.TrimPrefix(natsd.Topic(m.Subject), wire.BeatTopic(""))
	if qos := m.Header[natsd.QoSHeader]; len(qos) != 1 || qos[0] != "0" {
		d.qosBeats.Add(1)
		return
	}
	b, err := wire.ReadBeat(m.Body)
	if err == nil && b.Device != device {
		err = loa.Errorf(loa.Forbidden, "door.other_device")
	}
	if err != nil {
		d.badBeats.Add(1)
		d.config.Log.Debug("beat dropped", slog.String("device", device), slog.Any("err", err))
		return
	}
	if d.config.OnBeat != nil {
		d.config.OnBeat(b)
	}
}

// arrived writes down a device that may come in, unless its placement was taken
// back meanwhile. If it is here already, its new connection takes the place of
// the old, which the server closes: the device was never away.
func (d *Door) arrived(p wire.Placement, conn uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.config.Revoked != nil && d.config.Revoked(p.Device, p.Version) {
		return loa.Errorf(loa.Forbidden, "placement.revoked")
	}
	first := len(d.here[p.Device]) == 0
	if first && len(d.here) >= d.config.MaxDevices {
		return loa.Errorf(loa.Unavailable, "door.full")
	}
	d.here[p.Device] = append(d.here[p.Device], conn)
	d.whose[conn] = p.Device
	d.in++
	if first && d.config.OnPresence != nil {
		d.config.OnPresence(p.Device, true)
	}
	return nil
}

// left hears from the server that a connection closed.
func (d *Door) left(m bus.Heard) {
	conn, err := natsd.ParseClosed(m.Body)
	if err != nil {
		d.config.Log.Error("door event", slog.Any("err", err))
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone(conn)
}

// gone forgets a connection, with the lock held. The device is away once none
// is left.
func (d *Door) gone(conn uint64) {
	device, ok := d.whose[conn]
	if !ok {
		return // one of our own
	}
	delete(d.whose, conn)
	left := slices.DeleteFunc(d.here[device], func(c uint64) bool { return c == conn })
	if len(left) > 0 {
		d.here[device] = left
		return
	}
	delete(d.here, device)
	if d.config.OnPresence != nil {
		d.config.OnPresence(device, false)
	}
}

// recount compares who is written down with who is connected, after events may
// have been missed. A connection is open before it is written down, so one that
// is written down and not open has closed.
func (d *Door) recount() {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, err := d.server.Connections()
	if err != nil {
		d.config.Log.Error("count devices", slog.Any("err", err))
		return
	}
	connected := map[uint64]bool{}
	for _, conn := range all {
		connected[conn] = true
	}
	for conn := range d.whose {
		if !connected[conn] {
			d.gone(conn)
		}
	}
}
