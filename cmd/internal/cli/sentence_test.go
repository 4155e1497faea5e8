package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sentences are the functions that take sentences for people, and which argument it is.
var sentences = map[string]int{"usagef": 0, "failf": 0, "say": 1}

// TestSentencesZH: whatever idctl says of what is wrong stands in the catalogue with the same verbs, and
// nothing else does.
func TestSentencesZH(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[string]bool)
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, _ := call.Fun.(*ast.Ident)
			if f == nil {
				return true
			}
			at, ok := sentences[f.Name]
			if !ok || len(call.Args) <= at {
				return true
			}
			lit, ok := call.Args[at].(*ast.BasicLit)
			if !ok {
				if field, ok := call.Args[at].(*ast.SelectorExpr); !ok || field.Sel.Name != "format" {
					t.Errorf("%s: the sentence is no literal", files.Position(call.Pos()))
				}
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			used[text] = true
			zh, ok := sentencesZH[text]
			if !ok {
				t.Errorf("%s: %q has no Chinese", files.Position(call.Pos()), text)
			} else if got, want := verbs(zh), verbs(text); !slices.Equal(got, want) {
				t.Errorf("%q has the verbs %q, its Chinese %q", text, want, got)
			}
			return true
		})
	}
	if len(used) < 50 {
		t.Errorf("found %d sentences", len(used))
	}
	for text := range sentencesZH {
		if !used[text] {
			t.Errorf("%q is said nowhere", text)
		}
	}
}

// verbs are those of a format, in the order of the arguments that they take.
func verbs(format string) []string {
	found := regexp.MustCompile(`%(\[(\d)\])?([a-zA-Z])`).FindAllStringSubmatch(format, -1)
	out := make([]string, len(found))
	for i, v := range found {
		at := i
		if v[2] != "" {
			n, _ := strconv.Atoi(v[2])
			at = n - 1
		}
		if at >= len(out) {
			return nil
		}
		out[at] = v[3]
	}
	return out
}

func TestLanguage(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		want language
	}{
		{nil, english},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, chinese},
		{map[string]string{"LANG": "zh_TW"}, chinese},
		{map[string]string{"LANG": "de_DE.UTF-8"}, english},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, english},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, chinese},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, english},
		{map[string]string{"LC_MESSAGES": "C", "LC_ALL": "zh"}, chinese},
	} {
		a := &app{IO: IO{Getenv: func(k string) string { return tc.env[k] }}}
		if got := a.language(); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.env, got, tc.want)
		}
	}
}

// TestErrorsInChinese: with a Chinese environment the node is asked for Chinese, and idctl's own errors
// are in Chinese, wherever they stand.
func TestErrorsInChinese(t *testing.T) {
	t.Chdir(t.TempDir())
	env := map[string]string{"LANG": "zh_CN.UTF-8"}
	var asked string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept-Language")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = w.Write([]byte(`{"code":"version_mismatch","detail":"当前版本为 7","expected":3,"action":"请重新读取记录。"}`))
	}))
	defer srv.Close()
	const usage = "\n用法见 idctl --help，或在命令后加 --help。\n"
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"get", "88.1/x", "--server", srv.URL}, "idctl: 88.1/x: version_mismatch: 当前版本为 7（期望的版本是 3）\n请重新读取记录。\n"},
		{[]string{"list", "--limit", "-1"}, "idctl: --limit 不能小于 0" + usage},
		{[]string{"list", "-o", "yaml"}, "idctl: --output 应为 text 或 json，而不是 \"yaml\"" + usage},
		{[]string{"prefix", "frob"}, "idctl: \"idctl prefix\" 没有子命令 \"frob\"" + usage},
		{[]string{"list", "--limit", "-1", "-o", "json"}, `{"code":"usage","detail":"--limit 不能小于 0"}` + "\n"},
		{[]string{"resolve", "88.1/x", "--via", "handle-tcp", "--identity", "x"}, "idctl: --identity：\"x\" 不是 索引:标识 的形式，例如 300:88.1021/ADMIN" + usage},
	} {
		if _, errs, _ := runEnv(t, env, "", tc.args...); errs != tc.want {
			t.Errorf("%v: %q, want %q", tc.args, errs, tc.want)
		}
	}
	if asked != "zh-CN" {
		t.Errorf("Accept-Language: %q", asked)
	}
	if _, _, _ = run(t, "", "get", "88.1/x", "--server", srv.URL); asked != "en" {
		t.Errorf("without an environment Accept-Language is %q", asked)
	}
	addr := unused(t)
	_, errs, code := runEnv(t, env, "", "get", "88.1/x", "--server", "http://"+addr)
	if want := "idctl: 88.1/x: " + addr + " 没有应答：连接被拒绝（"; code != exitFailed || !strings.HasPrefix(errs, want) || !strings.HasSuffix(errs, "；请确认节点正在运行且地址正确\n") {
		t.Errorf("exit %d, %q; want %q…", code, errs, want)
	}
	if _, errs, _ := run(t, "", "get", "88.1/x", "--server", "http://"+addr); !strings.HasSuffix(errs, "refused; is the node running there?\n") {
		t.Errorf("in English: %q", errs)
	}
}

// TestImportInChinese: rows that idctl itself refuses, and why an import cannot begin, are in Chinese.
func TestImportInChinese(t *testing.T) {
	t.Chdir(t.TempDir())
	env := map[string]string{"LC_ALL": "zh_CN.UTF-8"}
	_, errs, code := runEnv(t, env, "id,index,type,data\n88.1/x,0,URL,u\n", "import", "-", "--format", "csv")
	if want := "88.1/x: invalid_value: index \"0\" 应为 1 到 2147483647 的数\n"; code != exitFailed || !strings.Contains(errs, want) {
		t.Errorf("exit %d, %q; want %q", code, errs, want)
	}
	_, errs, code = runEnv(t, env, "id,index\n", "import", "-", "--format", "csv")
	if want := "：缺少列 \"type\"：列名应为 "; code != exitFailed || !strings.Contains(errs, want) {
		t.Errorf("exit %d, %q; want %q", code, errs, want)
	}
}

// TestAdvice: below the error stand all places of a problem that has several, and what to do.
func TestAdvice(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tc := range []struct{ body, want string }{
		{`{"code":"not_found","detail":"no","action":"Check the name."}`, "idctl: 88.1/x: not_found: no\nCheck the name.\n"},
		{`{"code":"invalid_value","detail":"a","errors":[{"message":"a","location":"/x"}],"action":"Correct\u001b it."}`, "idctl: 88.1/x: invalid_value: a (at /x)\nCorrect\\x1b it.\n"},
		{
			`{"code":"template_mismatch","detail":"a","errors":[{"message":"a","location":"/fields/x"},{"message":"b"}],"action":"Correct all."}`,
			"idctl: 88.1/x: template_mismatch: a (at /fields/x); b\n  /fields/x: a\n  b\nCorrect all.\n",
		},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(tc.body))
		}))
		if _, errs, _ := run(t, "", "get", "88.1/x", "--server", srv.URL); errs != tc.want {
			t.Errorf("%s: %q, want %q", tc.body, errs, tc.want)
		}
		if _, errs, _ := run(t, "", "get", "88.1/x", "--server", srv.URL, "-o", "json"); errs != tc.body+"\n" {
			t.Errorf("with -o json: %q, want %q", errs, tc.body)
		}
		srv.Close()
	}
}
