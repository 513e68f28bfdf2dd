package storm

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/node"
	"loa/speaker"
	"loa/wire"
)

// warning is what the second person's device posts: the bytes both approved and
// both assertions.
type warning struct {
	Payload   []byte
	Approvals []wire.Approval
}

// RunNode is a child that is a whole node, as `loa serve`, with one call more:
// the pages of an emergency are not built yet, so it takes two people's passkeys
// over the bytes of one, has the signer judge and seal them, commits and speaks,
// as bulletin.StopNow does for a stop.
func RunNode(out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := node.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	ended, err := profile()
	if err != nil {
		return err
	}
	defer ended()
	var n *node.Node
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	n, err = node.Open(ctx, c, node.Options{Clock: loa.WallClock{}, Log: log, Self: os.Getenv("LOA_E2E_LOA"), More: func(mux *http.ServeMux) {
		mux.HandleFunc("POST /storm/warning", func(w http.ResponseWriter, r *http.Request) {
			hash, err := warn(r, n)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, hash) // whoever asked is gone: nobody to tell
		})
	}})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "loa: pages and devices on http://%s, MQTT on %v\n", n.Addr(), n.Doors()); err != nil {
		return err
	}
	err = n.Run(ctx)
	if closed := n.Close(); err == nil {
		err = closed
	}
	return err
}

func warn(r *http.Request, n *node.Node) (hash string, err error) {
	var q warning
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return "", err
	}
	sealed, err := n.Signer.Seal(r.Context(), wire.WarrantType, q.Payload, q.Approvals)
	if err != nil {
		return "", err
	}
	w, err := wire.ReadWarrant(q.Payload)
	if err != nil {
		return "", err
	}
	var id string
	e := journal.Entry{Verb: "bulletin.dispatched", Path: w.Issuer, Subject: loa.Hash(sealed)}
	err = n.DB.Write(r.Context(), func(tx *db.Tx) (err error) {
		if e.Emits, err = speaker.HoldNow(tx, n.Bulletins.Keys, w, sealed); err != nil {
			return err
		}
		id, err = journal.Append(tx, loa.System(), e)
		return err
	})
	if err == nil {
		n.Bulletins.Said(id, e)
	}
	return e.Subject, err
}
