package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"
)

func (a *app) prefixTakeback() *cobra.Command {
	var scheme, reason, from, fromKey string
	cmd := &cobra.Command{
		Use:   "takeback PREFIX",
		Short: "Host a prefix again that was handed over",
		Long: `Answer for a prefix here again that was handed over, with the records that were left here. What was written
at the other node since comes along with --from, if that is an idnode: it is frozen there, copied and
compared first. Without --from it is lost.`,
		Example: "  idctl prefix takeback 88.1021.200 --from https://192.0.2.7:8080 --from-key-file new.key",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			scheme, prefix, err := namespace(args[0], scheme)
			if err != nil {
				return err
			}
			h := &handover{place: place{a, scheme, prefix}, reason: orDefault(reason, "taken back")}
			if from != "" {
				other := place{a.at(from, fromKey), scheme, prefix}
				if err := h.fetch(ctx, other); err != nil {
					return err
				}
			}
			if err := h.step(ctx, "takeback", h.reason, nil, ""); err != nil {
				return err
			}
			h.say("switch", "%s is hosted here", prefix)
			if from != "" {
				h.say("done", "at %s the prefix stays frozen and is answered until it is withdrawn there", from)
			}
			return nil
		}),
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "`URL` of the other node's HTTP interface, if it is an idnode")
	f.StringVar(&fromKey, "from-key-file", "", "`FILE` that holds the API key of an operator there")
	f.StringVar(&scheme, "scheme", "", "coding scheme (default: handle)")
	f.StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

// fetch brings what another node has of the prefix here.
func (h *handover) fetch(ctx context.Context, from place) error {
	ns, err := h.read(ctx)
	switch {
	case err != nil:
		return err
	case ns == nil:
		return failf("prefix %s is not allocated here", h.prefix)
	case ns.Mode != "delegated":
		return failf("prefix %s is hosted here", h.prefix)
	}
	if err := from.step(ctx, "freeze", h.reason, nil, ""); err != nil {
		return err
	}
	h.say("freeze", "%s takes no writes at %s", h.prefix, from.server)
	m, sum, err := from.copyTo(ctx, h.place, 0, false)
	if err != nil {
		return err
	}
	h.say("copy", "%d records; %d lines were new here", m.Lines("records"), sum.Stored)
	here, err := h.digest(ctx)
	if err != nil {
		return err
	}
	there, err := from.digest(ctx)
	if err != nil {
		return err
	}
	if here.Content != there.Content {
		return failf("the nodes differ: %d records here, digest %s; %d at the other node, digest %s", here.Records, here.Content, there.Records, there.Content)
	}
	h.say("compare", "%d records, digest %s at both nodes", here.Records, here.Content)
	return nil
}

func uintText(n uint64) string { return strconv.FormatUint(n, 10) }
