package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/snmsjson"
)

// crawl fetches templates and identifiers from an SNMS that runs (spec/snms-api.md, sections 4.1 to 4.4), into a spool
// file with an answer a line.
type crawl struct {
	app *app

	from         string
	username     string
	passwordFile string
	dayHash      bool
	list         string // file of handles
	spool        string
	workers      int
	attempts     int
	pause        time.Duration // before the second attempt; doubled for each further one

	password string
	mu       sync.Mutex // over token, out and done
	token    string
	out      *os.File
	done     map[string]bool // keys of what is in the spool
	fetched  int
}

func (c *crawl) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.from, "from", "", "`URL` of an SNMS to fetch from")
	f.StringVar(&c.username, "username", "", "user of that SNMS, or access key")
	f.StringVar(&c.passwordFile, "password-file", "", "`FILE` with the password (default: asked for)")
	f.BoolVar(&c.dayHash, "day-hash", false, "log in with a hash of the password and the day")
	f.StringVar(&c.list, "handles", "", "`FILE` with the handles to fetch, one a line")
	f.StringVar(&c.spool, "spool", "", "`FILE` for what is fetched (default: that of --handles with .spool.ndjson behind it)")
	f.IntVar(&c.workers, "concurrency", 4, "how many calls are made at once")
	f.IntVar(&c.attempts, "attempts", 6, "how often a call is made that fails for the moment")
	f.DurationVar(&c.pause, "retry-pause", time.Second, "pause before a second attempt, doubled for each further one")
}

// spooled is a line of the spool: an answer of SNMS, and what was asked for.
type spooled struct {
	Key     string          `json:"crawl"`
	Handle  string          `json:"handle,omitempty"` // of an answer that is an error
	Message string          `json:"message"`
	Status  int             `json:"status"`
	Data    json.RawMessage `json:"data"`
}

// crawl fetches what the spool does not have yet and returns its name.
func (a *app) crawl(ctx context.Context, c *crawl) (string, error) {
	base, err := url.Parse(c.from)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return "", usagef("--from is a URL such as http://127.0.0.1:8000, not %q", c.from)
	}
	if c.workers < 1 || c.attempts < 1 {
		return "", usagef("--concurrency and --attempts are 1 or more")
	}
	c.app, c.from = a, strings.TrimRight(c.from, "/")
	c.spool = orDefault(c.spool, c.list+".spool.ndjson")
	handles, err := a.handlesOf(c.list)
	if err != nil {
		return "", err
	}
	templates, err := c.reopen()
	if err != nil {
		return "", err
	}
	defer c.out.Close()
	if c.password, err = a.password("password", c.passwordFile); err != nil {
		return "", err
	}
	var asks []ask
	for _, h := range handles {
		asks = append(asks, ask{key: "handle " + h, handle: h, path: "/identityv2/data/detail?" + url.Values{"handle": {h}}.Encode()})
	}
	if err := c.fetch(ctx, asks, templates); err != nil {
		return "", err
	}
	asks = nil
	for key, name := range templates {
		q := url.Values{"prefix": {name[0]}, "version": {name[1]}}.Encode()
		asks = append(asks, ask{key: key, path: "/snms/api/v5/template?" + q, older: "/snms/api/v3/template?" + q})
	}
	if err := c.fetch(ctx, asks, nil); err != nil {
		return "", err
	}
	fmt.Fprintf(a.Err, "idctl: fetched %d, %s has %d answers\n", c.fetched, clean(c.spool), len(c.done)+c.fetched)
	return c.spool, c.out.Sync()
}

// handlesOf reads handles, one a line; blank lines and those that begin with # are passed over.
func (a *app) handlesOf(name string) ([]string, error) {
	in, err := openText(name, "utf-8")
	if err != nil {
		return nil, err
	}
	defer in.close()
	var all []string
	seen := map[string]bool{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		h := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\uFEFF"))
		if h != "" && h[0] != '#' && !seen[h] {
			seen[h] = true
			all = append(all, h)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, failf("read %s: %v", name, err)
	}
	return all, nil
}

// reopen reads the spool of an earlier crawl, whose last line may be half of one, and goes on behind it. It returns the
// templates that its identifiers follow, by their keys.
func (c *crawl) reopen() (map[string][2]string, error) {
	f, err := os.OpenFile(c.spool, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c.out, c.done = f, map[string]bool{}
	templates := map[string][2]string{}
	in := bufio.NewReader(f)
	var whole int64
	for {
		line, err := in.ReadBytes('\n')
		var s spooled
		if err == nil && json.Unmarshal(line, &s) == nil && s.Key != "" {
			whole += int64(len(line))
			c.done[s.Key] = true
			follow(templates, line)
			continue
		}
		if err == nil { // a line of something else: this is no spool, and must not be written to
			err = failf("%s is no spool of a crawl", c.spool)
		} else if err == io.EOF {
			if err = f.Truncate(whole); err == nil {
				_, err = f.Seek(whole, io.SeekStart)
			}
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return templates, nil
	}
}

// follow notes the template that an identifier in a line of the spool follows.
func follow(templates map[string][2]string, line []byte) {
	for _, one := range snmsjson.Parse(line) {
		h, ok := one.(*snmsjson.Handle)
		if !ok || h.Record.Template == "" {
			continue
		}
		prefix, _, _ := strings.Cut(h.Record.ID, "/")
		templates["template "+prefix+" "+h.Record.Template] = [2]string{prefix, h.Record.Template}
	}
}

// ask is one answer to fetch.
type ask struct {
	key    string
	handle string
	path   string
	older  string // path of v3, where there is no v5
}

// fetch asks for what is not in the spool, some at once.
func (c *crawl) fetch(ctx context.Context, asks []ask, templates map[string][2]string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan ask)
	var workers sync.WaitGroup
	for range c.workers {
		workers.Go(func() {
			for q := range work {
				if err := c.fetchOne(ctx, q, templates); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for _, q := range asks {
		if c.done[q.key] { // of an earlier crawl: keys are asked for once
			continue
		}
		select {
		case work <- q:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	workers.Wait()
	return context.Cause(ctx)
}

// fetchOne asks for one thing until there is an answer, and writes it down.
func (c *crawl) fetchOne(ctx context.Context, q ask, templates map[string][2]string) error {
	pause := c.pause
	for attempt := 1; ; attempt++ {
		s, again, err := c.get(ctx, q)
		if err == nil {
			return c.write(q, s, templates)
		}
		if !again || attempt == c.attempts {
			return failf("fetch %s: %v", q.key, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, time.Minute)
	}
}

// get asks once. again: it may go better another time.
func (c *crawl) get(ctx context.Context, q ask) (s *spooled, again bool, err error) {
	token, again, err := c.login(ctx, "")
	if err != nil {
		return nil, again, err
	}
	for range 2 {
		s, status, err := c.do(ctx, http.MethodGet, q.path, token, nil)
		switch {
		case status == http.StatusNotFound && q.older != "":
			q.path, q.older = q.older, ""
			continue
		case status >= 500 || status == http.StatusTooManyRequests || status == 0 && err != nil:
			return nil, true, err
		case err == nil && s.Status == -1 || status == http.StatusUnauthorized: // the token has run out, after 24 h
			if token, again, err = c.login(ctx, token); err != nil {
				return nil, again, err
			}
			continue
		case err != nil:
			return nil, false, err
		case s.Status == -4 || s.Status != 1 && strings.Contains(s.Message, busy):
			return nil, true, failf("SNMS says %d: %s", s.Status, s.Message)
		case s.Status == -3:
			return nil, false, failf("SNMS says %d: %s", s.Status, s.Message)
		}
		return s, false, nil
	}
	return nil, true, failf("SNMS does not take the token")
}

// login returns a token that is not old.
func (c *crawl) login(ctx context.Context, old string) (token string, again bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.token != old {
		return c.token, false, nil
	}
	path, password := "/identity/token", c.password
	if c.dayHash {
		hash := func(s string) string {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:])
		}
		path, password = "/identity/token/v1", hash(hash(c.password)+time.Now().In(china).Format(time.DateOnly))
	}
	body, err := json.Marshal(map[string]string{"username": c.username, "password": password})
	if err != nil {
		return "", false, err
	}
	s, status, err := c.do(ctx, http.MethodPost, path, "", body)
	if err != nil {
		return "", status == 0 || status >= 500, err
	}
	var data struct{ Token string }
	if s.Status != 1 || json.Unmarshal(s.Data, &data) != nil || data.Token == "" {
		return "", s.Status == -4, failf("SNMS says %d: %s", s.Status, s.Message)
	}
	c.token = data.Token
	return c.token, false, nil
}

// busy is what SNMS says when it is.
const busy = "系统繁忙"

// china is where SNMS takes its days from.
var china = time.FixedZone("", 8*60*60)

// do makes a call. status is that of HTTP, 0 if no answer came.
func (c *crawl) do(ctx context.Context, method, path, token string, body []byte) (s *spooled, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.app.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.from+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.app.web.Do(req)
	if err != nil {
		return nil, 0, &unreachable{req.URL.Host, err}
	}
	defer resp.Body.Close()
	raw, err := readAnswer(resp)
	if err != nil {
		return nil, 0, err
	}
	s = new(spooled)
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, resp.StatusCode, failf("the answer of SNMS is no JSON (HTTP %d)", resp.StatusCode)
	}
	if resp.StatusCode/100 != 2 {
		return s, resp.StatusCode, failf("SNMS says %d: %s", resp.StatusCode, s.Message)
	}
	return s, resp.StatusCode, nil
}

// write adds an answer to the spool.
func (c *crawl) write(q ask, s *spooled, templates map[string][2]string) error {
	s.Key = q.key
	if s.Status != 1 {
		s.Handle = orDefault(q.handle, strings.TrimPrefix(q.key, "template "))
	}
	if s.Data == nil {
		s.Data = json.RawMessage("null")
	}
	line, err := json.Marshal(s) // it makes one line of data
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.out.Write(append(line, '\n')); err != nil {
		return failf("write %s: %v", c.spool, err)
	}
	c.fetched++
	if templates != nil {
		follow(templates, line)
	}
	return nil
}
