package edge

import (
	"strconv"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats-server/v2/server"

	"loa/wire"
)

// TestPush: over a real MQTT broker an emergency sounds without waiting for a
// pull, and each change is said on the agent's own topic.
func TestPush(t *testing.T) {
	t.Parallel()
	o := &server.Options{ServerName: "door", Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}
	o.MQTT.Host, o.MQTT.Port = "127.0.0.1", -1
	broker := must(server.NewServer(o))
	broker.Start()
	t.Cleanup(func() { broker.Shutdown(); broker.WaitForShutdown() })
	if !broker.ReadyForConnections(20 * time.Second) {
		t.Fatal("the broker did not start")
	}
	door := "tcp://" + o.MQTT.Host + ":" + strconv.Itoa(o.MQTT.Port)

	n := newTown(t)
	n.doors = []string{door}
	beats := make(chan wire.Beat, 100)
	ear := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(door).SetClientID("ear"))
	wait := func(k mqtt.Token) {
		if !k.WaitTimeout(20*time.Second) || k.Error() != nil {
			t.Fatalf("mqtt: %v", k.Error())
		}
	}
	wait(ear.Connect())
	defer ear.Disconnect(0)
	wait(ear.Subscribe(wire.BeatTopic("+"), 0, func(_ mqtt.Client, m mqtt.Message) {
		b, err := wire.ReadBeat(m.Payload())
		if err != nil || m.Topic() != wire.BeatTopic(b.Device) {
			t.Errorf("beat %s: %v", m.Topic(), err)
		}
		beats <- b
	}))
	c := n.config(t.TempDir())
	c.PullEvery, c.BeaconStale = time.Hour, time.Hour
	n.start(c)
	next := func(state string) wire.Beat {
		t.Helper()
		for end := time.After(20 * time.Second); ; {
			select {
			case b := <-beats:
				if b.State == state {
					return b
				}
			case <-end:
				t.Fatalf("no beat said %s", state)
			}
		}
	}
	next("idle")
	mp3 := tone(t, "0.5", "880")
	var hash string
	var sealed []byte
	n.with(func() {
		hash = n.urgent(mp3, nil)
		sealed = n.docs[hash]
	})
	wait(ear.Publish(wire.NowTopic(commune), 0, false, sealed))
	for _, state := range []string{"accepted", "sounding", "finished"} {
		if b := next(state); b.Warrant != hash || b.Clock != wire.ClockTrusted || b.Volume != 100 {
			t.Errorf("%s: %+v", state, b)
		}
	}
	if l := n.line(); l.Warrant != hash || l.Result != wire.Played {
		t.Errorf("line %+v", l)
	}
	wait(ear.Publish(wire.NowTopic(commune), 0, false, sealed)) // once more: nothing happens
	n.with(func() { hash = n.urgent(mp3, func(w *wire.Warrant) { w.Scope = []wire.Place{{Path: "vn/97/97002"}} }) })
	wait(ear.Publish(wire.BeaconTopic(commune), 0, false, n.beaconNow()))
	if b := next("refused"); b.Warrant != hash || b.Why != "seal.wrong_path" {
		t.Errorf("refused: %+v", b)
	}
	if l := n.line(); l.Warrant != hash || l.Result != wire.Refused || l.N != 2 {
		t.Errorf("line %+v", l)
	}
}

func (n *town) beaconNow() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seal(wire.BeaconType, n.beacon, n.beaconKey)
}
