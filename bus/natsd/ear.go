package natsd

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// Counts is what clients tried and did not get, since the server started.
type Counts struct {
	ForeignPublishes     int64 // to a topic not their own, wills among them
	ForeignSubscriptions int64 // answered 0x80 in SUBACK
	QoSSubscriptions     int64 // QoS 1 or 2, answered 0x80
	QoS2Publishes        int64 // the connection was closed
	Retained             int64 // stored nowhere
}

// ear hears what the server logs. A client that misbehaves shows in its log and
// nowhere else, so its sentences are counted; they are logged at debug level
// only, because a client can cause any number of them. A test tries every one,
// so a server that says it otherwise does not go unnoticed.
type ear struct {
	log *slog.Logger

	mu    sync.Mutex
	n     Counts
	cause string // the first fatal sentence
}

func (e *ear) counts() Counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.n
}

func (e *ear) fatal() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cause
}

// count recognises a sentence about a client. The format begins with what the
// client calls itself and a dash; the sentence follows.
func (e *ear) count(format string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range []struct {
		sentence string
		counter  *int64
	}{
		{"Publish Violation - Subject", &e.n.ForeignPublishes},
		{"Subscription Violation", &e.n.ForeignSubscriptions},
		{"Unable to add JetStream consumer for subscription", &e.n.QoSSubscriptions},
		{"QoS=2 is disabled for PUBLISH", &e.n.QoS2Publishes},
		{"server does not accept QoS2 for Will", &e.n.QoS2Publishes},
		{"unable to store retained message", &e.n.Retained},
	} {
		if strings.Contains(format, " - "+s.sentence) {
			*s.counter++
			return true
		}
	}
	return false
}

// Fatalf keeps the reason: nats-server says it here instead of returning it.
func (e *ear) Fatalf(format string, v ...any) {
	e.mu.Lock()
	if e.cause == "" {
		e.cause = fmt.Sprintf(format, v...)
	}
	e.mu.Unlock()
	e.say(e.log.Error, format, v)
}

// Errorf is where clients are complained about.
func (e *ear) Errorf(format string, v ...any) {
	if e.count(format) || strings.HasPrefix(format, "mid:") || strings.Contains(format, " - mid:") {
		e.say(e.log.Debug, format, v)
		return
	}
	e.say(e.log.Error, format, v)
}

// Warnf passes on.
func (e *ear) Warnf(format string, v ...any) { e.say(e.log.Warn, format, v) }

// Noticef passes on.
func (e *ear) Noticef(format string, v ...any) { e.say(e.log.Debug, format, v) }

// Debugf passes on.
func (e *ear) Debugf(format string, v ...any) { e.say(e.log.Debug, format, v) }

// Tracef passes on.
func (e *ear) Tracef(format string, v ...any) { e.say(e.log.Debug, format, v) }

func (e *ear) say(level func(string, ...any), format string, v []any) {
	level("nats-server", slog.String("says", fmt.Sprintf(format, v...)))
}
