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
	"time"

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

// warned is what became of it, and when, in UTC nanoseconds.
type warned struct {
	Hash               string
	Came, Sealed, Kept int64
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
			done, err := warn(r, n)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(done) // whoever asked is gone: nobody to tell
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

func warn(r *http.Request, n *node.Node) (done warned, err error) {
	done.Came = time.Now().UnixNano()
	var q warning
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return done, err
	}
	ctx := db.Ahead(r.Context())
	sealed, err := n.Signer.Seal(ctx, wire.WarrantType, q.Payload, q.Approvals)
	if err != nil {
		return done, err
	}
	done.Sealed = time.Now().UnixNano()
	w, err := wire.ReadWarrant(q.Payload)
	if err != nil {
		return done, err
	}
	var id string
	e := journal.Entry{Verb: "bulletin.dispatched", Path: w.Issuer, Subject: loa.Hash(sealed)}
	err = n.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if e.Emits, err = speaker.HoldNow(tx, n.Bulletins.Keys, w, sealed); err != nil {
			return err
		}
		id, err = journal.Append(tx, loa.System(), e)
		return err
	})
	if err == nil {
		n.Bulletins.Said(id, e)
	}
	done.Hash, done.Kept = e.Subject, time.Now().UnixNano()
	return done, err
}
