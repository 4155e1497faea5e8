package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/handleload"
	"github.com/idnode/idnode/bench/internal/drive"
	"github.com/idnode/idnode/bench/internal/target"
	"github.com/idnode/idnode/proto/handle"
)

// A flood is first pieces of requests that never go on, each of another request, from many addresses.
const (
	floodPieces  = 1_000_000
	floodSources = 512    // addresses of the loopback network, a socket each
	floodRate    = 50_000 // pieces a second
)

// allFloods asks over Handle UDP at a moderate rate, alone and beside a flood of first pieces.
func (b *bench) allFloods(ctx context.Context) (err error) {
	const due = 5000 // queries a second
	t := b.report.Table(fmt.Sprintf("Lookups by Handle UDP beside %d first pieces of requests from %d addresses, %d/s: open, %d/s due, Zipf", floodPieces, floodSources, floodRate, due), 1,
		"", "a second", "p50", "p99", "p99.9", "errors", "timeouts")
	var node *target.Node
	if b.target.Server != "" {
		node, err = b.target.Open(ctx)
	} else {
		var data string
		if data, err = target.Data(ctx, b.loader, b.data, b.records); err == nil {
			node, err = target.Start(ctx, target.Options{Program: b.target.Node, Dir: data, Cores: b.cores.Server})
		}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	length := time.Duration(float64(floodPieces) / floodRate * float64(time.Second))
	row := func(name string, during func() error) error {
		progress("lookups, %s", name)
		l := &drive.Load{Front: handleload.Options{Names: b.corpus.Names}.Front("udp", node.Handle), Seed: 1 << 41,
			Pick: func(seed uint64) corpus.Picker { return corpus.Zipf(seed, b.records, 1.1) }}
		return beside(ctx, t, name, l, due, during)
	}
	return errors.Join(
		row("warming up", func() error { time.Sleep(b.warmup); return nil }),
		row("nothing else", func() error { time.Sleep(length / 2); return nil }),
		row("flood", func() error { return flood(ctx, node.Handle) }),
	)
}

// flood sends the pieces, at their rate as far as the machine allows.
func flood(ctx context.Context, addr string) error {
	to, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return err
	}
	var sources []*net.UDPConn
	defer func() {
		for _, c := range sources {
			c.Close()
		}
	}()
	for i := range floodSources {
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, byte(1+i>>8), byte(i), byte(1+rand.IntN(254)))}, to)
		if err != nil {
			return err
		}
		sources = append(sources, c)
	}
	piece := handle.AppendEnvelope(nil, handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, Flags: handle.EnvelopeTruncated, Length: 2 * handle.PieceSize})
	piece = handle.AppendHeader(piece, handle.Header{Opcode: handle.OpResolve, BodyLength: 2*handle.PieceSize - handle.HeaderSize - 4})
	piece = append(piece, make([]byte, handle.EnvelopeSize+handle.PieceSize-len(piece))...)
	start := time.Now()
	for n := range floodPieces {
		if n%50 == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(time.Until(start.Add(time.Duration(float64(n) / floodRate * float64(time.Second)))))
		}
		id := rand.Uint32()
		piece[8], piece[9], piece[10], piece[11] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
		if _, err := sources[n%len(sources)].Write(piece); err != nil {
			return err
		}
	}
	return nil
}
