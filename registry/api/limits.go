package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

func (s *server) describeLimits() {
	add(s, operation{
		id: "readLimits", method: http.MethodGet, path: "/v1/limits", tag: "limits", summary: "The limits in force",
		description: "Needs no key.", answers: map[int]*huma.Schema{200: schemaOf[registry.Limits](s)},
	}, func(context.Context, *struct{}) (*reply, error) { return jsonReply(http.StatusOK, s.limits) })
}
