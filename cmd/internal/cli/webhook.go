package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/standardwebhooks"
)

func (a *app) webhookCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List webhooks, without their secrets", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.listAll(ctx, "/v1/webhooks", nil, []string{"id", "enterprise", "state", "url", "events", "namespaces", "description"})
		}),
	}
	show := &cobra.Command{
		Use: "show ID", Short: "Show a webhook, without its secret", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.show(ctx, webhookPath(args[0]), nil, []string{"id", "enterprise", "state", "reason", "url", "events", "namespaces", "description",
				"created", "updated", "previousUntil"})
		}),
	}
	deliveries := &cobra.Command{
		Use: "deliveries ID", Short: "List the newest attempts, the newest first", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.listAll(ctx, webhookPath(args[0])+"/deliveries", nil, []string{"time", "kind", "result", "status", "attempt", "event", "items", "message", "durationMs", "nextTry", "error"})
		}),
	}
	remove := &cobra.Command{
		Use: "delete ID", Short: "Delete a webhook and its deliveries", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.send(ctx, request{method: http.MethodDelete, path: webhookPath(args[0])},
				func(map[string]any) string { return "deleted webhook " + args[0] })
		}),
	}
	return group("webhook", "Have changes told to a URL of yours (Standard Webhooks)", a.webhookCreate(), list, show, a.webhookUpdate(), remove,
		a.webhookRotate(), a.webhookTest(), a.webhookReplay(), deliveries, a.webhookVerify())
}

func webhookPath(id string) string { return "/v1/webhooks/" + url.PathEscape(id) }

// webhookFlags are the members of a webhook that can be changed.
type webhookFlags struct {
	url, description   string
	events, namespaces []string
}

func (w *webhookFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.url, "url", "", "where messages are sent: `URL` with https")
	f.StringSliceVar(&w.events, "event", nil, "only this `EVENT`, such as identifier.created (repeatable)")
	f.StringSliceVar(&w.namespaces, "namespace", nil, "only what is in this `PREFIX` (repeatable)")
	f.StringVar(&w.description, "description", "", "what it is for, in `WORDS`")
}

// body has the members whose flags were given. An empty list is all.
func (w *webhookFlags) body(cmd *cobra.Command) map[string]any {
	body := map[string]any{}
	for name, member := range map[string]struct {
		key   string
		value any
	}{"url": {"url", w.url}, "event": {"events", w.events}, "namespace": {"namespaces", w.namespaces}, "description": {"description", w.description}} {
		if cmd.Flags().Changed(name) {
			body[member.key] = member.value
		}
	}
	return body
}

func (a *app) webhookCreate() *cobra.Command {
	var w webhookFlags
	var enterprise, secretFile, out string
	cmd := &cobra.Command{
		Use:   "create --url URL",
		Short: "Have changes told from now on; the secret is shown this once",
		Long:  "Have changes told from now on. The secret alone goes to standard output, or with -O to a file that only you may\nread; give it to the receiver, which checks messages with it.",
		Example: `  idctl webhook create --url https://mes.example.com/hook --event identifier.created -O hook.secret
  idctl webhook list`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error {
		body := w.body(cmd)
		if enterprise != "" {
			body["enterprise"] = enterprise
		}
		if err := addSecret(a, body, secretFile); err != nil {
			return err
		}
		return a.newSecret(ctx, request{method: http.MethodPost, path: "/v1/webhooks", body: body}, out)
	})
	w.add(cmd)
	cmd.Flags().StringVar(&enterprise, "enterprise", "", "`ID` of the enterprise; default that of the key")
	cmd.Flags().StringVar(&secretFile, "secret-file", "", "`FILE` with the secret, whsec_…; default a new one")
	cmd.Flags().StringVarP(&out, "out", "O", "", "new `FILE` for the secret")
	_ = cmd.MarkFlagRequired("url")
	return cmd
}

// addSecret adds the secret in a file to body; "" is none.
func addSecret(a *app, body map[string]any, file string) error {
	if file == "" {
		return nil
	}
	text, err := a.secretIn(file)
	if err == nil {
		body["secret"] = text
	}
	return err
}

// secretIn is the secret in a file.
func (a *app) secretIn(file string) (string, error) {
	raw, err := a.readFile(file)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(raw))
	if _, err := standardwebhooks.ParseSecret(text); err != nil {
		return "", failf("%s does not hold one line whsec_ and the base64 of 24 to 64 octets", file)
	}
	return text, nil
}

func (a *app) webhookUpdate() *cobra.Command {
	var w webhookFlags
	var enable, disable bool
	var version uint64
	cmd := &cobra.Command{
		Use: "update ID", Short: "Change, enable or disable a webhook", Args: cobra.ExactArgs(1),
		Long:    "Change a webhook. Disabled, it keeps its place; enabled again, it goes on from there as far as the node\nstill knows what has changed.",
		Example: "  idctl webhook update w5xw3yqd4ljn2 --url https://mes2.example.com/hook\n  idctl webhook update w5xw3yqd4ljn2 --enable",
	}
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		body := w.body(cmd)
		switch {
		case enable && disable:
			return usagef("--enable and --disable exclude one another")
		case enable:
			body["state"] = "active"
		case disable:
			body["state"] = "disabled"
		}
		if len(body) == 0 {
			return usagef("nothing to change: give --url, --event, --namespace, --description, --enable or --disable")
		}
		h := conditions("", version)
		h.Set("Content-Type", "application/merge-patch+json")
		return a.send(ctx, request{method: http.MethodPatch, path: webhookPath(args[0]), body: body, header: h},
			func(e map[string]any) string { return "webhook " + cell(e, "id") + " is " + cell(e, "state") })
	})
	w.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&enable, "enable", false, "send messages again")
	f.BoolVar(&disable, "disable", false, "send no more messages")
	f.Uint64Var(&version, "version", 0, "only if this is its version `N`")
	return cmd
}

func (a *app) webhookRotate() *cobra.Command {
	var grace time.Duration
	var secretFile, out string
	cmd := &cobra.Command{
		Use: "rotate ID", Short: "Give a webhook another secret; it is shown this once", Args: cobra.ExactArgs(1),
		Long: "Give a webhook another secret. For the time of --grace messages are signed with both.",
		RunE: a.run(func(ctx context.Context, args []string) error {
			body := map[string]any{"grace": grace.String()}
			if err := addSecret(a, body, secretFile); err != nil {
				return err
			}
			return a.newSecret(ctx, request{method: http.MethodPost, path: webhookPath(args[0]) + ":rotate", body: body}, out)
		}),
	}
	f := cmd.Flags()
	f.DurationVar(&grace, "grace", 24*time.Hour, "how long the secret before is good, too; 0 for not at all, at most 720h")
	f.StringVar(&secretFile, "secret-file", "", "`FILE` with the secret, whsec_…; default a new one")
	f.StringVarP(&out, "out", "O", "", "new `FILE` for the secret")
	return cmd
}

func (a *app) webhookTest() *cobra.Command {
	return &cobra.Command{
		Use: "test ID", Short: "Send a message of type webhook.test now, and say what came back", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.attempt(ctx, request{method: http.MethodPost, path: webhookPath(args[0]) + ":test"}, "")
		}),
	}
}

func (a *app) webhookReplay() *cobra.Command {
	var since, message string
	cmd := &cobra.Command{
		Use: "replay ID (--since TIME | --message ID)", Short: "Send messages again, with the ids that they had", Args: cobra.ExactArgs(1),
		Long: "Send messages again: all since a time, in their order and before what is new; or one of those that\n'idctl webhook deliveries' lists, now.",
		RunE: a.run(func(ctx context.Context, args []string) error {
			if (since == "") == (message == "") {
				return usagef("give either --since or --message")
			}
			r := request{method: http.MethodPost, path: webhookPath(args[0]) + ":replay", body: map[string]any{"message": message}}
			if message != "" {
				return a.attempt(ctx, r, "delivery.")
			}
			t, err := parseTime(since, time.Now())
			if err != nil {
				return err
			}
			r.body = map[string]any{"since": t.Format(time.RFC3339)}
			return a.send(ctx, r, func(e map[string]any) string {
				if from := cell(e, "from"); from != "" {
					return "webhook " + args[0] + " tells again what has changed since " + from
				}
				return "nothing has changed since"
			})
		}),
	}
	cmd.Flags().StringVar(&since, "since", "", "all since this `TIME` (RFC 3339), date, or duration ago such as 36h")
	cmd.Flags().StringVar(&message, "message", "", "the message with this webhook-`ID`")
	return cmd
}

// attempt makes a request that is answered with an attempt to deliver, whose members begin with
// place. An attempt that failed is a failure.
func (a *app) attempt(ctx context.Context, r request, place string) error {
	answer := map[string]any{}
	body, err := a.callInto(ctx, r, &answer)
	if err != nil {
		return err
	}
	result, status := cell(answer, place+"result"), cell(answer, place+"status")
	if a.output == "json" {
		err = a.printBody(body)
	} else if result == "delivered" {
		_, err = fmt.Fprintf(a.Out, "delivered: the receiver answered %s within %s ms\n", clean(status), clean(cell(answer, place+"durationMs")))
	}
	if err == nil && result != "delivered" {
		err = failf("not delivered: %s", cell(answer, place+"error"))
	}
	return err
}

func (a *app) webhookVerify() *cobra.Command {
	var secretFile, id, timestamp, signature, at string
	cmd := &cobra.Command{
		Use: "verify --secret-file FILE --id ID --timestamp N --signature S", Short: "Check a message that was received, with its body on standard input", Args: cobra.NoArgs,
		Example: `  idctl webhook verify --secret-file hook.secret --id msg_… --timestamp 1792060800 --signature 'v1,…' < body`,
		RunE: a.run(func(_ context.Context, _ []string) error {
			text, err := a.secretIn(secretFile)
			if err != nil {
				return err
			}
			now := time.Now()
			if at != "" {
				if now, err = parseTime(at, now); err != nil {
					return err
				}
			}
			body, err := a.readFile("-")
			if err != nil {
				return err
			}
			secret, err := standardwebhooks.ParseSecret(text)
			if err != nil {
				return err
			}
			h := make(http.Header)
			h.Set(standardwebhooks.HeaderID, id)
			h.Set(standardwebhooks.HeaderTimestamp, timestamp)
			h.Set(standardwebhooks.HeaderSignature, signature)
			switch err := secret.Verify(h, body, now); err {
			case nil:
			case standardwebhooks.ErrTime:
				return failf("the signature is good, but the message is more than %s from now; --at is when it came", standardwebhooks.Tolerance)
			default:
				return failf("the message is not by the holder of this secret, or its body is not as it was sent")
			}
			if a.output == "json" {
				_, err = fmt.Fprintln(a.Out, `{"verified":true}`)
			} else {
				_, err = fmt.Fprintln(a.Out, "the message is as it was sent")
			}
			return err
		}),
	}
	f := cmd.Flags()
	f.StringVar(&secretFile, "secret-file", "", "`FILE` with the secret, whsec_…")
	f.StringVar(&id, "id", "", "the header webhook-`ID`")
	f.StringVar(&timestamp, "timestamp", "", "the header webhook-timestamp, `SECONDS`")
	f.StringVar(&signature, "signature", "", "the header webhook-`SIGNATURE`")
	f.StringVar(&at, "at", "", "when the message came: a `TIME` (RFC 3339) or duration ago; default now")
	for _, name := range []string{"secret-file", "id", "timestamp", "signature"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}
