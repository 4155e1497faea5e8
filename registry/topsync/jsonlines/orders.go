package jsonlines

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// Orders come from the same receiver: GET <base>/orders?after=<number of the last>&wait=<seconds>, answered with the orders that have
// greater numbers as JSON lines, or after that time without any:
//
//	{"seq":7,"order":"suspend","prefix":"88.100.5","reason":"…"}
const (
	orderWait  = 30 // seconds
	orderAfter = 5 * time.Second
)

// order is a line.
type order struct {
	Seq    uint64 `json:"seq"`
	Order  string `json:"order"` // "suspend", "withdraw" or "activate"
	Scheme string `json:"scheme"`
	Prefix string `json:"prefix"`
	Reason string `json:"reason"`
}

// Registrar carries out orders. *registry.Registrar is one.
type Registrar interface {
	Obey(context.Context, registry.Order) (*identifier.Namespace, error)
	OrderPlace(ctx context.Context, from string) (uint64, error)
}

// Follow carries out orders until ctx ends, each once. name is that of the target.
func (t *Target) Follow(ctx context.Context, name string, reg Registrar, log *slog.Logger) {
	for ctx.Err() == nil {
		if err := t.obey(ctx, name, reg, log); err != nil && ctx.Err() == nil {
			log.Warn("fetch orders of the top-level node", "target", name, "err", err)
			select {
			case <-time.After(orderAfter):
			case <-ctx.Done():
			}
		}
	}
}

// obey asks for orders once and carries them out.
func (t *Target) obey(ctx context.Context, name string, reg Registrar, log *slog.Logger) error {
	after, err := reg.OrderPlace(ctx, name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, (orderWait+30)*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/orders?after=%d&wait=%d", strings.TrimSuffix(t.o.URL, "/"), after, orderWait), nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", "idnode/"+t.o.Version)
	if t.o.Node != "" {
		r.Header.Set("Sync-Node", t.o.Node)
	}
	if t.o.Signer != nil {
		if err := t.o.Signer.Sign(r, nil); err != nil {
			return fmt.Errorf("sign: %w", err)
		}
	}
	answer, err := t.client.Do(r)
	if err != nil {
		return explain(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/x-ndjson") {
		return fmt.Errorf("the receiver answered %d with %q", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(io.LimitReader(answer.Body, maxAnswer))
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		if o.Seq <= after {
			return fmt.Errorf("order %d comes after order %d", o.Seq, after)
		}
		if err := carryOut(ctx, name, reg, &o); err != nil {
			return fmt.Errorf("carry out order %d: %w", o.Seq, err)
		}
		after = o.Seq
		log.Info("order of the top-level node", "target", name, "order", o.Seq, "what", o.Order, "prefix", o.Prefix, "reason", o.Reason)
	}
	return lines.Err()
}

func carryOut(ctx context.Context, name string, reg Registrar, o *order) error {
	scheme := identifier.Handle
	if o.Scheme != "" {
		var err error
		if scheme, err = identifier.ParseScheme(o.Scheme); err != nil {
			return err
		}
	}
	prefix, err := scheme.ParseNamespace(o.Prefix)
	if err != nil {
		return err
	}
	_, err = reg.Obey(ctx, registry.Order{From: name, Seq: o.Seq, Prefix: identifier.Key{Scheme: scheme, Name: prefix}, Action: registry.Action(o.Order), Reason: o.Reason})
	return err
}
