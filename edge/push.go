package edge

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"loa"
	"loa/wire"
)

const (
	pushTime = 20 * time.Second // to connect or subscribe
	aliveFor = 90 * time.Second // without a word in either direction, ask; beats and beacons are such words
)

// push holds one MQTT connection to the node's door: beacons and now warrants
// in, beats out. Without it the agent pulls; nothing is lost.
func (a *agent) push(ctx context.Context) error {
	var e entrance
	for fails := 1; ; fails++ {
		began := a.cfg.Clock.Now()
		err := a.connection(ctx, &e)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // told to end: what broke off by that is no failure
		}
		a.log.Warn("no push", "error", err)
		if a.cfg.Clock.Now().Sub(began) > time.Minute {
			fails = 1
		}
		wait := backOff(fails, 15*time.Minute)
		if e.in { // everybody else may have lost it at the same moment
			wait = max(wait, upTo(e.spread))
		}
		if !a.rest(ctx, wait) {
			return nil
		}
	}
}

// entrance is what is known of the node's doors. It is asked for once and again
// when none let us in: a call more for each of ten thousand speakers that come
// back together.
type entrance struct {
	doors  []string
	spread time.Duration
	in     bool // the last connection stood
}

func (a *agent) connection(ctx context.Context, e *entrance) error {
	e.in = false
	if a.clock.state() == wire.ClockUnknown {
		return loa.Errorf(loa.Unavailable, "clock.unknown") // a token needs a date
	}
	if len(e.doors) == 0 {
		var err error
		if e.doors, e.spread, err = a.client.doors(ctx); err != nil {
			return err
		}
	}
	if len(e.doors) == 0 {
		return loa.Errorf(loa.Unavailable, "door.none")
	}
	h, err := a.holdings()
	if err != nil && h.placement.Device == "" {
		return err
	}
	token, err := a.token()
	if err != nil {
		return err
	}
	placed := a.keep.now().Placement
	placement, ok := a.keep.doc(placed)
	if !ok {
		return loa.Errorf(loa.Unavailable, "placement.missing")
	}
	lost := make(chan error, 1)
	o := mqtt.NewClientOptions().SetClientID(a.device).SetUsername(a.device).
		SetPassword(token + "." + base64.RawURLEncoding.EncodeToString(placement)).
		SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(pushTime).SetWriteTimeout(pushTime).SetKeepAlive(aliveFor).SetOrderMatters(false).
		SetCustomOpenConnectionFn(func(at *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, pushTime)
			defer cancel()
			return a.carrier.open(ctx, at)
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	for _, d := range e.doors {
		o.AddBroker(d)
	}
	c := mqtt.NewClient(o)
	if err := done(ctx, c.Connect()); err != nil {
		e.doors = nil
		return fmt.Errorf("connect: %w", err)
	}
	defer c.Disconnect(250)
	beacon := wire.BeaconTopic(h.placement.Paths[0].Commune())
	filters := map[string]byte{}
	for _, t := range wire.Subscriptions(h.placement) {
		filters[t] = 0
	}
	err = done(ctx, c.SubscribeMultiple(filters, func(_ mqtt.Client, m mqtt.Message) {
		to := a.nows
		if m.Topic() == beacon {
			to = a.pushed
		}
		select {
		case to <- m.Payload():
		default: // too many at once; what matters stands in the beacon
			nudge(a.pull)
		}
	}))
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	e.in = true
	nudge(a.pull) // what was said before we listened
	a.standing("")
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-lost:
			return fmt.Errorf("connection lost: %w", err)
		case b := <-a.say:
			body, err := wire.Encode(b)
			if err != nil {
				return err
			}
			if err := done(ctx, c.Publish(wire.BeatTopic(a.device), 0, false, body)); err != nil {
				return fmt.Errorf("beat: %w", err)
			}
		}
		if a.keep.now().Placement != placed {
			return loa.Errorf(loa.Unavailable, "placement.replaced") // other topics, another sign-in
		}
	}
}

func done(ctx context.Context, t mqtt.Token) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.Done():
		return t.Error()
	}
}
