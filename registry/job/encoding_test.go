package job

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/idnode/idnode/registry"
)

func gb18030(t *testing.T, text string) string {
	t.Helper()
	out, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestToUTF8(t *testing.T) {
	long := strings.Repeat("a,b,1\n", 20_000)
	chinese := strings.Repeat("轴承,深沟球轴承\n", 20_000)
	f := func(name, in, want string) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			got, err := io.ReadAll(ToUTF8(r))
			if err != nil || string(got) != want {
				t.Errorf("%s: %d octets, %v, want %d", name, len(got), err, len(want))
			}
		}
	}
	f("empty", "", "")
	f("ASCII", long, long)
	f("UTF-8", chinese, chinese)
	f("UTF-8 after ASCII", long+chinese, long+chinese)
	f("UTF-8 with its mark", "\ufeffid,名称\n", "\ufeffid,名称\n")
	f("GB18030", gb18030(t, chinese), chinese)
	f("GB18030 after ASCII", long+gb18030(t, chinese), long+chinese)
	f("GB18030, four octets", gb18030(t, "𠮷,㐂\n"), "𠮷,㐂\n")
	f("one character", gb18030(t, "轴"), "轴")
	for name, in := range map[string]string{"UTF-16": "\xff\xfei\x00d\x00", "neither": "a\xff\xff\xffb", "cut": gb18030(t, "轴承") + "\x81"} {
		if _, err := io.ReadAll(ToUTF8(strings.NewReader(in))); !isRefusal(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cut := errors.New("cut")
	if _, err := io.ReadAll(ToUTF8(io.MultiReader(bytes.NewReader([]byte("轴承")), iotest.ErrReader(cut)))); !errors.Is(err, cut) {
		t.Errorf("broken input: %v", err)
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*registry.Error](err)
	return ok
}
