package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// dom is what a browser shows of a page, when scripts and redirects are done.
func dom(t *testing.T, url string, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(), "--dump-dom"}, append(flags, url)...)
	out, err := exec.CommandContext(ctx, "chromium", args...).Output()
	if err != nil {
		t.Fatalf("chromium %s: %v", url, err)
	}
	return string(out)
}

// TestBrowser scans codes with a browser: it comes to the enterprise's page, and shows the record.
func TestBrowser(t *testing.T) {
	enterprise := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		fmt.Fprintf(w, "<!DOCTYPE html><title>企业页面</title><h1 id=where>%s</h1>", req.URL.RequestURI())
	}))
	defer enterprise.Close()
	d := startDaemon(t, t.TempDir(), "IDNODE_NODE_PREFIXES=88.1021,gs1:690123")
	defer d.stop()
	for _, args := range [][]string{
		{"prefix", "create", "88.1021.150", "--enterprise", "self"},
		{"prefix", "create", "gs1:690123", "--enterprise", "self"},
		{"register", "88.1021.150/SN-1", "--value", "1:URL=" + enterprise.URL + "/轴承?sn=1", "--value", "2:DESC=深沟球轴承 <b>6205</b>", "--value", "3:NOTE=<script>document.title='hacked'</script>"},
		{"register", "gs1:(01)06901234567892", "--value", "1:URL=" + enterprise.URL + "/product", "--value", "2:gs1:pip=" + enterprise.URL + "/pip"},
		{"register", "88.1021.150/SN-2", "--value", "1:DESC=旧件"},
		{"revoke", "88.1021.150/SN-2", "--reason", "召回", "--successor", "88.1021.150/SN-1"},
	} {
		if code, out, errs := d.idctl("", args...); code != 0 {
			t.Fatalf("idctl %v: %d %s%s", args, code, out, errs)
		}
	}
	for _, c := range []struct {
		path  string
		flags []string
		want  []string
		not   string
	}{
		{"/88.1021.150/SN-1", nil, []string{"<title>企业页面</title>", "/%E8%BD%B4%E6%89%BF?sn=1</h1>"}, ""},
		{"/01/06901234567892/21/A1?17=261231", nil, []string{"<title>企业页面</title>", "/product?17=261231</h1>"}, ""},
		{"/01/06901234567892?linkType=gs1:pip", nil, []string{"/pip</h1>"}, ""},
		{"/88.1021.150/SN-1?noredirect", []string{"--accept-lang=zh-CN"}, []string{"标识信息", "深沟球轴承 &lt;b&gt;6205", "88.1021.150/SN-1", "DESC"}, "hacked</title>"},
		{"/88.1021.150/SN-2", []string{"--accept-lang=zh-CN"}, []string{"标识已注销", "召回", `href="/88.1021.150/SN-1"`}, ""},
		{"/88.1021.150/SN-2", []string{"--accept-lang=en-US"}, []string{"Identifier revoked"}, ""},
		{"/88.1021.150/none", []string{"--accept-lang=zh-CN"}, []string{"没有这个标识"}, ""},
		{"/", []string{"--accept-lang=zh-CN"}, []string{"标识解析", "<form"}, ""},
		{"/?id=88.1021.150/SN-1", nil, []string{"<title>企业页面</title>"}, ""},
	} {
		got := dom(t, "http://"+d.http+c.path, c.flags...)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", c.path, want, got)
			}
		}
		if c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s: %q in\n%s", c.path, c.not, got)
		}
	}
}
