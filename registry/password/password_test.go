package password

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestHash(t *testing.T) {
	h := New(Options{})
	ctx := t.Context()
	form := Form("123456")
	if form != "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92" { // SNMS OpenAPI v5, sample of /identity/registry
		t.Errorf("form %s", form)
	}
	one, err := h.Hash(ctx, form)
	two, err2 := h.Hash(ctx, form)
	if err != nil || err2 != nil || one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=32768,t=3,p=1$") || strings.Contains(one, form) {
		t.Errorf("hashes %s and %s, %v, %v", one, two, err, err2)
	}
	for _, c := range []struct {
		name, hash, form string
		want             bool
	}{
		{"right", one, form, true},
		{"in upper case", one, strings.ToUpper(form), true},
		{"wrong", one, Form("1234567"), false},
		{"nobody's", "", form, false},
	} {
		if got, err := h.Verify(ctx, c.hash, c.form); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	for _, damaged := range []string{"x", "$argon2id$v=19$$$", strings.Replace(one, "v=19", "v=16", 1), strings.Replace(one, "argon2id", "argon2i", 1), one[:len(one)-43]} {
		if ok, err := h.Verify(ctx, damaged, form); ok || err == nil {
			t.Errorf("%s: %v, %v", damaged, ok, err)
		}
	}
}

// TestRuns: no more than four at a time, and who gives up waiting gets an error.
func TestRuns(t *testing.T) {
	var now, most atomic.Int32
	h := New(Options{Passes: 1, Memory: 64, Observe: func() {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
	}})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { h.Verify(t.Context(), "", Form("x")) })
	}
	all.Wait()
	if most.Load() > runs {
		t.Errorf("%d at a time", most.Load())
	}
	for range runs {
		h.turns <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(gone, Form("x")); err == nil {
		t.Error("a hash without a turn")
	}
}

func TestWeak(t *testing.T) {
	for _, c := range []struct {
		password       string
		length, common bool
	}{
		{"1234567", false, false}, {"12345678", true, true}, {"Password", true, true}, {"correct horse", true, false},
		{"标识解析二级节点", true, false}, {strings.Repeat("x", 129), false, false}, {"\xff2345678", false, false},
	} {
		if Length(c.password) != c.length || Common(Form(c.password)) != c.common {
			t.Errorf("%q: length %v, common %v", c.password, Length(c.password), Common(Form(c.password)))
		}
	}
	if !IsForm(Form("x")) || IsForm("x") || IsForm(Form("x")+"00") {
		t.Error("IsForm")
	}
}
