package natsd

import (
	"fmt"
	"strings"
)

// Subject writes an MQTT topic as nats-server maps it (levels parted by dots).
// Topics of ours are levels of a-z, 0-9 and "-", so one has exactly one subject;
// anything else, wildcards and "$" above all, is refused.
func Subject(topic string) (string, error) {
	if topic == "" {
		return "", fmt.Errorf("topic %q: empty", topic)
	}
	for level := range strings.SplitSeq(topic, "/") {
		if level == "" {
			return "", fmt.Errorf("topic %q: empty level", topic)
		}
		for i := range len(level) {
			c := level[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return "", fmt.Errorf("topic %q: only a-z, 0-9 and -", topic)
			}
		}
	}
	return strings.ReplaceAll(topic, "/", "."), nil
}

// Topic writes a subject that Subject made as the topic it was.
func Topic(subject string) string { return strings.ReplaceAll(subject, ".", "/") }

// QoSHeader is the header in which nats-server tells the QoS of a PUBLISH: "0",
// "1" or "2". Messages of NATS clients have none.
const QoSHeader = "Nmqtt-Pub"
