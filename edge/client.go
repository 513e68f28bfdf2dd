package edge

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

const (
	callTime  = 20 * time.Second // a document on the slowest SIM
	mediaTime = 15 * time.Minute // an hour's programme at 256 kbit/s
	maxAnswer = 256 << 10        // the largest answer but media, bytes
)

// client asks a node. Nothing it brings is believed: every answer is sealed or
// named by a hash.
type client struct {
	base string
	own  doer // for what is the box's own: behind a key that is known
	open doer // for what anybody may read: behind any
}

// doer is an *http.Client, or what stands in for the network in a test of a
// million histories.
type doer interface {
	Do(r *http.Request) (*http.Response, error)
}

func (c client) do(ctx context.Context, method, path string, body []byte, token string) (*http.Response, error) {
	return c.ask(ctx, method, path, body, func(h http.Header) {
		if body != nil {
			h.Set("Content-Type", "application/json")
		}
		if token != "" {
			h.Set("Authorization", "Loa "+token)
		}
	})
}

func (c client) ask(ctx context.Context, method, path string, body []byte, set func(http.Header)) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask node: %w", err)
	}
	set(req.Header)
	by := c.open
	if req.Header.Get("Authorization") != "" || strings.HasPrefix(path, "/device/v1/enrol") || method == http.MethodPost && path != "/device/v1/time" {
		by = c.own
	}
	resp, err := by.Do(req)
	if loa.KeyOf(err) == "transport.certificate" {
		return nil, fmt.Errorf("ask node: %w", err)
	}
	if err != nil {
		return nil, loa.Errorf(loa.Unavailable, "node.unreachable").Because(err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	var answer struct {
		Error struct {
			Code    loa.Code `json:"code"`
			Key     string   `json:"key"`
			Message string   `json:"message"`
		} `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil || answer.Error.Key == "" {
		return nil, loa.Errorf(loa.Unavailable, "node.answer", resp.StatusCode)
	}
	return nil, loa.Errorf(answer.Error.Code, answer.Error.Key).Because(fmt.Errorf("%d %s", resp.StatusCode, answer.Error.Message))
}

func (c client) get(ctx context.Context, path, token string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, path, nil, token)
	if err != nil {
		return nil, err
	}
	return all(resp)
}

func all(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, loa.Errorf(loa.Unavailable, "node.unreachable").Because(err)
	}
	return b, nil
}

// post sends JSON; into takes the answer: *[]byte as it is, anything else as JSON.
func (c client) post(ctx context.Context, path string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	resp, err := c.do(ctx, http.MethodPost, path, body, "")
	if err != nil {
		return err
	}
	b, err := all(resp)
	if err != nil {
		return err
	}
	if raw, ok := into.(*[]byte); ok {
		*raw = b
		return nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return loa.Errorf(loa.Unavailable, "node.answer", resp.StatusCode).Because(err)
	}
	return nil
}

// doc fetches a sealed document; the hash is checked.
func (c client) doc(ctx context.Context, hash string) ([]byte, error) {
	b, err := c.get(ctx, "/device/v1/doc/"+hash, "")
	if err != nil {
		return nil, err
	}
	if loa.Hash(b) != hash {
		return nil, loa.Errorf(loa.Invalid, "document.wrong_hash")
	}
	return b, nil
}

func (c client) trust(ctx context.Context, place loa.Path) ([][]byte, error) {
	b, err := c.get(ctx, "/device/v1/trust/"+string(place), "")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Delegations [][]byte `json:"delegations"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, loa.Errorf(loa.Unavailable, "node.answer", http.StatusOK).Because(err)
	}
	return answer.Delegations, nil
}

// maxSpread bounds what a node can ask of speakers that lost it.
const maxSpread = 5 * time.Minute

// doors are where to sign in, and over how long those who lost their door
// together are to come back.
func (c client) doors(ctx context.Context) (all []string, spread time.Duration, err error) {
	b, err := c.get(ctx, "/device/v1/doors", "")
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		MQTT   []string `json:"mqtt"`
		Spread int64    `json:"spread"` // seconds
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, 0, loa.Errorf(loa.Unavailable, "node.answer", http.StatusOK).Because(err)
	}
	return answer.MQTT, time.Duration(min(max(answer.Spread, 0), int64(maxSpread/time.Second))) * time.Second, nil
}

// media opens the bytes of a sound after the first from; the caller checks them.
// A node that knows no ranges sends all of it, and from comes back as nought.
func (c client) media(ctx context.Context, hash string, from int64) (io.ReadCloser, int64, error) {
	resp, err := c.ask(ctx, http.MethodGet, "/device/v1/media/"+hash, nil, func(h http.Header) {
		if from > 0 {
			h.Set("Range", fmt.Sprintf("bytes=%d-", from))
		}
	})
	if err != nil {
		return nil, 0, err
	}
	if resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)) {
		if resp.StatusCode == http.StatusPartialContent {
			return nil, 0, errors.Join(loa.Errorf(loa.Unavailable, "node.answer", resp.StatusCode), resp.Body.Close())
		}
		from = 0
	}
	return resp.Body, from, nil
}

// timed asks for the time four times and takes the answer that travelled least.
func (c client) timed(ctx context.Context, t *seal.Trust, place loa.Path, clk *clock) (anchor, error) {
	var best, bestTrue int64
	var bestFrom time.Time
	var last error
	for range 4 {
		nonce := loa.NewID(clk.machine.Now())
		body, err := json.Marshal(map[string]string{"nonce": nonce})
		if err != nil {
			return anchor{}, fmt.Errorf("ask time: %w", err)
		}
		sent := clk.machine.Now()
		var sealed []byte
		if err := c.post(ctx, "/device/v1/time", body, &sealed); err != nil {
			return anchor{}, err
		}
		back := clk.machine.Now()
		// The answer's own date stands in for ours: the nonce says it is fresh.
		answer, err := wire.OpenTime(t, sealed, place, 0)
		if err == nil && answer.Nonce != nonce {
			err = loa.Errorf(loa.Forbidden, "time.wrong_nonce")
		}
		if err != nil {
			last = err
			continue
		}
		trip := back.Sub(sent).Microseconds() - (answer.Sent - answer.Received)
		if bestTrue == 0 || trip < best {
			best, bestTrue, bestFrom = trip, answer.Sent+max(0, trip)/2, back
		}
	}
	if bestTrue == 0 {
		return anchor{}, fmt.Errorf("ask time: %w", last)
	}
	return clk.set(bestTrue, bestFrom), nil
}

// token is a sign-in, sealed now and used once.
func (a *agent) token() (string, error) {
	b, err := wire.Encode(wire.Token{V: wire.Version, Kind: "token", Device: a.device, At: a.clock.millis(), Nonce: loa.NewID(a.cfg.Clock.Now())})
	if err != nil {
		return "", err
	}
	sealed, err := seal.Seal(wire.TokenType, b, a.key)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}
