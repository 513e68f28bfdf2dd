package natsd

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// SignIn is what a client said in its CONNECT.
type SignIn struct {
	User     string
	Password string
	ClientID string
	Remote   net.Addr
	Conn     uint64 // names the connection, for Drop; never used twice
}

// Rights are the exact topics a connection may use. There is no way to write a
// wildcard; an empty list means none.
type Rights struct {
	Subscribe []string
	Publish   []string
}

// The users of connections inside the process. Nobody outside can be them,
// because only a connection without a socket is asked.
const (
	DevicesUser = "devices" // hears and says what devices do, on any subject
	EventsUser  = "events"  // hears ClosedSubject
)

// ClosedSubject is where EventsUser hears that a signed-in connection closed.
const ClosedSubject = "$SYS.ACCOUNT." + devices + ".DISCONNECT"

// ParseClosed reads which connection a message on ClosedSubject is about.
func ParseClosed(body []byte) (conn uint64, err error) {
	var m server.DisconnectEventMsg
	if err := json.Unmarshal(body, &m); err != nil {
		return 0, fmt.Errorf("read event: %w", err)
	}
	return m.Client.ID, nil
}

// guard is the server's way to ask who may connect. It is called in the
// connection's own goroutine.
type guard struct{ s *Server }

// Check admits a connection or closes it (MQTT: CONNACK 5, not authorised).
func (g guard) Check(c server.ClientAuthentication) bool {
	remote := c.RemoteAddress()
	if remote == nil {
		return false // closed meanwhile
	}
	opts := c.GetOpts()
	if remote.Network() == "pipe" {
		return g.inside(c, opts.Username)
	}
	select {
	case <-g.s.ready:
	default:
		return false // the server could still be made to keep something
	}
	id, ok := clientID(c)
	if !ok {
		return false
	}
	rights, err := g.s.signIn(SignIn{
		User: opts.Username, Password: opts.Password, ClientID: id, Remote: remote, Conn: c.GetID(),
	})
	if err != nil {
		return false // whoever decided knows why, and counts
	}
	return g.admit(c, devices, rights.permissions())
}

func (g guard) inside(c server.ClientAuthentication, user string) bool {
	switch user {
	case DevicesUser:
		return g.admit(c, devices, nil)
	case EventsUser:
		return g.admit(c, g.s.server.SystemAccount().Name, nil)
	default:
		return false
	}
}

func (g guard) admit(c server.ClientAuthentication, account string, p *server.Permissions) bool {
	acc, err := g.s.server.LookupAccount(account)
	if err != nil {
		return false
	}
	c.RegisterUser(&server.User{Account: acc, Permissions: p})
	return true
}

// clientID reads what a connection calls itself. The server has no other word for
// it while somebody is signing in than the name it gives the connection in its
// log, whose end is the client id as strconv.Quote writes it; asking Connz goes
// through everyone who is just signing in, which in a storm is thousands for each.
// A test tries every kind of id, so a server that names it otherwise lets nobody
// in and does not go unnoticed.
func clientID(c server.ClientAuthentication) (string, bool) {
	named, ok := c.(fmt.Stringer)
	if !ok {
		return "", false
	}
	_, quoted, ok := strings.Cut(named.String(), fmt.Sprintf(" - mid:%d - ", c.GetID()))
	if !ok {
		return "", false
	}
	id, err := strconv.Unquote(quoted)
	return id, err == nil
}

// permissions as the server takes them. It reads an empty list as "everything",
// so none is said as a denial of all. A topic that is no plain topic is left
// out and so refused.
func (r Rights) permissions() *server.Permissions {
	only := func(topics []string) *server.SubjectPermission {
		p := &server.SubjectPermission{}
		for _, t := range topics {
			if subject, err := Subject(t); err == nil {
				p.Allow = append(p.Allow, subject)
			}
		}
		if len(p.Allow) == 0 {
			p.Deny = []string{">"}
		}
		return p
	}
	return &server.Permissions{Subscribe: only(r.Subscribe), Publish: only(r.Publish)}
}
