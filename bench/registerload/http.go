package registerload

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const answerTimeout = 30 * time.Second // for one registration

// httpClient is a kept connection. It writes its requests itself: with the client of net/http the
// generator would take more of a small machine's CPU than the node.
type httpClient struct {
	g     *Generator
	conn  net.Conn // nil after a failure
	r     *bufio.Reader
	head  []byte // of every request, up to the value of Content-Length
	body  []byte
	whole []byte
}

func (g *Generator) dialHTTP() (*httpClient, error) {
	c := &httpClient{g: g, head: fmt.Appendf(nil, "POST /v1/identifiers HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: ", g.Node.HTTP, g.Node.Key)}
	return c, c.dial()
}

func (c *httpClient) dial() (err error) {
	if c.conn, err = net.DialTimeout("tcp", c.g.Node.HTTP, answerTimeout); err == nil {
		c.r = bufio.NewReader(c.conn)
	}
	return err
}

func (c *httpClient) register(_ context.Context, i uint64) error {
	if c.conn == nil {
		if err := c.dial(); err != nil {
			time.Sleep(10 * time.Millisecond) // or a node that is away would be asked a million times
			return err
		}
	}
	err := c.post(i)
	if err != nil {
		c.close()
	}
	return err
}

func (c *httpClient) post(i uint64) error {
	c.body = c.g.Corpus.AppendJSON(c.body[:0], i)
	c.whole = append(c.whole[:0], c.head...)
	c.whole = fmt.Appendf(c.whole, "%d\r\n\r\n%s", len(c.body), c.body)
	if err := c.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.whole); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // the status says enough
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (c *httpClient) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}
