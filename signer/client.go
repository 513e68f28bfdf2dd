package signer

import (
	"context"
	"net"

	"loa"
	"loa/wire"
)

// Client asks the signer behind a socket. It is a value: every call opens its
// own connection, so a signer that was started again is found again. A refusal
// comes back as the signer's own *loa.Error, its arguments as text; a signer
// that does not answer is loa.Unavailable, "signer.away", and the call may be
// repeated with the same bytes without harm.
type Client struct{ Socket string }

// Seal asks for payload to be sealed as payloadType and gives the envelope.
func (c Client) Seal(ctx context.Context, payloadType string, payload []byte, approvals []wire.Approval) ([]byte, error) {
	rep, err := c.ask(ctx, request{Do: doSeal, Type: payloadType, Payload: payload, Approvals: approvals})
	return rep.Envelope, err
}

// Roster reads the roster as it is now.
func (c Client) Roster(ctx context.Context) (Roster, error) {
	rep, err := c.ask(ctx, request{Do: doRoster})
	if err != nil {
		return Roster{}, err
	}
	if rep.Roster == nil {
		return Roster{}, loa.Errorf(loa.Unavailable, "signer.away")
	}
	return *rep.Roster, nil
}

// ChangeRoster hands in a change that Roster.Change wrote and two people of
// duty "roster" approved.
func (c Client) ChangeRoster(ctx context.Context, change []byte, approvals []wire.Approval) error {
	_, err := c.ask(ctx, request{Do: doChangeRoster, Payload: change, Approvals: approvals})
	return err
}

// Describe says what keys, delegations and marks the signer has.
func (c Client) Describe(ctx context.Context) (Info, error) {
	rep, err := c.ask(ctx, request{Do: doDescribe})
	if err != nil {
		return Info{}, err
	}
	if rep.Info == nil {
		return Info{}, loa.Errorf(loa.Unavailable, "signer.away")
	}
	return *rep.Info, nil
}

// Delegate hands in what NewDelegating wrote and two people of duty "roster"
// approved; Describe then lists the new delegations.
func (c Client) Delegate(ctx context.Context, payload []byte, approvals []wire.Approval) error {
	_, err := c.ask(ctx, request{Do: doDelegate, Payload: payload, Approvals: approvals})
	return err
}

// Grant hands in a grant that its giver approved. Handing it in again changes
// nothing; one that was taken back does not come back.
func (c Client) Grant(ctx context.Context, payload []byte, yes wire.Approval) error {
	_, err := c.ask(ctx, request{Do: doGrant, Payload: payload, Approvals: []wire.Approval{yes}})
	return err
}

// EndGrant hands in the end of a grant, approved by its giver or by a keeper of
// the roster. From the answer on nothing more is sealed under it.
func (c Client) EndGrant(ctx context.Context, payload []byte, yes wire.Approval) error {
	_, err := c.ask(ctx, request{Do: doEndGrant, Payload: payload, Approvals: []wire.Approval{yes}})
	return err
}

// Succeed hands in a succession of the root. It proves itself by its seals; handing
// in the last one again changes nothing.
func (c Client) Succeed(ctx context.Context, paper []byte) error {
	_, err := c.ask(ctx, request{Do: doSucceed, Payload: paper})
	return err
}

// Renew asks the signer to prolong what is past three fifths of its life, as far as
// whoever gave it lets it; it says what was renewed. It needs nobody's approval: no
// key gets a power, a place or a day that the delegation above it does not give.
func (c Client) Renew(ctx context.Context) ([]Renewed, error) {
	rep, err := c.ask(ctx, request{Do: doRenew})
	return rep.Renewed, err
}

func (c Client) ask(ctx context.Context, req request) (reply, error) {
	away := func(err error) (reply, error) {
		return reply{}, loa.Errorf(loa.Unavailable, "signer.away").Because(err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
	if err != nil {
		return away(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := writeFrame(conn, maxRequest, req); err != nil {
		if loa.CodeOf(err) == loa.Invalid {
			return reply{}, err
		}
		return away(err)
	}
	var rep reply
	if err := readFrame(conn, maxReply, &rep); err != nil {
		return away(err)
	}
	if rep.Code != "" {
		e := loa.Errorf(rep.Code, rep.Key)
		for _, a := range rep.Args {
			e.Args = append(e.Args, a)
		}
		return reply{}, e
	}
	return rep, nil
}
