package natsd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// maxMemory bounds what the server holds about sessions, in bytes: a few
// hundred for each device.
const maxMemory = 64 << 20

// keepNothing makes the server unable to keep a message for anyone.
//
// Its MQTT part demands five JetStream streams and uses those it finds, so they
// are made here first: in memory, so that a sign-in costs no fsync and a restart
// begins empty, and so that the one for retained messages takes none (no message
// fits in one byte). A QoS 1 subscription needs a consumer that may leave 1024
// messages unacknowledged; the account allows one, so no such consumer can be
// made and SUBACK says 0x80. A QoS 1 publish is acknowledged, delivered like any
// other and, without a consumer, not stored. A QoS 2 publish closes the
// connection (reject_qos2_publish).
func (s *Server) keepNothing(ctx context.Context) error {
	acc, err := s.server.LookupAccount(devices)
	if err != nil {
		return fmt.Errorf("find account: %w", err)
	}
	err = acc.EnableJetStream(map[string]server.JetStreamAccountLimits{"": {
		MaxMemory: maxMemory, MaxStore: 0, MaxStreams: 5, MaxConsumers: 1, MaxAckPending: 1,
		MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1,
	}}, nil)
	if err != nil {
		return fmt.Errorf("limit streams: %w", err)
	}
	for _, c := range []server.StreamConfig{
		{Name: "$MQTT_sess", Subjects: []string{"$MQTT.sess.>"}, MaxMsgsPer: 1},
		{Name: "$MQTT_msgs", Subjects: []string{"$MQTT.msgs.>"}, Retention: server.InterestPolicy},
		{Name: "$MQTT_qos2in", Subjects: []string{"$MQTT.qos2.in.>"}, MaxMsgSize: 1},
		{Name: "$MQTT_out", Subjects: []string{"$MQTT.out.>"}, Retention: server.InterestPolicy},
		{Name: "$MQTT_rmsgs", Subjects: []string{"$MQTT.rmsgs.>"}, MaxMsgsPer: 1, MaxMsgSize: 1},
	} {
		c.Storage, c.Replicas = server.MemoryStorage, 1
		for tries := 1; ; tries++ {
			err := s.makeStream(ctx, c)
			if err == nil {
				break
			}
			if tries == 10 {
				return fmt.Errorf("make stream %s: %w", c.Name, err)
			}
		}
	}
	return nil
}

// answerWithin bounds one request. A server that has only just enabled JetStream
// for the account now and then loses a request, so it is asked again; making a
// stream twice is making it once.
const answerWithin = time.Second

// makeStream asks the server for one stream. JetStream is spoken to over NATS
// only; for these few requests at the start the protocol is written out
// (docs.nats.io, client protocol), because NATS clients are kept to package bus.
func (s *Server) makeStream(ctx context.Context, c server.StreamConfig) (err error) {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	conn, err := s.InProcessConn()
	if err != nil {
		return err
	}
	defer func() {
		if e := conn.Close(); err == nil {
			err = e
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // so that a read ends; it is closed for good below
	in := bufio.NewReader(conn)
	if _, err := in.ReadString('\n'); err != nil { // INFO
		return fmt.Errorf("greet: %w", err)
	}
	_, err = fmt.Fprintf(conn, "CONNECT {\"user\":%q,\"verbose\":false,\"protocol\":1}\r\nSUB answer 1\r\nPUB $JS.API.STREAM.CREATE.%s answer %d\r\n%s\r\n",
		DevicesUser, c.Name, len(body), body)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		words := strings.Fields(line)
		switch {
		case len(words) > 0 && words[0] == "-ERR":
			return fmt.Errorf("refused: %s", strings.TrimSpace(line))
		case len(words) > 3 && words[0] == "MSG":
			n, err := strconv.Atoi(words[len(words)-1])
			if err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
			answer := make([]byte, n)
			if _, err := io.ReadFull(in, answer); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
			var r server.JSApiStreamCreateResponse
			if err := json.Unmarshal(answer, &r); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
			if r.Error != nil {
				return r.Error
			}
			return nil
		}
	}
}
