package doctor

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// ports looks whether the node could bind what the configuration names. What it has bound itself is not tried.
func (e *Examination) ports(ctx context.Context, s *state) []Finding {
	c := &e.Config
	var found []Finding
	for _, p := range []struct {
		key, addr string
		udp       bool
	}{{"handle.listen", c.Handle.Listen, true}, {"dns.listen", c.DNS.Listen, true}, {"grpc.listen", c.GRPC.Listen, false},
		{"http.listen", c.HTTP.Listen, false}, {"admin.listen", c.Admin.Listen, false}} {
		host, port, err := net.SplitHostPort(p.addr)
		if err != nil {
			continue // the configuration's check has said so
		}
		if ip := net.ParseIP(host); p.key == "admin.listen" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			found = append(found, warning("admin_public", p.addr))
		}
		if n, err := strconv.Atoi(port); err != nil || n == 0 {
			continue // any that is free
		}
		networks := []string{"tcp"}
		if p.udp {
			networks = append(networks, "udp")
		}
		for _, network := range networks {
			found = append(found, portFinding(ctx, s, p.key, network, p.addr))
		}
	}
	return found
}

func portFinding(ctx context.Context, s *state, key, network, addr string) Finding {
	what := key + " (" + network + ")"
	err := bind(ctx, network, addr)
	switch {
	case err == nil:
		return ok("port_free", what, addr)
	case errors.Is(err, syscall.EADDRINUSE) && s.has(addr):
		return ok("port_bound", what, addr)
	case errors.Is(err, syscall.EADDRINUSE):
		return failure("port_taken", what, addr)
	case errors.Is(err, syscall.EACCES):
		return failure("port_privileged", what, addr)
	}
	return failure("port_unusable", what, addr, err)
}

// has reports whether the running node has bound addr. It tells unspecified addresses in its own way.
func (s *state) has(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	for bound := range s.bound {
		h, p, err := net.SplitHostPort(bound)
		if err != nil || p != port {
			continue
		}
		a, b := net.ParseIP(h), net.ParseIP(host)
		if h == host || host == "localhost" && a.IsLoopback() || a != nil && (a.Equal(b) || a.IsUnspecified() && (host == "" || b.IsUnspecified())) {
			return true
		}
	}
	return false
}

func bind(ctx context.Context, network, addr string) error {
	var lc net.ListenConfig
	if network == "udp" {
		c, err := lc.ListenPacket(ctx, network, addr)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	l, err := lc.Listen(ctx, network, addr)
	if err == nil {
		err = l.Close()
	}
	return err
}
