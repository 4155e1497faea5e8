package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"

	"github.com/idnode/idnode/proto/nodepb"
)

// serveEcho answers every datagram with length octets that are always the same, but for the id and
// the question at their beginning, by the calls of package net.
func serveEcho(length int) error {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	_ = conn.SetReadBuffer(1 << 20) // as far as the system allows
	fmt.Println(conn.LocalAddr())
	query, answer := make([]byte, 4096), make([]byte, length)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(query)
		if err != nil {
			return err
		}
		copy(answer, query[:n])
		answer[2], answer[3], answer[7] = 0x84, 0, 1 // an authoritative answer with one record
		_, _ = conn.WriteToUDPAddrPort(answer, from) // who misses it counts it
	}
}

// empty answers every call with an empty response.
type empty struct {
	nodepb.UnimplementedResolverServer
}

func (empty) Resolve(context.Context, *nodepb.ResolveRequest) (*nodepb.ResolveResponse, error) {
	return &nodepb.ResolveResponse{}, nil
}

func serveGRPC() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	g := grpc.NewServer()
	nodepb.RegisterResolverServer(g, empty{})
	return g.Serve(l)
}
