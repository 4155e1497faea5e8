package registerload

import (
	"context"
	"errors"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/nodepb"
)

const callsPerConn = 32 // clients that share a connection

// grpcClient is one of the callers of a connection.
type grpcClient struct {
	g    *Generator
	stub nodepb.RegistryClient
	conn *grpc.ClientConn // of the first caller, which closes it
}

func (g *Generator) dialGRPC() (clients []client, err error) {
	var stub nodepb.RegistryClient
	for k := range g.Clients {
		c := &grpcClient{g: g}
		if k%callsPerConn == 0 {
			if c.conn, err = grpc.NewClient("passthrough:///"+g.Node.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
				return clients, err
			}
			stub = nodepb.NewRegistryClient(c.conn)
		}
		c.stub = stub
		clients = append(clients, c)
	}
	return clients, nil
}

func (c *grpcClient) register(ctx context.Context, i uint64) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.g.Node.Key)
	_, err := c.stub.Register(ctx, &nodepb.RegisterRequest{Record: nodepb.FromRecord(c.g.Corpus.Record(i))})
	if status.Code(err) == codes.DeadlineExceeded {
		return errors.Join(os.ErrDeadlineExceeded, err)
	}
	return err
}

func (c *grpcClient) close() {
	if c.conn != nil {
		c.conn.Close()
	}
}
